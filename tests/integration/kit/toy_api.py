"""The toy service behind the API standard: routes of every temper, called as the gateway would."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa
from common.api.app import make_app
from common.api.caller import Caller
from common.api.envelope import answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.uploads import file_of, read_form
from common.auth.identity import HEADER, Identity, IdentitySigner, IdentityVerifier
from common.auth.permissions import Routes
from common.database import Database, Transaction
from common.replicas.causal import ReplicaWaiter
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from joserfc.jwk import KeySet, OKPKey
from pydantic import BaseModel

from tests.support import toy

router = APIRouter(prefix="/api/v1/toy", tags=["toy"])
LARGEST_FILE = 10_000_000
ROUTES = Routes("path GET POST PUT/PATCH DELETE\ntoy/ read write write write")


class Counting(BaseModel):
    times: int = 1


class Temper:
    """How the routes behave, and how often the work itself began."""

    def __init__(self) -> None:
        self.began: Counter[str] = Counter()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.crash = False


@router.post("/counters/")
async def make(body: Counting, caller: Caller, runtime: Runtime) -> Response:
    temper: Temper = runtime.extras["temper"]
    counter = caller.new_id("counter")
    temper.began[str(counter)] += 1

    async def work(tx: Transaction) -> int:
        state, _ = await tx.load(toy.COUNTER, counter)
        return state or (await tx.handle(toy.COUNTER, counter, toy.Count(body.times))).state

    number = await runtime.database.run(caller.account_id, work, caller.meta)
    await temper.go_on.wait()
    if temper.crash:
        raise RuntimeError("between the work and its answer")
    return answer({"id": counter, "number": number}, status=201, headers={"Location": f"/{counter}/"})


@router.post("/files/")
async def take(caller: Caller, runtime: Runtime, request: Request) -> Response:
    temper: Temper = runtime.extras["temper"]
    form = await read_form(request, LARGEST_FILE)
    body = await file_of(form).read()
    counter = caller.new_id(f"file {len(body)}")
    temper.began[str(counter)] += 1
    return answer({"id": counter, "bytes": len(body)}, status=201)


@router.get("/counters/")
async def listed(
    page: Page, request: Request, caller: Caller, runtime: Runtime, at_least: int = Query(0)
) -> Response:
    c = toy.counters.c
    async with runtime.database.transaction(caller.account_id) as tx:
        query = sa.select(c.counter_id, c.number).where(c.number >= at_least)
        ordering = {"number": c.number, "created_at": c.counted_at}
        return answer(
            await paginate(tx, query, page, request, ordering=ordering, default="number", tie=c.counter_id)
        )


@router.post("/streams/")
async def stream() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"one ", b"two"):
            yield chunk

    return StreamingResponse(chunks())


@router.get("/who/")
async def who(caller: Caller) -> Response:
    return answer(
        {"account": caller.account_id, "role": caller.role, "request_id": caller.request_id}, message="You"
    )


class ToyApi:
    """Requests to the toy in this process."""

    def __init__(self, database: Database, keys: Path) -> None:
        private = Ed25519PrivateKey.generate()
        keys.write_text(json.dumps(KeySet([OKPKey.import_key(private)]).as_dict(private=False)))
        self._signer = IdentitySigner(private)
        self.temper = Temper()
        self.waiter = ReplicaWaiter(database)
        self.app = make_app("toy", (router,))
        self.app.state.runtime = _Runtime(database, self.waiter, IdentityVerifier(str(keys)), self.temper)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://toy/api/v1/toy",
            timeout=30,
        )

    def identity(
        self,
        account: UUID,
        *,
        user: UUID | None = None,
        role: str = "owner",
        version: int = 0,
        route: str | None = None,
    ) -> dict[str, str]:
        """`user` None is the account's only one."""
        identity = Identity(
            account_id=account,
            user_id=user or account,
            role=role,
            request_id="r-1",
            accounts_version=version,
            route=route,
        )
        return {HEADER: self._signer.sign(identity)}

    def reused(self, account: UUID, request_id: str) -> dict[str, str]:
        """As the gateway sends them: the token is the same for several requests, the request's id beside it."""
        identity = Identity(account_id=account, user_id=account, role="owner")
        return {HEADER: self._signer.token_of(identity), "X-Request-ID": request_id}

    async def post(self, account: UUID, body: Any, key: str | None = None, **identity: Any) -> httpx.Response:
        headers = self.identity(account, **identity) | ({"Idempotency-Key": key} if key else {})
        return await self.client.post("/counters/", json=body, headers=headers)

    async def upload(self, account: UUID, body: bytes, key: str) -> httpx.Response:
        headers = self.identity(account) | {"Idempotency-Key": key}
        return await self.client.post("/files/", files={"file": ("a.csv", body)}, headers=headers)

    async def get(self, account: UUID, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(path, params=query, headers=self.identity(account))


class _Runtime:
    """What the routes and the kit need of a process; the rest is not there."""

    def __init__(
        self, database: Database, replicas: ReplicaWaiter, verifier: IdentityVerifier, temper: Temper
    ) -> None:
        self.database = database
        self.replicas = replicas
        self.verifier = verifier
        self.routes = ROUTES
        self.extras = {"temper": temper}
