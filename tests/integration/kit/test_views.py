"""Rows that follow from facts, applied twice or late, and which of them a caller sees."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from common.api import scope
from common.api.caller import CallerOf
from common.api.errors import ApiError
from common.auth.identity import Identity
from common.database import Database, Row, Transaction
from common.eventsourcing.event import Meta, Recorded
from common.ids import new_id
from common.views import add_rows, change_rows, put_rows, resource_columns, upsert_rows, uuid_column

from tests.support import toy
from tests.support.database import ServiceUrls

START = datetime(2026, 1, 1, tzinfo=UTC)
things = sa.Table(
    "toy_things",
    sa.MetaData(),
    uuid_column("thing_id", primary_key=True),
    *resource_columns(),
    sa.Column("name", sa.Text, nullable=False),
)
THINGS = sa.select(things)
SCHEMA = """
CREATE TABLE toy_things (thing_id uuid PRIMARY KEY, account_id uuid NOT NULL, site_id uuid NOT NULL, sector_id uuid NOT NULL,
    version integer NOT NULL, archived boolean NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
    name text NOT NULL);
CALL guard_tenant('toy_things');
GRANT ALL ON toy_things TO PUBLIC;
"""


@dataclass
class Place:
    """One account's things in one sector."""

    tx: Transaction
    site: UUID = field(default_factory=new_id)
    sector: UUID = field(default_factory=new_id)

    def fact(self, version: int) -> Recorded[Any]:
        at = START + timedelta(hours=version)
        event = toy.Counted(version)
        return Recorded(version, self.tx.account_id, f"toy-{self.site}", version, new_id(), event, Meta(), at)

    def row(self, id: UUID, name: str) -> dict[str, Any]:
        return {"thing_id": id, "site_id": self.site, "sector_id": self.sector, "name": name}

    async def add(self, *names: str) -> list[UUID]:
        ids = [new_id() for _ in names]
        rows = [self.row(id, name) for id, name in zip(ids, names, strict=True)]
        await add_rows(self.tx, things, self.fact(1), rows)
        return ids

    async def archive(self, *ids: UUID) -> None:
        await change_rows(self.tx, things, self.fact(2), ids, archived=True)

    async def stored(self, id: UUID) -> Row:
        row = await self.tx.first(THINGS.where(things.c.thing_id == id))
        assert row is not None
        return row

    def caller(self, *sites: UUID, role: str = "owner", approving: tuple[UUID, ...] = ()) -> CallerOf:
        """Of a route that asks for `approve`."""
        identity = Identity(
            account_id=self.tx.account_id,
            user_id=new_id(),
            role=role,
            site_ids=sites or None,
            approving_site_ids=approving,
            request_id="r-1",
            accounts_version=0,
        )
        return CallerOf(identity, None, "/things/", permission="approve")

    async def seen(self, caller: CallerOf, ids: list[UUID], *, archived: bool = False) -> list[str]:
        rows = await scope.require_rows(self.tx, THINGS, things, "Thing", ids, caller, archived=archived)
        return [row["name"] for row in rows]


@pytest.fixture
async def place(toy_urls: ServiceUrls, toy_database: Database) -> AsyncIterator[Place]:
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute(SCHEMA)
    async with toy_database.transaction(new_id()) as tx:
        yield Place(tx)


class TestRows:
    async def test_added_twice_stay_as_they_were(self, place: Place) -> None:
        (id,) = await place.add("chair")
        await add_rows(place.tx, things, place.fact(2), [place.row(id, "table")])
        row = await place.stored(id)
        assert (row["name"], row["version"], row["archived"]) == ("chair", 1, False)
        assert row["created_at"] == row["updated_at"] == place.fact(1).recorded_at

    async def test_are_changed_together_and_by_newer_facts_only(self, place: Place) -> None:
        first, second = await place.add("chair", "table")
        await change_rows(place.tx, things, place.fact(3), [first], name="stool")
        await change_rows(place.tx, things, place.fact(2), [first, second], name="late")
        assert [(await place.stored(id))["name"] for id in (first, second)] == ["stool", "late"]
        row = await place.stored(first)
        assert (row["version"], row["updated_at"]) == (3, place.fact(3).recorded_at)

    async def test_put_are_the_newest_ones_in_any_order(self, place: Place) -> None:
        id = new_id()
        for version in (2, 3, 1):
            await put_rows(
                place.tx, things, place.fact(version), [place.row(id, f"v{version}") | {"archived": False}]
            )
        row = await place.stored(id)
        assert (row["name"], row["version"]) == ("v3", 3)
        assert (row["created_at"], row["updated_at"]) == (
            place.fact(2).recorded_at,
            place.fact(3).recorded_at,
        )

    async def test_upserted_set_their_own_columns_only(self, place: Place) -> None:
        (id,) = await place.add("chair")
        whole = dict(await place.stored(id))
        await upsert_rows(place.tx, things, [whole | {"name": "any", "account_id": place.tx.account_id}])
        assert (await place.stored(id))["name"] == "any"
        await upsert_rows(place.tx, things, [whole | {"name": "as new"}], newer_by="version")
        assert (await place.stored(id))["name"] == "any"
        await upsert_rows(place.tx, things, [])

    async def test_are_named_by_many_ids_at_once(self, place: Place) -> None:
        ids = await place.add(*(f"thing {number}" for number in range(300)))
        await place.archive(*ids)
        assert await place.tx.scalar(sa.select(sa.func.count()).where(things.c.archived)) == 300


class TestScope:
    async def test_rows_come_once_and_in_the_order_asked_for(self, place: Place) -> None:
        chair, table, lamp = await place.add("chair", "table", "lamp")
        assert await place.seen(place.caller(), [lamp, chair, lamp, table]) == ["lamp", "chair", "table"]

    async def test_of_other_sites_are_not_there(self, place: Place) -> None:
        (id,) = await place.add("chair")
        assert await place.seen(place.caller(place.site, new_id()), [id]) == ["chair"]
        with pytest.raises(ApiError) as refused:
            await place.seen(place.caller(new_id()), [id], archived=True)
        assert (refused.value.status, str(id) in refused.value.message) == (404, True)

    async def test_are_changed_where_their_site_lets_this_role(self, place: Place) -> None:
        (id,) = await place.add("chair")
        other = new_id()
        editor = place.caller(place.site, other, role="editor", approving=(place.site,))
        assert await place.seen(editor, [id]) == ["chair"]
        scope.require_site(place.site, editor)
        elsewhere = place.caller(place.site, other, role="editor", approving=(other,))
        with pytest.raises(ApiError) as of_row:
            await place.seen(elsewhere, [id])
        with pytest.raises(ApiError) as of_site:
            scope.require_site(place.site, elsewhere)
        for refused in (of_row.value, of_site.value):
            assert (refused.status, str(place.site) in refused.message) == (403, True)

    async def test_archived_ones_are_there_where_they_are_asked_for(self, place: Place) -> None:
        (id,) = await place.add("chair")
        await place.archive(id)
        assert await place.seen(place.caller(), [id], archived=True) == ["chair"]
        with pytest.raises(ApiError):
            await place.seen(place.caller(), [id])

    async def test_all_or_none_and_the_missing_are_named(self, place: Place) -> None:
        ids = [*await place.add("chair"), new_id(), new_id()]
        with pytest.raises(ApiError) as refused:
            await place.seen(place.caller(), ids)
        assert str(ids[1]) in refused.value.message
        assert refused.value.details == {"thing_ids": [str(id) for id in ids[1:]]}

    @pytest.mark.parametrize(
        ("deleted", "names"), [(False, ["chair"]), (True, ["lamp"])], ids=["present", "archived"]
    )
    async def test_lists_hold_what_is_asked_for(self, place: Place, deleted: bool, names: list[str]) -> None:
        _, lamp = await place.add("chair", "lamp")
        await place.archive(lamp)
        for wanted in (
            scope.FilterOf(None, None, deleted),
            scope.FilterOf(place.site, place.sector, deleted),
        ):
            asked = scope.listed(THINGS, things, place.caller(place.site), wanted)
            rows = await place.tx.all(asked.statement, asked.values)
            assert [row["name"] for row in rows] == names
        for elsewhere in (
            scope.FilterOf(new_id(), None, deleted),
            scope.FilterOf(None, new_id(), deleted),
        ):
            asked = scope.listed(THINGS, things, place.caller(), elsewhere)
            assert not await place.tx.all(asked.statement, asked.values)

    async def test_archived_ones_are_for_those_who_manage(self, place: Place) -> None:
        with pytest.raises(ApiError) as refused:
            scope.visible(things, place.caller(role="editor"), deleted=True)
        assert refused.value.status == 403

    async def test_one_sector_is_the_place_of_all(self, place: Place) -> None:
        rows = [await place.stored(id) for id in await place.add("chair", "lamp")]
        assert scope.require_one_sector("thing_ids", rows) == (place.site, place.sector)
        with pytest.raises(ApiError) as refused:
            scope.require_one_sector("thing_ids", [*rows, dict(rows[0]) | {"sector_id": new_id()}])
        assert refused.value.errors == {"thing_ids": ["must all lie in one sector"]}
