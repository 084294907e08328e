"""What a list asks the database: statements that requests share, apart from the values that each asks about.

To state a question in SQLAlchemy takes longer than PostgreSQL does to answer it. So one is stated once for all requests that
ask alike, and compiled once; a request brings its values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import KeyedColumnElement

SHAPES = 128
"""How many are kept of each kind: those of a service's lists in the combinations of filters that are in use."""


@dataclass(frozen=True, slots=True)
class Question:
    """A select and the values of its parameters."""

    statement: "sa.Select[Any]"
    values: Mapping[str, Any] = field(default_factory=dict)
    counting: "sa.Select[Any] | None" = None
    """Counts the rows where what `statement` joins to them is only for show; None: all of the statement is counted."""

    def where(self, condition: "sa.ColumnElement[bool]", **values: Any) -> "Question":
        """Narrowed by a condition and the values of its parameters.

        One that stands in its module is shared between requests; one made for a request costs its making each time.
        """
        counting = None if self.counting is None else _narrowed(self.counting, condition)
        return Question(_narrowed(self.statement, condition), self._with(values), counting)

    def equal(self, column: "KeyedColumnElement[Any]", value: Any) -> "Question":
        """Narrowed to the rows that have the value; None asks for nothing."""
        if value is None:
            return self
        counting = None if self.counting is None else _equal(self.counting, column)
        return Question(_equal(self.statement, column), self._with({column.key: value}), counting)

    def _with(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        if not values.keys().isdisjoint(self.values):
            raise ValueError(f"one parameter for two values: {', '.join(values)}")
        return {**self.values, **values}


@lru_cache(SHAPES)
def _narrowed(statement: "sa.Select[Any]", condition: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    return statement.where(condition)


@lru_cache(SHAPES)
def _equal(statement: "sa.Select[Any]", column: "KeyedColumnElement[Any]") -> "sa.Select[Any]":
    return statement.where(column == sa.bindparam(column.key))
