"""The toy with a second aggregate and a view whose tables have what a rebuild must not lose: identity, generated columns."""

from collections.abc import Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.decider import Decider
from common.eventsourcing.event import Event, EventTypes, Recorded
from common.model import Projection, ServiceModel
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from tests.support import toy


class Labelled(Event, frozen=True):
    label: str


def _label(command: str, last: str) -> Sequence[Event]:
    return [] if command == last else [Labelled(command)]


LABEL: Decider[str, str] = Decider(
    "label", "", lambda _, event: str(event.label), _label, EventTypes((Labelled,))
)

metadata = sa.MetaData()
steps = sa.Table(
    "toy_steps",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("what", JSONB, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
sums = sa.Table(
    "toy_sums",
    metadata,
    sa.Column("account_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("last", sa.Text, nullable=False),
)
SCHEMA = (
    toy.SCHEMA
    + """
CREATE TABLE toy_steps (account_id uuid NOT NULL, stream text, version integer, what jsonb NOT NULL,
    at timestamptz NOT NULL, size integer GENERATED ALWAYS AS (length(what::text)) STORED, PRIMARY KEY (stream, version));
CREATE INDEX toy_steps_by_account ON toy_steps (account_id, at);
CREATE TABLE toy_sums (account_id uuid PRIMARY KEY, steps integer NOT NULL CHECK (steps > 0), last text NOT NULL);
CALL guard_tenant('toy_steps');
CALL guard_tenant('toy_sums');
GRANT ALL ON toy_steps, toy_sums TO PUBLIC;
"""
)


async def _apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    """Sums depend on the order of all the account's facts, across its streams."""
    assert len({fact.stream for fact in recorded}) == 1
    await sql.execute_many(
        insert(steps).on_conflict_do_nothing(),
        [
            {
                "account_id": fact.account_id,
                "stream": fact.stream,
                "version": fact.version,
                "what": _what(fact.event),
                "at": fact.recorded_at,
            }
            for fact in recorded
        ],
    )
    statement = insert(sums).values(
        account_id=recorded[-1].account_id, steps=len(recorded), last=recorded[-1].stream
    )
    await sql.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id"],
            set_={"steps": sums.c.steps + statement.excluded.steps, "last": statement.excluded.last},
        )
    )


def _what(event: Event) -> dict[str, Any]:
    return {"label": event.label} if isinstance(event, Labelled) else {"number": event.number}  # type: ignore[attr-defined]


TALLY = Projection("tally", ("counter", "label"), (steps, sums), _apply)
MODEL = ServiceModel(
    "publisher",
    (toy.COUNTER, LABEL),
    toy.MODEL.publish,
    (toy.PROJECTION, TALLY),
    replicas=(toy.heard,),
)


def identity_model() -> tuple[ServiceModel, str]:
    """A view that numbers its rows, as no view should but a rebuild must bear; and its schema."""
    numbered = sa.Table(
        "toy_numbered",
        sa.MetaData(),
        sa.Column("account_id", PgUUID(as_uuid=True), nullable=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("stream", sa.Text, nullable=False),
    )

    async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
        await sql.execute_many(
            sa.insert(numbered), [{"account_id": f.account_id, "stream": f.stream} for f in recorded]
        )

    schema = (
        "CREATE TABLE toy_numbered (account_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " stream text NOT NULL); CALL guard_tenant('toy_numbered'); GRANT ALL ON toy_numbered TO PUBLIC;"
    )
    projection = Projection("numbered", ("counter",), (numbered,), apply)
    return ServiceModel("publisher", (toy.COUNTER,), toy.MODEL.publish, (projection,)), schema


def table_shape(url: str) -> list[tuple[Any, ...]]:
    """What must survive a rebuild: the very tables, their grants, policies, indexes and constraints."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT c.relname, c.oid, c.relacl::text, c.relrowsecurity, c.relforcerowsecurity,"
            " (SELECT array_agg(p.polname::text) FROM pg_policy p WHERE p.polrelid = c.oid),"
            " (SELECT array_agg(pg_get_indexdef(i.indexrelid) ORDER BY 1) FROM pg_index i WHERE i.indrelid = c.oid),"
            " (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY 1) FROM pg_constraint k WHERE k.conrelid = c.oid)"
            " FROM pg_class c WHERE c.relname LIKE 'toy_%' AND c.relkind = 'r' ORDER BY c.relname, c.oid"
        ).fetchall()
