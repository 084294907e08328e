"""The gate lets nothing untested through."""

from typing import Any

import pytest

from tests.architecture.sources import REPOSITORY
from tests.coverage_gate import COMPLETE, gaps


def measured() -> dict[str, Any]:
    whole = {"missing_lines": [], "missing_branches": []}
    return {pattern.replace("*", "services/some"): whole for pattern in COMPLETE}


def test_complete_files_pass_and_others_do_not_matter() -> None:
    others = {"libs/common/common/ids.py": {"missing_lines": [3], "missing_branches": [[1, 2]]}}
    assert gaps(measured() | others) == []


def test_names_missing_lines_and_branches() -> None:
    wallet = "services/billing/billing/wallets/decisions.py"
    found = gaps(measured() | {wallet: {"missing_lines": [7], "missing_branches": [[5, 7], [8, -1]]}})
    assert found == [f"{wallet}: branches 5->7, 8->-1; lines [7]"]


@pytest.mark.parametrize("pattern", COMPLETE)
def test_a_pattern_that_names_nothing_is_a_gap(pattern: str) -> None:
    files = measured()
    del files[pattern.replace("*", "services/some")]
    assert any(pattern in gap for gap in gaps(files))


@pytest.mark.parametrize("pattern", COMPLETE)
def test_every_pattern_names_files_of_the_product(pattern: str) -> None:
    found = [*REPOSITORY.glob(f"services/**/{pattern[2:]}"), *REPOSITORY.glob(f"libs/**/{pattern[2:]}")]
    assert found
