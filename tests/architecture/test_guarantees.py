"""The planted defects can be planted, their tests exist, and the page of guarantees says what they say."""

import ast
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from proving import defects, document
from proving.copies import REPOSITORY
from proving.defects import DEFECTS, Defect, Promise

BY_NAME = pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])


def obstacle(defect: Defect) -> str:
    """Why it cannot be planted or caught; empty when it can."""
    path = REPOSITORY / defect.file
    if not path.is_file() or defect.file.startswith(("tests/", "proving/")):
        return f"{defect.file} is no file of the product"
    if (found := path.read_text().count(defect.old)) != 1:
        return f"{defect.file} holds the text to replace {found} times"
    if defect.old == defect.new:
        return "nothing changes"
    if not test_exists(defect.test):
        return f"there is no {defect.test}"
    return ""


def test_exists(id: str) -> bool:
    file, *names = id.partition("[")[0].split("::")
    if not (REPOSITORY / file).is_file():
        return False
    level: list[ast.stmt] = ast.parse((REPOSITORY / file).read_text()).body
    for name in names:
        kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        found = next((node for node in level if isinstance(node, kinds) and node.name == name), None)
        if found is None:
            return False
        level = found.body
    return bool(names)


test_exists.__test__ = False  # type: ignore[attr-defined]


@BY_NAME
def test_a_defect_can_be_planted_and_its_test_exists(defect: Defect) -> None:
    assert obstacle(defect) == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"old": "no such line"}, "0 times"),
        ({"old": "def "}, "times"),
        ({"new": DEFECTS[0].old}, "nothing changes"),
        ({"file": "libs/gone.py"}, "no file"),
        ({"file": "tests/conftest.py"}, "no file"),
        ({"test": "tests/gone.py::test_x"}, "there is no"),
        ({"test": "tests/architecture/test_guarantees.py"}, "there is no"),
        ({"test": "tests/architecture/test_guarantees.py::test_x"}, "there is no"),
        ({"test": "tests/architecture/test_guarantees.py::TestX::test_x"}, "there is no"),
    ],
)
def test_what_stands_in_the_way_is_said(changes: dict[str, Any], why: str) -> None:
    assert why in obstacle(replace(DEFECTS[0], **changes))


def test_defects_have_names_of_their_own_and_stand_with_their_promise() -> None:
    assert len(DEFECTS) >= 25
    assert [name for name, times in Counter(defect.name for defect in DEFECTS).items() if times > 1] == []
    promises = [value for value in vars(defects).values() if isinstance(value, Promise)]
    areas = [promise.area for promise in promises]
    assert areas == sorted(areas, key=areas.index)
    # Without a defect, a promise would not stand on the page; apart from its others, twice.
    assert list(dict.fromkeys(defect.promise for defect in DEFECTS)) == promises
    order = [promises.index(defect.promise) for defect in DEFECTS]
    assert order == sorted(order)


def test_the_page_says_what_the_defects_say() -> None:
    committed = document.PAGE.read_text()
    assert document.page(committed) == committed, "run make guarantees"


def test_a_page_without_a_place_for_its_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        document.page("# What it promises")
