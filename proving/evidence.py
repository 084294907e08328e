"""Where the oracle looks, and what the harness itself knows of a run."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from common.contracts.base import SERVICES, spec_of
from common.eventsourcing.event import Meta, Recorded
from common.model import ServiceModel
from igny8_local.stack import Stack
from psycopg.rows import dict_row

from proving.load import Ledger
from tests.parts.fake_ai import Call
from tests.parts.wordpress import RealWordPress

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A fault that fired: from when until when it may have interrupted whose work, in seconds since the epoch."""

    at: float
    until: float
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Public:
    """A recorded fact that the published language says somebody must hear."""

    service: str
    event_id: UUID
    stream: str
    version: int
    type: str
    recorded_at: datetime
    heard_by: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id} ({self.service}, {self.stream} version {self.version})"


@dataclass
class Evidence:
    """Where to look, and what the harness itself knows: what was promised, and which faults fired."""

    stack: Stack
    ledger: Ledger
    calls: Sequence[Call]
    disturbances: Sequence[Disturbance] = ()
    broker_since: float = 0.0
    """When the broker that runs now was started, where it forgets at its end."""
    wordpress: RealWordPress | None = None
    _models: dict[str, ServiceModel] = field(default_factory=dict)

    def rows(self, service: str, query: str, *values: Any) -> list[Row]:
        """Across all tenants."""
        url = self.stack.database_url(service, "owner")
        with psycopg.connect(url, row_factory=dict_row, autocommit=True) as connection:
            return connection.execute(query, values or None).fetchall()

    def column(self, service: str, query: str, *values: Any) -> list[Any]:
        return [next(iter(row.values())) for row in self.rows(service, query, *values)]

    def model(self, service: str) -> ServiceModel:
        if service not in self._models:
            self._models[service] = import_module(f"{service}.app").SERVICE.model
        return self._models[service]

    def facts(self, service: str) -> list[Recorded[Any]]:
        types = self.model(service).types
        return [
            Recorded(
                row["position"],
                row["account_id"],
                row["stream"],
                row["version"],
                row["event_id"],
                types.decode_json(row["type"], row["data"].encode()),
                msgspec.convert(row["meta"], Meta),
                row["recorded_at"],
            )
            for row in self.rows(
                service,
                "SELECT position, account_id, stream, version, event_id, type, data::text, meta, recorded_at"
                " FROM events ORDER BY position",
            )
        ]

    def public(self) -> list[Public]:
        found = []
        for service in SERVICES:
            publish = self.model(service).publish
            for fact in self.facts(service):
                if (contract := publish(fact)) is not None:
                    spec = spec_of(type(contract))
                    found.append(
                        Public(
                            *(service, fact.event_id, fact.stream, fact.version, spec.name),
                            fact.recorded_at,
                            spec.heard_by,
                        )
                    )
        return found


Check = Callable[[Evidence], Iterable[str]]
