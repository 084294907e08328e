"""SQLAlchemy's statements as psycopg gets them."""

import gc
import weakref
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from common.database import _compile, is_away
from psycopg.types.json import Jsonb
from psycopg_pool import PoolTimeout
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.exc import InvalidRequestError

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", PgUUID(as_uuid=True)),
    sa.Column("document", JSONB),
    sa.Column("number", sa.Integer),
)
ID = UUID(int=7)


def test_plain_sql_goes_as_it_is() -> None:
    assert _compile("SELECT 1", None) == ("SELECT 1", None)
    assert _compile("SELECT %(a)s", {"a": 1}) == ("SELECT %(a)s", {"a": 1})


def test_a_list_gets_one_parameter_each() -> None:
    text, values = _compile(sa.select(things.c.id).where(things.c.number.in_([3, 5])), None)
    assert "IN (%(number_1_1)s::INTEGER, %(number_1_2)s::INTEGER)" in text
    assert values == {"number_1_1": 3, "number_1_2": 5}


def test_statements_that_ask_alike_share_their_text_and_keep_their_values() -> None:
    def asked(number: int, *ids: int) -> tuple[str, Mapping[str, Any] | None]:
        query = sa.select(things.c.id).where(things.c.number == number).limit(number + 1)
        return _compile(query.where(things.c.number.in_(ids)) if ids else query, None)

    one, other = asked(3), asked(5)
    assert one[0] is other[0]
    assert (one[1], other[1]) == ({"number_1": 3, "param_1": 4}, {"number_1": 5, "param_1": 6})
    assert asked(3, 1)[0] != asked(3, 1, 2)[0]  # a parameter for each item


def test_a_named_value_of_a_statement_that_shares_its_text() -> None:
    def asked(number: int) -> tuple[str, Mapping[str, Any] | None]:
        query = sa.select(things.c.id).where(things.c.number == number, things.c.id == sa.bindparam("which"))
        return _compile(query, {"which": ID})

    assert asked(3)[0] is asked(5)[0]
    assert asked(5)[1] == {"number_1": 5, "which": ID}


def test_a_named_value_beside_a_list() -> None:
    query = sa.select(things.c.id).where(things.c.number.in_([3, 5])).limit(sa.bindparam("most"))
    for most in (1, 2):
        _, values = _compile(query, {"most": most})
        assert values == {"number_1_1": 3, "number_1_2": 5, "most": most}
    with pytest.raises(InvalidRequestError, match="most"):
        _compile(query, {})


def test_a_change_of_what_a_list_names() -> None:
    text, values = _compile(sa.update(things).where(things.c.number.in_([3, 5])).values(id=ID), None)
    assert text.endswith("IN (%(number_1_1)s::INTEGER, %(number_1_2)s::INTEGER)")
    assert values == {"number_1_1": 3, "number_1_2": 5, "id": ID}


def test_an_empty_list_finds_nothing() -> None:
    text, values = _compile(sa.select(things.c.id).where(things.c.number.in_([])), None)
    assert "1 != 1" in text
    assert values == {}


def test_a_document_is_adapted_as_jsonb() -> None:
    text, values = _compile(sa.insert(things).values(id=ID, document={"a": [1]}), None)
    assert "%(document)s::JSONB" in text
    assert values is not None
    assert isinstance(values["document"], Jsonb)
    assert values["document"].obj == {"a": [1]}
    assert values["id"] == ID


def test_values_come_with_the_call() -> None:
    statement = (
        sa.update(things)
        .where(things.c.id == sa.bindparam("which"))
        .values(document=sa.bindparam("document_now"))
    )
    for document in ({"a": 1}, {"b": 2}):
        _, values = _compile(statement, {"which": ID, "document_now": document})
        assert values is not None
        assert values["which"] == ID
        assert values["document_now"].obj == document


def test_one_statement_serves_calls_with_other_columns() -> None:
    statement = sa.insert(things)
    one, _ = _compile(statement, {"number": 1})
    both, values = _compile(statement, {"number": 1, "id": ID})
    assert one == "INSERT INTO things (number) VALUES (%(number)s::INTEGER)"
    assert both == "INSERT INTO things (id, number) VALUES (%(id)s::UUID, %(number)s::INTEGER)"
    assert values == {"number": 1, "id": ID}
    assert _compile(statement, {"number": 2}) == (one, {"number": 2})


def test_statements_made_for_one_request_are_not_kept_for_ever() -> None:
    def make(number: int) -> weakref.ref[sa.Select[Any]]:
        statement = sa.select(things.c.id).where(things.c.number == number)
        _compile(statement, None)
        return weakref.ref(statement)

    made = [make(number) for number in range(1_000)]
    gc.collect()
    assert sum(statement() is not None for statement in made) < 500


def test_a_percent_sign_is_no_parameter() -> None:
    text, _ = _compile(sa.select(things.c.id).where(things.c.document["a"].astext.like("100%")), None)
    assert "100%" not in text


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (psycopg.OperationalError("server closed the connection"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (PoolTimeout("no connection within 30 s"), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.CrashShutdown(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.errors.TooManyConnections(), True),
        (psycopg.errors.DiskFull(), True),
        (psycopg.errors.LockNotAvailable(), True),
        (psycopg.errors.ConnectionFailure(), True),
        (ConnectionResetError(), True),
        (psycopg.errors.PipelineAborted("pipeline aborted"), False),
        (psycopg.errors.QueryCanceled(), False),
        (psycopg.errors.UniqueViolation(), False),
        (psycopg.errors.DeadlockDetected(), False),
        (psycopg.DataError("no state, not operational"), False),
        (ValueError(), False),
    ],
)
def test_what_counts_as_the_database_being_away(error: BaseException, away: bool) -> None:
    assert is_away(error) is away


def test_a_missing_value_is_named() -> None:
    with pytest.raises(sa.exc.InvalidRequestError, match="which"):
        _compile(sa.select(things).where(things.c.id == sa.bindparam("which")), {})
