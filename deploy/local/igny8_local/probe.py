"""Asking a service how it is."""

import http.client
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Health:
    """The answer of `/readyz`."""

    ready: bool
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: str = ""
    """Why there was no answer, when there was none."""

    @property
    def outbox_age_seconds(self) -> float | None:
        """The age of the oldest event not yet published."""
        return self.checks.get("relay", {}).get("outbox_age_seconds")

    @property
    def lag(self) -> int | None:
        """Messages not yet consumed."""
        return self.checks.get("consumer", {}).get("lag")

    @property
    def complaint(self) -> str:
        """The failing checks in one line."""
        red = [
            f"{name}: {check.get('detail', 'red')}"
            for name, check in self.checks.items()
            if not check.get("ok")
        ]
        return self.error or "; ".join(red)


def health(url: str, pid: int | None = None, timeout: float = 2) -> Health:
    """Asks `url/readyz`; never raises. The timeout is in seconds.

    Where a pid is given, the answer of another process counts as none: it came first to this port.
    """
    address = urlsplit(url)
    # Not urllib.request: a proxy set in the environment has no business with the local stack.
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = json.loads(answer.read())
        if pid is not None and body.get("pid") != pid:
            return Health(
                False, error=f"another process (pid {body.get('pid')}) answers at port {address.port}"
            )
        return Health(answer.status == 200 and bool(body.get("ready")), body.get("checks", {}))
    except (OSError, http.client.HTTPException) as error:
        return Health(False, error=f"no answer ({error})")
    except (ValueError, AttributeError):
        return Health(False, error="/readyz answers something that is not its JSON")
    finally:
        connection.close()
