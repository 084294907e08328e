"""The one configuration table: every variable the processes read from the environment. `.env.example` is made from it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Read from variables named `IGNY8_` + the field's name in capitals; nothing else is read from the environment."""

    model_config = SettingsConfigDict(env_prefix="IGNY8_", extra="ignore")

    service_database: str = Field(
        "", description="PostgreSQL URL of this service's database, as its own role (no BYPASSRLS)."
    )
    relay_database: str = Field("", description="The same database as the relay's role.")
    secrets_database: str = Field("", description="PostgreSQL URL of the secret store.")
    kafka: str = Field("localhost:9092", description="Bootstrap servers, comma separated.")
    kafka_incarnation: str = Field(
        "", description="Id of an in-memory broker's life; empty: the Kafka cluster's id."
    )
    objects: str = Field("", description="Object store: a directory, file:// or s3:// URL.")
    master_key: SecretStr = Field(
        SecretStr(""),
        description="32 bytes in base64; wraps the accounts' data keys. While it is rotated: the new one, a comma, the old one.",
    )
    master_key_file: Path | None = Field(
        None,
        description="Instead of it: a file with the master keys, a line each, the one in force first; read again when changed.",
    )
    token_keys: Path = Field(Path(), description="Directory of the gateway's signing keys (gateway only).")
    jwks: str = Field("", description="File or URL of the gateway's public keys.")
    listen: str = Field("127.0.0.1:8080", description="host:port this service answers HTTP on.")
    upstreams: str = Field("", description="Gateway only: planner=http://…,writer=…,billing=…,publisher=…")
    rate_limits: str = Field(
        "auth=10,read=600,write=120,ai=30,import=10,webhook=300,failed=60",
        description="Gateway only: requests a minute by class and caller (auth, failed: by address); what is left out stays.",
    )
    rate_limit_store: str = Field(
        "",
        description="Gateway only: redis:// or valkey:// URL shared by all gateways; empty: each counts by itself.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1",
        description="Addresses or networks whose X-Forwarded-For is believed, comma separated; * is all.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Gateway only: origins whose pages may use the API with credentials, comma separated."
    )
    ai_base_url: str = Field(
        "", description="An OpenAI-compatible endpoint; empty: the offline `local` provider."
    )
    ai_key: SecretStr = Field(SecretStr(""), description="Key of that endpoint.")
    ai_model: str = Field("", description="Chat model of that endpoint.")
    ai_image_model: str = Field(
        "", description="Image model of that endpoint; empty: images by the `local` provider."
    )
    mail: SecretStr = Field(
        SecretStr(""),
        description="Gateway: smtp://user:password@host:587 (STARTTLS), smtps://… (TLS) or file:///directory of .eml files.",
    )
    mail_from: str = Field("IGNY8 <no-reply@localhost>", description="Sender of e-mails.")
    console_url: str = Field(
        "http://localhost:3000",
        description="Address of the web console: where links in e-mails lead, and whose pages may use the refresh cookie.",
    )
    otlp_endpoint: str = Field("", description="http(s)://host:4318 or file:///directory; empty: no traces.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    data_dir: Path = Field(Path(".igny8"), description="Where the embedded stack keeps its data.")
    trial_credits: int = Field(
        200, ge=0, le=1_000_000_000, description="Credits granted to a new trial account."
    )
    allowed_private_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Private hosts or host:port that user-given URLs may name, comma separated."
    )
    publish_folder: Path | None = Field(
        None, description="Publisher: sites without WordPress publish below this folder."
    )
    site_settle_seconds: float = Field(
        60.0,
        ge=0,
        description="Publisher: how long a site may still work on a request whose sender is gone (its web server's limit).",
    )

    @field_validator("allowed_private_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @property
    def host_and_port(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host, int(port)
