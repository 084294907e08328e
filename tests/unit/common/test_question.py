"""Statements that requests share."""

import pytest
import sqlalchemy as sa
from common.api.question import Question

things = sa.Table("things", sa.MetaData(), sa.Column("name", sa.Text), sa.Column("size", sa.Integer))
ROWS = sa.select(things)
LARGE = things.c.size >= sa.bindparam("size_min")


def asked(name: str | None, size_min: int) -> Question:
    return Question(ROWS).equal(things.c.name, name).where(LARGE, size_min=size_min)


def test_requests_that_ask_alike_share_the_statement_and_bring_their_values() -> None:
    first, second = asked("chair", 3), asked("lamp", 4)
    assert first.statement is second.statement
    assert (first.values, second.values) == (
        {"name": "chair", "size_min": 3},
        {"name": "lamp", "size_min": 4},
    )


def test_none_asks_for_nothing() -> None:
    assert asked(None, 3).statement is Question(ROWS).where(LARGE, size_min=5).statement
    assert asked(None, 3).values == {"size_min": 3}


def test_a_parameter_has_one_value() -> None:
    with pytest.raises(ValueError, match="size_min"):
        asked("chair", 3).where(LARGE, size_min=4)
