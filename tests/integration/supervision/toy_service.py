"""The toy as a whole service: it says facts, hears its own, does jobs, parks what it cannot handle, and catches up."""

import base64
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import psycopg
from common.api.runtime import RuntimeOf
from common.contracts.publisher import SiteConnected
from common.database import Transaction
from common.ids import new_id
from common.messaging.consumer import group_of
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.service import Process, Service, build
from common.settings import Settings
from common.supervision import Loop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from joserfc.jwk import KeySet, OKPKey

from tests.integration.kit.toy_worker import JOB, SCHEMA, ToyJobs
from tests.integration.supervision.held_loop import HeldLoop
from tests.parts.ports import eventually
from tests.support import toy
from tests.support.database import ServiceUrls
from tests.support.messaging import Broker

ACCOUNT = new_id()


@dataclass
class ToyService:
    """One running service, asked over HTTP how it is."""

    urls: ServiceUrls
    broker: Broker
    process: Process
    client: httpx.AsyncClient
    refused: set[UUID] = field(default_factory=set)
    """Sites of which it cannot hear."""
    starts: list[int] = field(default_factory=list)

    def loop(self, name: str) -> Loop:
        return next(loop for loop in self.process.loops if loop.name == name)

    async def readyz(self) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.client.get("/readyz")).json()
        return answer

    async def complaints(self) -> dict[str, str]:
        checks = (await self.readyz())["checks"]
        return {name: check["detail"] for name, check in checks.items() if not check["ok"]}

    @asynccontextmanager
    async def red(self, name: str, about: str) -> AsyncIterator[None]:
        """Because of what is done in here `/readyz` answers 503 and names this check."""

        async def is_red() -> bool:
            answer = await self.client.get("/readyz")
            check = answer.json()["checks"][name]
            return answer.status_code == 503 and not check["ok"] and about in check["detail"]

        loop = self.loop(name)
        assert isinstance(loop, HeldLoop)
        async with loop.held():
            yield
            await eventually(is_red, what=f"/readyz is red because of {name} ({about})")

    async def green(self) -> None:
        async def is_green() -> bool:
            return not await self.complaints()

        try:
            await eventually(is_green, what="/readyz is green")
        except AssertionError as error:
            raise AssertionError(f"{error}: {await self.complaints()}") from None

    def rows(self, query: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.urls.owner) as connection:
            return connection.execute(query, values).fetchall()

    def write(self, query: str, *values: Any) -> None:
        with psycopg.connect(self.urls.owner) as connection:
            connection.execute(query, values)

    async def say(self, counter: UUID, times: int = 2, account: UUID = ACCOUNT) -> None:
        """Every second fact is public."""
        database = self.process.runtime.database
        await database.run(account, lambda tx: toy.count(tx, counter, toy.Count(times)))

    def heard(self, counter: UUID) -> list[int]:
        query = "SELECT version FROM toy_heard WHERE subject = %s ORDER BY position"
        return [version for (version,) in self.rows(query, f"counter-{counter}")]

    async def hears(self, times: int = 2) -> None:
        counter = new_id()
        await self.say(counter, times)
        expected = list(range(2, times + 1, 2))
        await eventually(lambda: len(self.heard(counter)) >= len(expected), what="what it said is heard")
        assert self.heard(counter) == expected

    async def does_jobs(self) -> None:
        name = str(new_id())
        async with self.process.runtime.database.transaction(ACCOUNT) as tx:
            await tx.defer(JOB, name=name)
        query = "SELECT what FROM toy_jobs WHERE name = %s ORDER BY id"
        await eventually(lambda: self.rows(query, name)[-1:] == [("done",)], what="a job is done")

    async def heals_letters(self) -> None:
        counter = new_id()
        self.refused.add(counter)
        await self.say(counter)
        query = "SELECT 1 FROM dead_letters WHERE subject = %s"
        subject = f"counter-{counter}"
        await eventually(lambda: self.rows(query, subject), what="it is parked")
        self.refused.clear()
        await eventually(lambda: self.heard(counter) == [2], what="it is handled after all")

    async def catches_up(self) -> None:
        group = group_of("publisher")
        self.write(
            "INSERT INTO catch_up_requests (consumer, source, since) VALUES (%s, 'publisher', now())", group
        )
        await eventually(
            lambda: self.rows("SELECT 1 FROM catch_up_requests") == [], what="the source is asked"
        )
        await eventually(
            lambda: self.rows("SELECT last_value FROM catch_ups_seen") != [(1,)],
            what="it was asked",
        )
        await eventually(lambda: self.rows("SELECT 1 FROM catch_ups") == [], what="it has served")
        self.write("SELECT setval('catch_ups_seen', 1)")

    async def has_started(self) -> None:
        assert len(self.starts) == 1 + self.loop("start").restarts


WITNESS = """
CREATE SEQUENCE catch_ups_seen;
SELECT nextval('catch_ups_seen');
CREATE FUNCTION see_catch_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN PERFORM nextval('catch_ups_seen'); RETURN new; END $$;
CREATE TRIGGER see_catch_up AFTER INSERT ON catch_ups FOR EACH ROW EXECUTE FUNCTION see_catch_up();
"""
"""A catch-up may be served before anybody has looked."""


@asynccontextmanager
async def toy_service(urls: ServiceUrls, broker: Broker, directory: Path) -> AsyncIterator[ToyService]:
    """The service in this process, on a fresh database of the publisher."""
    with psycopg.connect(urls.owner) as connection:
        connection.execute(toy.SCHEMA)
        connection.execute(SCHEMA)
        connection.execute(WITNESS)
    running: list[ToyService] = []
    app = build(_service(running, urls), settings(urls, broker, directory))
    assert isinstance(app, FastAPI)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://toy", timeout=30)
    running.append(ToyService(urls, broker, app.state.process, client))
    async with client, app.router.lifespan_context(app):
        await running[0].green()
        yield running[0]


def _service(running: list[ToyService], urls: ServiceUrls) -> Service:
    hears, reactions = toy.listener(), Reactions()

    @reactions.on(SiteConnected)
    async def hear(event: Heard[SiteConnected], tx: Transaction) -> None:
        if event.data.site_id in running[0].refused:
            raise ValueError("this one cannot be handled")
        await hears.handle(cast("Heard[Any]", event), tx)

    async def on_start(_runtime: RuntimeOf) -> None:
        running[0].starts.append(1)

    return Service(
        "publisher",
        toy.MODEL,
        reactions,
        (),
        jobs=lambda _runtime: ToyJobs(urls.service).handlers,
        on_start=on_start,
    )


def settings(urls: ServiceUrls, broker: Broker, directory: Path) -> Settings:
    keys = directory / "jwks.json"
    private = OKPKey.import_key(Ed25519PrivateKey.generate())
    keys.write_text(json.dumps(KeySet([private]).as_dict(private=False)))
    return Settings(
        service_database=urls.service,
        relay_database=urls.relay,
        secrets_database=urls.service,
        kafka=broker.bootstrap,
        kafka_incarnation=broker.incarnation,
        objects=(directory / "objects").as_uri(),
        master_key=base64.b64encode(secrets.token_bytes(32)).decode(),
        jwks=str(keys),
    )
