"""A service without its process, on a real PostgreSQL: the test is the broker, the gateway and the worker."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx
import msgspec
from common.ai.answers_store import PostgresAnswers
from common.ai.engine import AIEngine
from common.ai.providers.choose import AccountProviders
from common.ai.providers.local import LocalProvider
from common.api.app import make_app
from common.api.runtime import RuntimeOf
from common.auth.identity import HEADER, Identity, IdentitySigner, IdentityVerifier
from common.auth.permissions import ROUTES, Routes
from common.clock import DatabaseClock
from common.contracts import Contract, spec_of
from common.contracts.gateway import AccountRegistered, SectorAdded, SiteAdded
from common.database import Database
from common.eventsourcing.event import Meta, Recorded
from common.ids import new_id
from common.jobs.worker import JobHandler, Work
from common.messaging.envelope import headers_of
from common.messaging.inbox import Inbox, Message
from common.objects import ObjectStore, open_store
from common.replicas.causal import ReplicaWaiter
from common.service import Service
from common.settings import Settings
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import KeySet, OKPKey

from tests.support.database import ServiceUrls
from tests.support.events import stored

C = TypeVar("C", bound=Contract)


@dataclass
class Tenant:
    """An account with one site and one sector, and how far its accounts stream has come."""

    id: UUID = field(default_factory=new_id)
    user: UUID = field(default_factory=new_id)
    site: UUID = field(default_factory=new_id)
    sector: UUID = field(default_factory=new_id)
    version: int = 0


class Silence:
    """Progress that nobody listens to."""

    async def offer(self, contract: Contract, account_id: UUID) -> None:
        return None


@dataclass
class Runtime:
    """What routes, steps and jobs use of a process."""

    database: Database
    objects: ObjectStore
    settings: Settings
    verifier: IdentityVerifier
    replicas: ReplicaWaiter
    provider: LocalProvider
    producer: Silence = field(default_factory=Silence)
    secrets: Any = None
    clock: DatabaseClock = field(default_factory=DatabaseClock)
    routes: Routes = ROUTES

    @asynccontextmanager
    async def engine(self, account_id: UUID) -> AsyncIterator[AIEngine]:
        providers = AccountProviders(self.database, self.secrets, self.settings, self.provider)
        async with providers.of(account_id) as provider:
            yield AIEngine(provider, PostgresAnswers(self.database, account_id), self.objects.of(account_id))


LOCAL = LocalProvider()
"""One for all tests of a worker: its child imports scikit-learn, seconds that only the first of them pays."""


class Parts:
    """`hear` is the broker, `work` the worker, `call` the gateway, `said` the relay."""

    def __init__(self, service: Service, urls: ServiceUrls, directory: Path, **settings: Any) -> None:
        self.service = service
        self.urls = urls
        self.database = Database(urls.service, service.model)
        self.inbox = Inbox(service.name, "test", self.database, service.reactions)
        private = Ed25519PrivateKey.generate()
        jwks = directory / "jwks.json"
        jwks.write_text(json.dumps(KeySet([OKPKey.import_key(private)]).as_dict(private=False)))
        self._signer = IdentitySigner(private)
        self.runtime = Runtime(
            self.database,
            open_store(str(directory / "objects")),
            Settings(**settings),
            IdentityVerifier(str(jwks)),
            ReplicaWaiter(self.database),
            LOCAL,
        )
        app = make_app(service.name, service.routers)
        app.state.runtime = self.runtime
        transport = httpx.ASGITransport(app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://service/api/v1")
        self._offsets = count()
        self._said = Counter[str]()
        """How far each publication has come."""
        self.heard: list[Message] = []

    @property
    def handlers(self) -> Sequence[JobHandler]:
        return self.service.jobs(cast(RuntimeOf, self.runtime))

    async def hear(self, tenant: Tenant, *contracts: Contract, subject: str | None = None) -> None:
        messages = [self._message(tenant, contract, subject) for contract in contracts]
        self.heard += messages
        await self.inbox.take(messages)
        async with self.database.transaction(tenant.id) as tx:
            parked = await tx.all("SELECT * FROM dead_letters")
        assert not parked, parked

    async def hear_everything_again(self) -> None:
        await self.inbox.take(self.heard)

    def _message(self, tenant: Tenant, contract: Contract, subject: str | None) -> Message:
        spec, version = spec_of(type(contract)), 1
        if "gateway" in spec.by:
            tenant.version += 1
            subject, version = f"account-{tenant.id}", tenant.version
        elif content_id := getattr(contract, "content_id", None) if "publisher" in spec.by else None:
            subject = f"publication-{content_id}"
            self._said[subject] += 1
            version = self._said[subject]
        subject = subject or f"test-{new_id()}"
        fact: Recorded[Any] = Recorded(
            1, tenant.id, subject, version, new_id(), cast(Any, contract), Meta(), datetime.now(UTC)
        )
        _, headers, value = headers_of(contract, spec.by[0], fact, None)
        return Message(spec.topics()[0], 0, next(self._offsets), headers, value)

    async def register(self, tenant: Tenant) -> None:
        await self.hear(
            tenant,
            AccountRegistered(account_id=tenant.id, slug="acme", status="trial"),
            SiteAdded(site_id=tenant.site, name="Acme", slug=f"acme-{tenant.site}", domain="acme.example"),
            SectorAdded(sector_id=tenant.sector, site_id=tenant.site, name="Equipment", slug="equipment"),
        )

    async def work(self) -> int:
        """Run every job that is due until there is none; what fails, fails the test. Returns how many ran."""
        by_name = {handler.job.name: handler for handler in self.handlers}
        ran = 0
        while jobs := await self.due():
            for job in jobs:
                await by_name[job["task_name"]].run(self.attempt(job))
                await self.done(job)
                ran += 1
        return ran

    async def lose_answers(self, tenant: Tenant) -> None:
        """As if the process had died before it kept what it answered."""
        async with self.database.transaction(tenant.id) as tx:
            await tx.execute("UPDATE idempotency_keys SET status = NULL, locked_until = '-infinity'")

    async def due(self) -> list[Any]:
        async with self.database.transaction(None) as tx:
            query = "SELECT id, task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id"
            return list(await tx.all(query))

    async def done(self, job: Any) -> None:
        async with self.database.transaction(None) as tx:
            await tx.execute("DELETE FROM procrastinate_jobs WHERE id = %(id)s", {"id": job["id"]})

    def attempt(self, job: Any, number: int = 1) -> Work:
        args = job["args"]
        meta = msgspec.convert(args["meta"], Meta, strict=False)
        return Work(UUID(args["account_id"]), meta, args["arguments"], number)

    async def facts(self, tenant: Tenant) -> list[Recorded[Any]]:
        async with self.database.transaction(tenant.id) as tx:
            return await stored(tx, self.service.model.types)

    async def said(self, tenant: Tenant, kind: type[C]) -> list[C]:
        """Every public fact of a kind, in order."""
        public = [self.service.model.publish(fact) for fact in await self.facts(tenant)]
        return [contract for contract in public if isinstance(contract, kind)]

    async def tables(self, tenant: Tenant) -> dict[str, list[Any]]:
        """All rows of all views."""
        async with self.database.transaction(tenant.id) as tx:
            return {
                table.name: [
                    dict(row)
                    for row in await tx.all(f"SELECT * FROM {table.name} ORDER BY {table.name}::text")
                ]
                for projection in self.service.model.projections
                for table in projection.tables
            }

    async def project_again(self, tenant: Tenant) -> None:
        async with self.database.transaction(tenant.id) as tx:
            for fact in await self.facts(tenant):
                await self.service.model.project(tx, [fact])

    async def call(
        self,
        tenant: Tenant,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str = "owner",
        sites: tuple[UUID, ...] | None = None,
        if_match: str | None = None,
        key: str | None = None,
        content_type: str | None = None,
        **query: Any,
    ) -> httpx.Response:
        """As a member with that role; `sites` None: of the whole account."""
        identity = Identity(
            account_id=tenant.id,
            user_id=tenant.user,
            role=role,
            site_ids=sites,
            request_id="r-1",
            accounts_version=tenant.version,
        )
        headers = {HEADER: self._signer.sign(identity)}
        if if_match is not None:
            headers["If-Match"] = if_match
        if key is not None:
            headers["Idempotency-Key"] = key
        if content_type is not None:
            headers["Content-Type"] = content_type
        return await self.client.request(method, path, json=body, params=query, headers=headers)


@asynccontextmanager
async def running(
    service: Service, urls: ServiceUrls, directory: Path, **settings: Any
) -> AsyncIterator[Parts]:
    parts = Parts(service, urls, directory, **settings)
    await parts.database.open()
    try:
        yield parts
    finally:
        await parts.client.aclose()
        await parts.database.close()
