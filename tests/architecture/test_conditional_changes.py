"""No change ignores `If-Match`: who sends it relies on it."""

import ast
from collections.abc import Iterator

import pytest
from common.contracts.base import SERVICES

from tests.architecture.sources import PACKAGES, Source, called, name_of, sources

COMPARES = {"require_row", "require_rows", "require_expected"}
HAVE_NO_VERSION = {
    "PATCH gateway/users/api.py change_me",
    "PUT gateway/members/api.py put_user",
    "PATCH gateway/members/api.py patch_user",
    "DELETE gateway/members/api.py deactivate_user",
    "PUT gateway/members/api.py put_sites",
}
"""What they change is shown without a version."""
Function = ast.AsyncFunctionDef | ast.FunctionDef


def changing(source: Source) -> Iterator[tuple[str, Function]]:
    for node in source.nodes:
        if isinstance(node, Function):
            for decorator in node.decorator_list:
                method = name_of(decorator.func).rpartition(".")[2] if isinstance(decorator, ast.Call) else ""
                if method in ("put", "patch", "delete"):
                    yield method.upper(), node


def reaches(function: Function, functions: dict[str, Function], seen: set[str]) -> bool:
    """Whether a function calls one that compares, by itself or by others of its file."""
    names = {name_of(call.func).rpartition(".")[2] for call in called(function)}
    if names & COMPARES:
        return True
    following = (names & functions.keys()) - seen
    seen |= following
    return any(reaches(functions[name], functions, seen) for name in following)


@pytest.mark.parametrize("service", SERVICES)
def test_every_change_compares_the_version_it_is_made_to_depend_on(service: str) -> None:
    ignoring = set()
    for source in sources(PACKAGES[service]):
        functions = {node.name: node for node in source.nodes if isinstance(node, Function)}
        for method, node in changing(source):
            if not reaches(node, functions, {node.name}):
                ignoring.add(f"{method} {source.name.partition('/')[2].partition('/')[2]} {node.name}")
    assert ignoring - HAVE_NO_VERSION == set()
