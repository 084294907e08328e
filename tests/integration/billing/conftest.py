"""Billing on a real PostgreSQL, spoken to as the broker and the gateway would."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from billing.app import SERVICE, publish_default_card
from billing.model import MODEL
from common.api.app import make_app
from common.auth.identity import HEADER, Identity, IdentitySigner, IdentityVerifier
from common.auth.permissions import ROUTES, Routes
from common.contracts import Contract, spec_of
from common.contracts.gateway import AccountRegistered
from common.contracts.operations import (
    AIOperationRequested,
    Charge,
    Function,
    OperationItem,
    Usage,
)
from common.contracts.writer import ContentGenerated
from common.database import Database
from common.eventsourcing.event import Meta, Recorded
from common.ids import SYSTEM_ACCOUNT, new_id
from common.messaging.envelope import headers_of
from common.messaging.inbox import Inbox, Message
from common.replicas.causal import ReplicaWaiter
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import KeySet, OKPKey

from tests.support.database import ServiceUrls

SITE, SECTOR, USER, STAFF = (UUID(int=n) for n in (901, 902, 903, 904))
USAGE = Usage(
    provider="local", model="local", calls=1, input_tokens=11, output_tokens=22, cost_micro_usd=1_230
)


@dataclass
class Account:
    id: UUID = field(default_factory=new_id)
    owner: UUID = field(default_factory=new_id)


class Billing:
    """The service without its process: `hear` is the broker, `get` and `post` are the gateway."""

    def __init__(self, urls: ServiceUrls, keys: Path) -> None:
        self.database = Database(urls.service, MODEL, pool_size=20)
        self.inbox = Inbox("billing", "test", self.database, SERVICE.reactions)
        self._offsets = count()
        private = Ed25519PrivateKey.generate()
        keys.write_text(json.dumps(KeySet([OKPKey.import_key(private)]).as_dict(private=False)))
        self._signer = IdentitySigner(private)
        app = make_app("billing", SERVICE.routers)
        app.state.runtime = _Runtime(self.database, ReplicaWaiter(self.database), IdentityVerifier(str(keys)))
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://billing/api/v1/billing"
        )

    async def start(self) -> None:
        await self.database.open()
        await publish_default_card(self.database)

    async def stop(self) -> None:
        await self._client.aclose()
        await self.database.close()

    async def hear(self, account: Account, *contracts: Contract, again: int = 1) -> None:
        """The events one after another in one batch, each `again` times."""
        await self.inbox.take(
            [
                message
                for contract in contracts
                for message in [self.message(account, contract)]
                for _ in range(again)
            ]
        )

    def message(self, account: Account, contract: Contract, subject: str | None = None) -> Message:
        """As it comes off Kafka; each call is a fact of its own."""
        spec = spec_of(type(contract))
        accounts_stream = isinstance(contract, AccountRegistered)
        fact: Recorded[Any] = Recorded(
            1,
            account.id,
            subject or (f"account-{account.id}" if accounts_stream else f"test-{new_id()}"),
            1,
            new_id(),
            cast("Any", contract),
            Meta(),
            datetime.now(UTC),
        )
        key_headers_value = headers_of(contract, spec.by[0], fact, None)
        return Message(spec.topics()[0], 0, next(self._offsets), key_headers_value[1], key_headers_value[2])

    async def get(self, account: Account, path: str, role: str = "owner", **query: Any) -> httpx.Response:
        return await self._client.get(path, params=query, headers=self._identity(account, role))

    async def post(self, account: Account, path: str, body: Any, role: str = "owner") -> httpx.Response:
        return await self._client.post(path, json=body, headers=self._identity(account, role))

    async def staff(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str = "developer",
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A request below `admin/` by somebody of the system account."""
        headers = {**self._identity(Account(SYSTEM_ACCOUNT, STAFF), role), **(headers or {})}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self._client.request(
            method, f"http://billing/api/v1/admin/{path}", json=body, headers=headers
        )

    def _identity(self, account: Account, role: str) -> dict[str, str]:
        identity = Identity(account_id=account.id, user_id=account.owner, role=role, request_id="r-1")
        return {HEADER: self._signer.sign(identity)}

    async def balance(self, account: Account) -> dict[str, Any]:
        data: dict[str, Any] = (await self.get(account, "/credits/balance/")).json()["data"]
        return {name: data[name] for name in ("balance", "reserved", "available")}

    async def said(self, account: Account, type: str) -> int:
        """How many facts of a type are recorded."""
        async with self.database.transaction(account.id) as tx:
            return int(await tx.scalar("SELECT count(*) FROM events WHERE type = %(type)s", {"type": type}))

    async def until_said(self, account: Account, type: str, *, seconds: float) -> None:
        """Wait for a fact; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while await self.said(account, type) == 0:  # noqa: ASYNC110  it comes from the database
                await asyncio.sleep(0.05)


@dataclass
class _Runtime:
    """What the routes use of a process."""

    database: Database
    replicas: ReplicaWaiter
    verifier: IdentityVerifier
    routes: Routes = ROUTES


@pytest.fixture
def urls(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
) -> Iterator[ServiceUrls]:
    with service_database("billing") as urls:
        yield urls


@pytest.fixture
async def billing(urls: ServiceUrls, tmp_path: Path) -> AsyncIterator[Billing]:
    billing = Billing(urls, tmp_path / "jwks.json")
    await billing.start()
    yield billing
    await billing.stop()


@pytest.fixture
async def account(billing: Billing) -> Account:
    """A trial account with its 200 credits."""
    account = Account()
    await billing.hear(account, registered(account))
    return account


def registered(account: Account, status: Any = "trial") -> AccountRegistered:
    return AccountRegistered(account_id=account.id, slug="acme", status=status)


def requested(
    operation_id: UUID, *items: UUID, words: int = 1_000, function: Function = "generate_content"
) -> AIOperationRequested:
    """`maximum` is a lie: billing prices the items itself."""
    return AIOperationRequested(
        operation_id=operation_id,
        function=function,
        items=tuple(
            OperationItem(item_id=item, charge=Charge(kind="content_words", units=words)) for item in items
        ),
        maximum=1,
        site_id=SITE,
        sector_id=SECTOR,
        user_id=USER,
    )


def written(operation_id: UUID, item: UUID, words: int = 700) -> ContentGenerated:
    return ContentGenerated(
        operation_id=operation_id,
        item_id=item,
        site_id=SITE,
        sector_id=SECTOR,
        task_id=item,
        content_id=new_id(),
        title="Tea",
        words=words,
        usage=USAGE,
        charge=Charge(kind="content_words", units=words),
    )
