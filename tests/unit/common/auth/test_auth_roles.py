"""The permission matrix, compared with the table of PRODUCT §1 as it is written there."""

import pytest
from common.auth.roles import ACTIONS, may

TABLE = """
          owner admin editor viewer
read      x     x     x      x
write     x     x     x      -
approve   x     x     -      -
manage    x     x     -      -
billing   x     -     -      -
"""
_ROLES, *_ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [(role, row[0], cell == "x") for row in _ROWS for role, cell in zip(_ROLES, row[1:], strict=True)]


@pytest.mark.parametrize(("role", "action", "allowed"), CELLS)
def test_each_cell(role: str, action: str, allowed: bool) -> None:
    assert may(role, action) is allowed  # type: ignore[arg-type]


def test_editors_approve_where_the_site_allows_it() -> None:
    assert may("editor", "approve", editors_approve=True)
    assert not may("viewer", "approve", editors_approve=True)
    assert not may("editor", "manage", editors_approve=True)


def test_an_unknown_role_may_do_nothing() -> None:
    assert not any(may("anonymous", action) for action in ACTIONS)
