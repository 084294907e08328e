"""The client."""

import time
from types import TracebackType
from typing import Any, Self

import httpx

from igny8_client.connection import Connection, Id
from igny8_client.models import ProgressOut
from igny8_client.operations import Operations

TIMEOUT_SECONDS = 30.0
ANSWER_SECONDS = 90.0
"""Longer than the longest `Prefer: wait`, of 60."""
POLL_SECONDS = 0.5


class Client(Operations):
    """The API at `url`, as the holder of an API key, or of tokens after `sign_in`.

    `act_as` is the account for which staff act. `transport` is httpx's own.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        act_as: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"X-API-Key": api_key, "X-Act-As-Account": act_as}
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1/",
            headers={name: value for name, value in headers.items() if value is not None},
            timeout=httpx.Timeout(TIMEOUT_SECONDS, read=ANSWER_SECONDS),
            transport=transport,
        )
        self.connection = Connection(self._http)
        super().__init__(self.connection)

    def sign_in(self, access: str, refresh: str | None = None) -> None:
        """Call with these tokens from now on; with `refresh` they are renewed when they have expired."""
        self.connection.sign_in(access, refresh)

    def ended(self, task_id: Id, *, seconds: float = 600.0) -> ProgressOut:
        """A task or a run once it has completed, failed or been cancelled. Raises TimeoutError after `seconds`."""
        until = time.monotonic() + seconds
        while (task := self.system.settings.task_progress.get(task_id)).status in ("running", "paused"):
            if time.monotonic() > until:
                raise TimeoutError(f"{task_id} is at {task.percent} % after {seconds:.0f} s: {task.phase}")
            self.connection.sleep(POLL_SECONDS)
        return task

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request, as it stands: `path` below `/api/v1/`, `options` as of httpx. Raises nothing for an error."""
        return self._http.request(method, path, **options)

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
