"""Every error code that the code can answer is in the registry, the registry has no other, and a test meets each.

A code of an answer is met where a test compares the status and the code of what a real service has answered over HTTP.
"""

import ast
from collections.abc import Iterator

import pytest
from common.api import codes
from common.api.errors import ERROR_CODES

from tests.architecture.sources import COMMON, PACKAGES, REPOSITORY, Source, name_of, sources

KNOWN = {each.code: each for each in codes.CODES}
REAL = (
    "integration/gateway",
    "integration/planner",
    "integration/writer",
    "integration/billing",
    "integration/publisher",
    "e2e",
)
"""Tests that send requests to the app of a service, or to the running product; toys are in the others."""
# Whose arguments of these numbers may be codes.
CALLS = {
    "ApiError": (0,),
    "conflict": (0,),
    "failure": (1,),
    "refuse": (1,),
    "ProviderError": (0,),
    "FailItem": (1, 2),  # there are two of them: of an operation, of a run
    "FailOperation": (2,),
    "StageItemFailed": (2,),
    "FailPublication": (0,),
}


def literals(source: Source) -> Iterator[tuple[str, str]]:
    """Each code that a source writes out, and where."""
    for call in source.calls:
        places = CALLS.get(name_of(call.func).rpartition(".")[2], ())
        given = [call.args[place] for place in places if len(call.args) > place]
        given += [each.value for each in call.keywords if each.arg in ("code", "error_code")]
        yield from ((value, source.name) for node in given for value in strings(node))
    for node in source.nodes:
        if isinstance(node, ast.Assign):
            yield from ((value, source.name) for value in assigned(node))


def assigned(node: ast.Assign) -> Iterator[str]:
    """`code = "…"`, alone or in a tuple."""
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id == "code":
            yield from strings(node.value)
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for each, value in zip(target.elts, node.value.elts, strict=True):
                if isinstance(each, ast.Name) and each.id == "code":
                    yield from strings(value)


def strings(node: ast.expr) -> Iterator[str]:
    """The codes of an expression: a literal, or the two sides of a conditional one. Sites' codes are in small letters."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isupper():
        yield node.value
    if isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)


def written() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {code: ["common/api/errors.py"] for code in ERROR_CODES.values()}
    for package in (COMMON, *PACKAGES.values()):
        for source in sources(package):
            for code, where in literals(source):
                found.setdefault(code, []).append(where)
    return found


def domain_errors() -> dict[str, str]:
    """The code of each error of a decision, by the error's name."""
    return {
        node.name: code
        for package in (COMMON, *PACKAGES.values())
        for source in sources(package)
        for node in source.nodes
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, ast.Assign)
        for code in assigned(each)
    }


def met(source: Source, errors: dict[str, str]) -> set[str]:
    """The codes that a test says it has got: itself, or as the error that a decision refuses with."""
    named = {
        node.value for node in source.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    refused = {
        name_of(call.args[0])
        for call in source.calls
        if call.args and name_of(call.func).rpartition(".")[2] in ("then_refused", "raises")
    }
    return (named & NOT_ANSWERED) | {errors[name] for name in refused & errors.keys()}


NOT_ANSWERED = {each.code for each in codes.CODES if each.status is None} | codes.INTERNAL.keys()


def answered(source: Source) -> set[tuple[int, str]]:
    """Statuses and codes that what a test asserts, is parametrised by or has as a constant names together.

    Not those of an exception.
    """
    constants = [node for node in source.tree.body if isinstance(node, ast.Assign)]
    asserted = [node.test for node in source.nodes if isinstance(node, ast.Assert)]
    given = [call for call in source.calls if name_of(call.func) == "pytest.mark.parametrize"]
    return {
        pair
        for whole in (*constants, *asserted, *given)
        if not any(isinstance(node, ast.Attribute) and node.attr == "value" for node in ast.walk(whole))
        for node in ast.walk(whole)
        if isinstance(node, ast.Tuple)
        for pair in pairs(node)
    }


def pairs(node: ast.Tuple) -> Iterator[tuple[int, str]]:
    values = [each.value for each in node.elts if isinstance(each, ast.Constant)]
    for status in values:
        for code in values:
            if isinstance(status, int) and not isinstance(status, bool) and isinstance(code, str):
                yield status, code


def sources_of(*folders: str) -> list[Source]:
    return [
        source
        for folder in folders
        for source in sources(REPOSITORY / "tests" / folder)
        if source.path.name.startswith("test_")
    ]


@pytest.mark.usefixtures("uncounted")  # a walk through all sources
def test_every_code_of_an_answer_is_met_on_one_of_a_service_with_its_status() -> None:
    wanted = {(each.status, each.code) for each in codes.CODES if each.status is not None}
    assert wanted - set().union(*(answered(source) for source in sources_of(*REAL))) == set()


@pytest.mark.usefixtures("uncounted")
def test_every_other_code_is_met_by_a_test() -> None:
    errors = domain_errors()
    met_somewhere = set().union(*(met(source, errors) for source in sources_of("unit", "integration", "e2e")))
    assert NOT_ANSWERED - met_somewhere == set()


def test_no_code_is_answered_that_the_registry_does_not_know() -> None:
    known = KNOWN.keys() | codes.INTERNAL.keys()
    assert {code: where for code, where in written().items() if code not in known} == {}


def test_every_code_of_the_registry_occurs() -> None:
    assert (KNOWN.keys() | codes.INTERNAL.keys()) - written().keys() == set()
    assert not KNOWN.keys() & codes.INTERNAL.keys()


def test_each_code_stands_once_with_a_meaning_and_a_remedy() -> None:
    assert len(KNOWN) == len(codes.CODES)
    for each in codes.CODES:
        assert each.meaning.endswith(".")
        assert each.remedy.endswith(".")


def test_the_code_of_a_status_has_that_status() -> None:
    assert {code: KNOWN[code].status for code in ERROR_CODES.values()} == {
        code: status for status, code in ERROR_CODES.items()
    }


def test_the_page_is_what_the_registry_says() -> None:
    assert codes.main(["--check"]) is None
