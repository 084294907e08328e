"""docs/architecture/security.md names tests that are there."""

import re

import pytest

from tests.architecture.sources import REPOSITORY

PAGE = REPOSITORY / "docs" / "architecture" / "security.md"
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE.read_text())


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[f"{file}::{test}" for file, test in NAMED])
def test_a_named_test_is_there(file: str, test: str) -> None:
    text = (REPOSITORY / file).read_text()
    assert not test or re.search(rf"def {test}\(", text)


def test_every_risk_has_some() -> None:
    risks = PAGE.read_text().split("\n## API")[1:]
    assert len(risks) == 10
    assert all("`tests/" in risk for risk in risks)
