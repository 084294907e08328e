"""The tables of permissions, compared with PRODUCT §1 as it is written there."""

import pytest
from common.auth.permissions import MEANING, Permission, Routes, key_may, may

TABLE = """
          owner admin editor viewer
read      x     x     x      x
write     x     x     x      -
ai        x     x     x      -
approve   x     x     -      -
manage    x     x     -      -
billing   x     -     -      -
staff     -     -     -      -
"""
_ROLES, *_ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [(role, row[0], cell == "x") for row in _ROWS for role, cell in zip(_ROLES, row[1:], strict=True)]


@pytest.mark.parametrize(("role", "permission", "allowed"), CELLS)
def test_each_cell(role: str, permission: Permission, allowed: bool) -> None:
    assert may(role, permission) is allowed


def test_editors_approve_where_the_site_allows_it() -> None:
    assert may("editor", "approve", editors_approve=True)
    assert not may("viewer", "approve", editors_approve=True)
    assert not may("editor", "manage", editors_approve=True)


def test_an_unknown_role_or_scope_may_do_nothing() -> None:
    assert not any(may("anonymous", permission) for permission in MEANING)
    assert not any(key_may(("root",), permission) for permission in MEANING)


def test_a_key_may_what_its_scopes_say_together() -> None:
    assert [each for each in MEANING if key_may(("read", "publish"), each)] == ["read", "approve"]
    assert [each for each in MEANING if key_may(("read", "write", "ai", "publish", "webhook"), each)] == [
        "read",
        "write",
        "ai",
        "approve",
        "webhook",
    ]


ROUTES = Routes(
    """
    path            GET     POST    PUT/PATCH  DELETE
    a/              read    write   write      -
    a/{}/           read    -       -          -
    a/{}/end/       -       approve -          -
    a/all/          -       ai      -          -
    """
)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/a/", ("a/", "read")),
        ("HEAD", "/api/v1/a", ("a/", "read")),
        ("POST", "/api/v1/a/", ("a/", "write")),
        ("PATCH", "/api/v1/a/", ("a/", "write")),
        ("DELETE", "/api/v1/a/", None),
        ("POST", "/api/v1/a/7/", None),
        ("GET", "/api/v1/a/7/more/", ("a/{}/", "read")),
        ("POST", "/api/v1/a/7/end/", ("a/{}/end/", "approve")),
        ("POST", "/api/v1/a/all/", ("a/all/", "ai")),
        ("GET", "/api/v1/b/", None),
        ("TRACE", "/api/v1/a/", None),
    ],
)
def test_the_longest_row_counts(method: str, path: str, expected: tuple[str, str] | None) -> None:
    asked = ROUTES.asked(method, path)
    assert (None if asked is None else (asked.row, asked.permission)) == expected


@pytest.mark.parametrize(
    "table", ["path GET\na/ read\na/ read", "path GET POST\na/ read write\nb/ read", "path GET\na/ raed"]
)
def test_a_table_with_a_mistake_is_refused(table: str) -> None:
    with pytest.raises(ValueError):
        Routes(table)
