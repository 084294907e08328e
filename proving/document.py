"""`python -m proving.document`: writes the tables of docs/architecture/guarantees.md from the planted defects."""

from itertools import groupby

from proving.copies import REPOSITORY
from proving.defects import DEFECTS, Defect

PAGE = REPOSITORY / "docs" / "architecture" / "guarantees.md"
BEGIN, END = "<!-- from proving/defects.py by make guarantees -->", "<!-- until here -->"


def page(text: str) -> str:
    """The page with its tables as the defects say; raises ValueError where their place is not marked."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def tables() -> str:
    """One table for each area; a promise stands once, before its tests."""
    lines: list[str] = []
    for area, defects in groupby(DEFECTS, key=lambda defect: defect.promise.area):
        lines += ["", f"## {area}", "", "| promise | test | seen to catch |", "|---|---|---|"]
        for promise, its in groupby(defects, key=lambda defect: defect.promise):
            said = promise.text
            for defect in its:
                lines.append(f"| {said} | {_test(defect)} | {defect.breaks} (`{defect.name}`) |")
                said = ""
    return "\n".join([*lines, ""])


def _test(defect: Defect) -> str:
    """The test's name as words, linked to its file."""
    file, _, name = defect.test.partition("::")
    *classes, function = name.partition("[")[0].split("::")
    group = "".join(f"{each.removeprefix('Test')}: " for each in classes)
    return f"[{group}{function.removeprefix('test_').replace('_', ' ')}](../../{file})"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
