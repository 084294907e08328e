"""What the publisher knows of articles: the same rows in whatever order it is told, and what it answers who asks for one."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from common.api.scope import require_row
from common.contracts import Contract
from common.contracts.operations import Charge, Usage
from common.contracts.publisher import PublishRequested
from common.contracts.writer import (
    ContentApproved,
    ContentArchived,
    ContentChanged,
    ContentGenerated,
    ContentRejected,
    ContentRestored,
)
from common.database import Row
from common.eventsourcing.event import Meta, Recorded
from common.ids import new_id
from common.messaging.envelope import headers_of
from common.messaging.inbox import Message
from common.migrate import migrations_of
from httpx import Response
from publisher.content import replica
from publisher.integrations.decisions import integration_id_of
from sqlalchemy import create_engine

from tests.integration.publisher.test_publishing import ready
from tests.integration.writer.service_parts import Parts, Tenant
from tests.support.database import PostgresServer

_offsets = count()


def message(tenant: Tenant, content_id: UUID, version: int, contract: Contract) -> Message:
    """As the writer says it: a fact of the article's stream, at that version."""
    fact: Recorded[Any] = Recorded(
        1,
        tenant.id,
        f"content-{content_id}",
        version,
        new_id(),
        cast(Any, contract),
        Meta(),
        datetime.now(UTC),
    )
    _, headers, value = headers_of(contract, "writer", fact, None)
    return Message("igny8.writer.events", 0, next(_offsets), headers, value)


async def hear(publisher: Parts, tenant: Tenant, content_id: UUID, *said: tuple[int, Contract]) -> None:
    await publisher.inbox.take([message(tenant, content_id, version, each) for version, each in said])


def written(tenant: Tenant, content_id: UUID) -> ContentGenerated:
    return ContentGenerated(
        operation_id=new_id(),
        item_id=new_id(),
        site_id=tenant.site,
        sector_id=tenant.sector,
        task_id=new_id(),
        content_id=content_id,
        title="Leasing",
        words=900,
        usage=Usage(provider="local", model="local", calls=1),
        charge=Charge(kind="content_words", units=900),
    )


def changed(tenant: Tenant, content_id: UUID) -> ContentChanged:
    return ContentChanged(
        content_id=content_id,
        site_id=tenant.site,
        sector_id=tenant.sector,
        version=2,
        title="Leasing",
        status="draft",
    )


def approved(content_id: UUID) -> ContentApproved:
    return ContentApproved(content_id=content_id, version=1, title="Leasing")


async def row(publisher: Parts, tenant: Tenant, content_id: UUID) -> Row | None:
    table = replica.replica_content
    async with publisher.database.transaction(tenant.id) as tx:
        return await tx.first(table.select().where(table.c.content_id == content_id))


async def approved_article(publisher: Parts, tenant: Tenant) -> UUID:
    content_id = new_id()
    await hear(publisher, tenant, content_id, (1, written(tenant, content_id)), (3, approved(content_id)))
    return content_id


async def ask(
    publisher: Parts, tenant: Tenant, content_id: UUID, *, site: UUID | None = None, **how: Any
) -> Response:
    path = f"/integration/integrations/{integration_id_of(site or tenant.site)}/publish/"
    return await publisher.call(tenant, "POST", path, {"content_id": str(content_id)}, **how)


def known(found: Row | None) -> tuple[Any, ...]:
    assert found is not None
    return tuple(found[name] for name in ("site_id", "approved", "archived"))


class TestReplica:
    async def test_it_follows_the_writer(self, publisher: Parts, tenant: Tenant) -> None:
        id = new_id()
        steps: list[tuple[Contract, tuple[bool, bool]]] = [
            (written(tenant, id), (False, False)),
            (approved(id), (True, False)),
            (changed(tenant, id), (False, False)),
            (await ready(publisher, tenant, id), (True, False)),
            (ContentArchived(content_id=id), (True, True)),
            (ContentRestored(content_id=id), (True, False)),
            (ContentRejected(content_id=id, version=1, title="t", reason="dull"), (False, False)),
            (ContentArchived(content_id=id), (False, True)),
            (written(tenant, id), (False, False)),
        ]
        for version, (contract, expected) in enumerate(steps, 1):
            await hear(publisher, tenant, id, (version, contract))
            assert known(await row(publisher, tenant, id)) == (tenant.site, *expected), version

    async def test_any_order_and_repetition_gives_the_same_row(
        self, publisher: Parts, tenant: Tenant
    ) -> None:
        def history(id: UUID) -> list[tuple[int, Contract]]:
            return list(
                enumerate(
                    (
                        written(tenant, id),
                        approved(id),
                        ContentArchived(content_id=id),
                        ContentRestored(content_id=id),
                        changed(tenant, id),
                        ContentRejected(content_id=id, version=2, title="t", reason="dull"),
                        ContentArchived(content_id=id),
                        written(tenant, id),
                        approved(id),
                    ),
                    1,
                )
            )

        for length in range(1, 10):
            in_order = new_id()
            await hear(publisher, tenant, in_order, *history(in_order)[:length])
            expected = await row(publisher, tenant, in_order)
            assert expected is not None
            for seed in range(12):
                id = new_id()
                said = history(id)[:length] + history(id)[: length // 2]
                random.Random(seed).shuffle(said)
                await hear(publisher, tenant, id, *said)
                assert await row(publisher, tenant, id) == {**expected, "content_id": id}, said

    async def test_nobody_sees_another_tenants(self, publisher: Parts, tenant: Tenant) -> None:
        id = await approved_article(publisher, tenant)
        assert await row(publisher, Tenant(), id) is None


class TestAskingToPublish:
    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is on its way here: a no need not be waited for."""
        monkeypatch.setattr(replica, "LONGEST_WAIT_SECONDS", 0.0)

    async def test_the_writer_is_asked_for_what_is_approved(self, publisher: Parts, tenant: Tenant) -> None:
        id = await approved_article(publisher, tenant)
        answer = await ask(publisher, tenant, id)
        assert answer.status_code == 202
        assert answer.headers["Location"].endswith(f"/publications/{id}/")
        assert [said.content_id for said in await publisher.said(tenant, PublishRequested)] == [id]

    async def refused(
        self, publisher: Parts, tenant: Tenant, content_id: UUID, status: int, code: str, **how: Any
    ) -> str:
        answer = await ask(publisher, tenant, content_id, **how)
        body = answer.json()
        assert (answer.status_code, body["success"], body["error_code"]) == (status, False, code)
        assert not await publisher.said(tenant, PublishRequested)
        return str(body["error"])

    async def test_an_unknown_article_is_not_found(self, publisher: Parts, tenant: Tenant) -> None:
        id = new_id()
        assert str(id) in await self.refused(publisher, tenant, id, 404, "NOT_FOUND")

    async def test_another_tenants_article_is_not_found(self, publisher: Parts, tenant: Tenant) -> None:
        id = await approved_article(publisher, tenant)
        stranger = Tenant()
        await publisher.register(stranger)
        assert str(id) in await self.refused(publisher, stranger, id, 404, "NOT_FOUND")

    async def test_an_article_of_a_site_that_was_not_granted_is_not_found(
        self, publisher: Parts, tenant: Tenant
    ) -> None:
        elsewhere = Tenant(id=tenant.id, version=tenant.version)
        id = await approved_article(publisher, elsewhere)
        assert str(id) in await self.refused(publisher, tenant, id, 404, "NOT_FOUND", sites=(tenant.site,))

    async def test_an_archived_article_is_not_found_until_it_is_restored(
        self, publisher: Parts, tenant: Tenant
    ) -> None:
        id = await approved_article(publisher, tenant)
        await hear(publisher, tenant, id, (4, ContentArchived(content_id=id)))
        await self.refused(publisher, tenant, id, 404, "NOT_FOUND")
        await hear(publisher, tenant, id, (5, ContentRestored(content_id=id)))
        assert (await ask(publisher, tenant, id)).status_code == 202

    async def test_an_article_whose_site_is_not_known_yet_is_not_found(
        self, publisher: Parts, tenant: Tenant
    ) -> None:
        id = new_id()
        await hear(publisher, tenant, id, (3, approved(id)))
        await self.refused(publisher, tenant, id, 404, "NOT_FOUND")

    async def test_what_is_not_approved_is_a_conflict_with_its_remedy(
        self, publisher: Parts, tenant: Tenant
    ) -> None:
        id = new_id()
        await hear(publisher, tenant, id, (1, written(tenant, id)))
        error = await self.refused(publisher, tenant, id, 409, "INVALID_TRANSITION")
        assert f"/writer/content/{id}/approve/" in error
        await hear(publisher, tenant, id, (2, approved(id)), (3, changed(tenant, id)))
        await self.refused(publisher, tenant, id, 409, "INVALID_TRANSITION")

    async def test_an_article_of_another_site_is_a_mistake(self, publisher: Parts, tenant: Tenant) -> None:
        other = Tenant(id=tenant.id, version=tenant.version)
        id = await approved_article(publisher, other)
        error = await self.refused(publisher, tenant, id, 400, "VALIDATION_ERROR")
        assert "another site" in error

    async def test_only_who_may_approve_may_ask(self, publisher: Parts, tenant: Tenant) -> None:
        id = await approved_article(publisher, tenant)
        await self.refused(publisher, tenant, id, 403, "FORBIDDEN", role="viewer")


@dataclass
class Looks:
    """How often the replica was asked."""

    first: asyncio.Event = field(default_factory=asyncio.Event)
    number: int = 0

    async def look(self, *arguments: Any) -> Row:
        self.number += 1
        try:
            return await require_row(*arguments)
        finally:
            self.first.set()


class TestWhatIsOnItsWay:
    """The client was faster than the writer's events: an article or its approval of a moment ago."""

    @pytest.fixture
    def looks(self, monkeypatch: pytest.MonkeyPatch) -> Looks:
        looks = Looks()
        monkeypatch.setattr("publisher.content.replica.require_row", looks.look)
        return looks

    @pytest.mark.parametrize("said_before", [False, True], ids=["article", "approval"])
    async def test_is_waited_for(
        self,
        publisher: Parts,
        tenant: Tenant,
        looks: Looks,
        monkeypatch: pytest.MonkeyPatch,
        said_before: bool,
    ) -> None:
        monkeypatch.setattr(replica, "LONGEST_WAIT_SECONDS", 60.0)
        id = new_id()
        if said_before:
            await hear(publisher, tenant, id, (1, written(tenant, id)))
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(ask(publisher, tenant, id))
            await looks.first.wait()
            await hear(publisher, tenant, id, (1, written(tenant, id)), (2, approved(id)))
        assert asking.result().status_code == 202

    async def test_is_not_waited_for_for_ever(self, publisher: Parts, tenant: Tenant, looks: Looks) -> None:
        assert (await ask(publisher, tenant, new_id())).status_code == 404
        assert looks.number > 1


def test_an_older_publisher_asks_for_what_it_passed_over(postgres: PostgresServer) -> None:
    """Before it had this replica, the consumer went past what the writer said of articles."""
    databases = postgres.databases(f"older{uuid4().hex[:8]}")
    databases.bootstrap(["publisher"])
    config = Config()
    config.set_main_option("script_location", str(migrations_of("publisher")))
    url = databases.url("publisher", "owner")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(
            "INSERT INTO consumer_offsets VALUES ('publisher', 'one', 'igny8.writer.events', 0, 7, now()),"
            " ('publisher', 'one', 'igny8.writer.events', 1, 7, now()),"
            " ('publisher', 'one', 'igny8.gateway.events', 0, 7, now())"
        )
        command.upgrade(config, "0003")
    engine.dispose()
    with psycopg.connect(url) as connection:
        asked = connection.execute(
            "SELECT consumer, source, extract(epoch FROM since)::int FROM catch_up_requests"
        ).fetchall()
    assert asked == [("publisher", "writer", 0)]


async def test_a_new_publisher_has_passed_over_nothing(publisher: Parts) -> None:
    async with publisher.database.transaction(None) as tx:
        assert await tx.scalar("SELECT count(*) FROM catch_up_requests") == 0
