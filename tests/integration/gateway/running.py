"""A gateway on real PostgreSQL databases, without Kafka: requests go through its edge in this process."""

import asyncio
import base64
import re
import secrets
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import psycopg
from common.ai.providers.choose import choose_provider
from common.api.app import make_app
from common.api.runtime import RuntimeOf
from common.auth.identity import IdentityVerifier
from common.contracts import Contract
from common.database import Database
from common.jobs.worker import JobWorker
from common.messaging.direct import DirectProducer
from common.messaging.envelope import Heard
from common.objects import open_store
from common.secrets import open_secrets
from common.settings import Settings
from common.supervision import Loop
from gateway.activity.everywhere import hear_news
from gateway.app import SERVICE
from gateway.keys import load_keys
from igny8_local.environment import RATE_LIMITS
from starlette.types import ASGIApp

from tests.parts.ports import eventually
from tests.support import events
from tests.support.database import ServiceUrls

T = TypeVar("T")

PASSWORD = "Correct-Horse-7"


@dataclass(frozen=True)
class Gateway:
    """One running gateway."""

    runtime: RuntimeOf
    app: ASGIApp
    urls: ServiceUrls
    mail: Path

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """With its jobs being done and its streams woken; loops begin again after a test that let nothing else run."""
        assert SERVICE.jobs is not None
        handlers = SERVICE.jobs(self.runtime)
        live = self.runtime.extras["gateway"].live
        loops = [
            Loop("jobs", lambda loop: JobWorker(self.urls.service, handlers).run(loop.beat)),
            Loop("live_news", lambda loop: hear_news(self.urls.service, live, loop)),
        ]
        for loop in loops:
            loop.start()
        try:
            yield
        finally:
            await asyncio.gather(*(loop.stop() for loop in loops))

    def mailed(self, address: str) -> list[EmailMessage]:
        """What was sent to an address."""
        found = [
            message_from_bytes(path.read_bytes(), policy=policy.default) for path in self.mail.glob("*.eml")
        ]
        return [message for message in found if message["To"] == address]

    async def mailed_token(self, address: str, besides: Collection[str] = ()) -> str:
        """The token of the next mail to an address that is none of `besides`."""

        def tokens() -> list[str]:
            texts = [message.get_content() for message in self.mailed(address)]
            found = [re.findall(r"token=(\S+)", text)[0] for text in texts]
            return [token for token in found if token not in besides]

        return (await eventually(tokens, what=f"a mail to {address}"))[0]

    def client(self, token: str = "", address: str = "192.0.2.1") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(address, 1), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)

    async def register(self, **fields: Any) -> "Tenant":
        """A new tenant."""
        email = f"{uuid4().hex}@example.com"
        body = {"email": email, "password": PASSWORD, "account_name": "Acme", **fields}
        async with self.client() as client:
            response = await client.post("/api/v1/auth/register/", json=body)
        assert response.status_code == 201, response.text
        data = response.json()["data"]
        return Tenant(body["email"], UUID(data["account_id"]), UUID(data["user_id"]), data, self)


@dataclass(frozen=True)
class Tenant:
    """A registered account and its owner."""

    email: str
    account_id: UUID
    user_id: UUID
    registered: dict[str, Any]
    gateway: Gateway

    def client(self) -> httpx.AsyncClient:
        return self.gateway.client(self.registered["access"])

    async def invite(self, role: str, site_ids: Collection[str] = ()) -> "Tenant":
        """A member of this account, by invitation."""
        email = f"{uuid4().hex}@example.com"
        async with self.client() as client:
            body = {"email": email, "role": role, "site_ids": list(site_ids)}
            invited = await client.post("/api/v1/account/invitations/", json=body)
        assert invited.status_code == 201, invited.text
        async with self.gateway.client() as client:
            body = {"token": await self.gateway.mailed_token(email), "password": PASSWORD}
            accepted = await client.post("/api/v1/auth/invitations/accept/", json=body)
        assert accepted.status_code == 201, accepted.text
        data = accepted.json()["data"]
        return Tenant(email, self.account_id, UUID(data["user_id"]), data, self.gateway)


async def at_once(gateway: Gateway, account_id: UUID, *requests: Coroutine[Any, Any, T]) -> list[T]:
    """What these requests answer that all come to the account's lock before one of them gets it."""
    async with await psycopg.AsyncConnection.connect(gateway.urls.owner) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (str(account_id),))
        tasks = [asyncio.ensure_future(request) for request in requests]

        async def all_wait() -> bool:
            cursor = await connection.execute(
                "SELECT count(*) FROM pg_locks held JOIN pg_locks wanted"
                " USING (locktype, database, classid, objid, objsubid)"
                " WHERE held.pid = pg_backend_pid() AND held.locktype = 'advisory' AND NOT wanted.granted"
            )
            row = await cursor.fetchone()
            return row == (len(tasks),)

        await eventually(all_wait, what="that all requests wait for the lock")
    return await asyncio.gather(*tasks)


def heard(account_id: UUID, *contracts: Contract, age: timedelta = timedelta(0)) -> list[Heard[Any]]:
    """Events as another service says them, one after another; the first one `age` ago."""
    now = datetime.now(UTC) - age
    return [
        events.heard(
            account_id, contract, version, category="run", time=now + timedelta(milliseconds=version)
        )
        for version, contract in enumerate(contracts, 1)
    ]


def new_master_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def make_gateway(
    urls: ServiceUrls, secret_urls: ServiceUrls, directory: Path, *, upstreams: str = "", **changed: Any
) -> Gateway:
    """`changed` are settings; what a test sends is not held back unless they say so."""
    keys = directory / "keys"
    load_keys(keys)
    settings = Settings(
        service_database=urls.service,
        secrets_database=secret_urls.service,
        objects=(directory / "objects").as_uri(),
        token_keys=keys,
        jwks=str(keys / "jwks.json"),
        upstreams=upstreams,
        mail=(directory / "mail").as_uri(),
        console_url="https://console.example.com",
        **{"rate_limits": RATE_LIMITS, "master_key": new_master_key(), **changed},
    )
    database = Database(urls.service, SERVICE.model)
    runtime = RuntimeOf(
        service="gateway",
        settings=settings,
        database=database,
        producer=DirectProducer("", "gateway"),
        objects=open_store(settings.objects),
        provider=choose_provider(settings),
        secrets=open_secrets(settings),
        replicas=None,
        verifier=IdentityVerifier(settings.jwks),
    )
    own = make_app("gateway", SERVICE.routers)
    own.state.runtime = runtime
    assert SERVICE.wrap is not None
    return Gateway(runtime, SERVICE.wrap(own, runtime), urls, directory / "mail")
