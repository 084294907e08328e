"""What each service is told: a pure function from the stack to environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.settings import Settings
from pydantic import ValidationError

from igny8_local.databases import Databases
from igny8_local.errors import StackError
from igny8_local.keys import master_key_file
from igny8_local.layout import Layout
from igny8_local.services import HOST, SECRETS

ADMINISTRATION = frozenset(
    {"IGNY8_DATABASE", "IGNY8_DATABASE_PREFIX", "IGNY8_PORT", "IGNY8_TOKEN_KEYS", "IGNY8_UPSTREAMS"}
)
"""Variables of the operator that no service is handed as they are."""
RATE_LIMITS = ",".join(
    f"{name}=1000000" for name in ("auth", "read", "write", "ai", "import", "webhook", "failed")
)
"""The embedded stack has one user, who may be a benchmark: nothing is held back unless the operator says so."""


@dataclass(frozen=True)
class Broker:
    """A Kafka address, and the incarnation of the cluster behind it (empty: Kafka's own cluster id)."""

    bootstrap: str
    incarnation: str = ""


def checked(given: Mapping[str, str]) -> Settings:
    """The operator's variables as the services will read them. Raises StackError, which names what is wrong."""
    prefix = "IGNY8_"
    ours = {
        name.removeprefix(prefix).lower(): value for name, value in given.items() if name.startswith(prefix)
    }
    try:
        return Settings.model_validate(ours)
    except ValidationError as error:
        wrong = [f"{prefix}{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors()]
        raise StackError(f"{'; '.join(wrong)}. Every variable is described in .env.example.") from None


def base_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The operator's environment without our own variables: no service learns the administrator's password."""
    kept = {name: value for name, value in given.items() if not name.startswith("IGNY8_")}
    # Modules in the working directory must not shadow installed ones; logs must not wait in a buffer.
    return kept | {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}


def service_environment(
    name: str,
    *,
    given: Mapping[str, str],
    layout: Layout,
    databases: Databases,
    broker: Broker,
    ports: Mapping[str, int],
) -> dict[str, str]:
    """The whole environment of one service; `ports` holds every service with its port, the gateway first."""
    passed = {
        variable: value
        for variable, value in given.items()
        if variable.startswith("IGNY8_") and variable not in ADMINISTRATION and value
    }
    defaults = {
        "IGNY8_OBJECTS": layout.objects.as_uri(),
        "IGNY8_PUBLISH_FOLDER": str(layout.published),
        "IGNY8_MAIL": layout.mail.as_uri(),
        "IGNY8_RATE_LIMITS": RATE_LIMITS,
    }
    if not passed.keys() & {"IGNY8_MASTER_KEY", "IGNY8_MASTER_KEY_FILE"}:
        defaults["IGNY8_MASTER_KEY_FILE"] = str(master_key_file(layout))
    own = {
        "IGNY8_SERVICE_DATABASE": databases.url(name),
        "IGNY8_RELAY_DATABASE": databases.url(name, "relay"),
        "IGNY8_SECRETS_DATABASE": databases.url(SECRETS),
        "IGNY8_KAFKA": broker.bootstrap,
        "IGNY8_KAFKA_INCARNATION": broker.incarnation,
        "IGNY8_JWKS": str(layout.jwks),
        "IGNY8_LISTEN": f"{HOST}:{ports[name]}",
        "IGNY8_DATA_DIR": str(layout.data_dir),
    }
    if name == "gateway":
        own["IGNY8_TOKEN_KEYS"] = str(layout.token_keys)
        own["IGNY8_UPSTREAMS"] = ",".join(
            f"{upstream}=http://{HOST}:{port}" for upstream, port in ports.items() if upstream != name
        )
    return base_environment(given) | defaults | passed | own
