"""`python -m common.configuration [--check | --new]`: the one table of variables, as `.env.example`.

Without an argument it writes `.env.example`; `--check` exits with code 1 when that file is not what the table says;
`--new` prints a `.env` for `docker compose` with fresh passwords and keys on standard output.
"""

import base64
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from common.contracts.base import SERVICES
from common.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLE = REPOSITORY / ".env.example"


@dataclass(frozen=True)
class Variable:
    """One variable; `fresh` says what a new installation must make up for it."""

    name: str
    description: str
    default: str = ""
    fresh: Literal["password", "key"] | None = None


@dataclass(frozen=True)
class Section:
    """The variables of one reader."""

    title: str
    variables: tuple[Variable, ...]


def _text(default: Any) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, tuple):
        return ",".join(default)
    return "" if default in (None, Path()) else str(default)


def _of_the_services() -> tuple[Variable, ...]:
    prefix = Settings.model_config["env_prefix"]
    return tuple(
        Variable(
            f"{prefix}{name}".upper(),
            field.description or "",
            _text(field.default),
            "key" if name == "master_key" else None,
        )
        for name, field in Settings.model_fields.items()
    )


SECTIONS = (
    Section("Every service (common/settings.py)", _of_the_services()),
    Section(
        "The object store's client, where IGNY8_OBJECTS is an s3:// URL",
        (
            Variable("AWS_ENDPOINT_URL", "Address of an S3-compatible store; empty: AWS itself."),
            Variable("AWS_ACCESS_KEY_ID", "Who we are to it.", "igny8"),
            Variable("AWS_SECRET_ACCESS_KEY", "And how we prove it.", fresh="password"),
            Variable("AWS_REGION", "Its region.", "us-east-1"),
            Variable("AWS_ALLOW_HTTP", "true for a store without TLS."),
        ),
    ),
    Section(
        "The migrations (python -m common.migrate)",
        (
            Variable("IGNY8_MIGRATION_DATABASE", "PostgreSQL URL of a service's database as its owner."),
            Variable("IGNY8_SERVICE_ROLE", "The role that is granted what a service needs."),
            Variable("IGNY8_RELAY_ROLE", "The role that is granted what the relay needs."),
        ),
    ),
    Section(
        "The igny8 command",
        (
            Variable("IGNY8_DATABASE", "A PostgreSQL server and its administrator; empty: the embedded one."),
            Variable("IGNY8_DATABASE_PREFIX", "Begins the names of databases and roles on it.", "igny8"),
            Variable("IGNY8_PORT", "The gateway's port; the others follow.", "8080"),
        ),
    ),
    Section(
        "docker compose",
        (
            Variable(
                "IGNY8_DOMAIN",
                "The name the reverse proxy answers to and has a certificate for.",
                "localhost",
            ),
            Variable("POSTGRES_PASSWORD", "Of the server's administrator.", fresh="password"),
            Variable("IGNY8_OWNER_PASSWORD", "Of the databases' owners: migrations only.", fresh="password"),
            *(
                Variable(
                    f"IGNY8_{service.upper()}_PASSWORD",
                    f"Of the {service}'s database roles.",
                    fresh="password",
                )
                for service in SERVICES
            ),
            Variable("IGNY8_SECRETS_PASSWORD", "Of the secret store's database role.", fresh="password"),
            Variable(
                "GRAFANA_PASSWORD", "Of Grafana's administrator (profile observability).", fresh="password"
            ),
            Variable(
                "WORDPRESS_PASSWORD", "Of the demo WordPress' database (profile wordpress).", fresh="password"
            ),
        ),
    ),
)


def example() -> str:
    """The text of `.env.example`: every variable with its description and default, all of them comments."""
    lines = [
        "# Every variable that is read from the environment. Made by `make env`; change common/configuration.py."
    ]
    lines += ["# For docker compose: python -m common.configuration --new > .env"]
    for section in SECTIONS:
        lines += ["", f"## {section.title}"]
        for variable in section.variables:
            lines += [f"# {variable.description}", f"#{variable.name}={variable.default}"]
    return "\n".join(lines) + "\n"


def fresh() -> str:
    """A `.env` that `docker compose` starts with: a new value for everything secret."""
    lines = ["# Keep this file: the data can be read with these keys only."]
    for section in SECTIONS:
        for variable in section.variables:
            if variable.fresh == "password":  # characters that need no quoting in a URL
                lines.append(f"{variable.name}={secrets.token_urlsafe(24)}")
            elif variable.fresh == "key":
                lines.append(f"{variable.name}={base64.b64encode(secrets.token_bytes(32)).decode()}")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> str | None:
    """Do it; what is wrong, or None."""
    if "--new" in arguments:
        sys.stdout.write(fresh())
    elif "--check" in arguments:
        if not EXAMPLE.exists() or EXAMPLE.read_text() != example():
            return ".env.example is not what common/configuration.py says; run make env"
    else:
        EXAMPLE.write_text(example())
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
