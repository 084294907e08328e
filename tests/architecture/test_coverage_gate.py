"""The gate lets nothing untested through."""

from typing import Any

import pytest

from tests.architecture.sources import REPOSITORY
from tests.coverage_gate import COMPLETE, gaps


def measured(**changed: Any) -> dict[str, Any]:
    files: dict[str, Any] = {
        pattern.replace("*", "some"): {"missing_lines": [], "missing_branches": []} for pattern in COMPLETE
    }
    return files | changed


def test_complete_files_pass_and_others_do_not_matter() -> None:
    others = {"libs/common/common/ids.py": {"missing_lines": [3], "missing_branches": [[1, 2]]}}
    assert gaps(measured() | others) == []


def test_names_missing_lines_and_branches_once() -> None:
    wallet = "services/billing/billing/wallets/decisions.py"  # two patterns name it
    found = gaps(measured() | {wallet: {"missing_lines": [7, 9], "missing_branches": [[5, 7], [8, -1]]}})
    assert found == [f"{wallet}: lines 7, 9; branches 5→7, 8→exit"]


@pytest.mark.parametrize("pattern", COMPLETE)
def test_a_pattern_that_names_nothing_is_a_gap(pattern: str) -> None:
    files = measured()
    del files[pattern.replace("*", "some")]
    assert any(pattern in gap for gap in gaps(files))


@pytest.mark.parametrize("pattern", COMPLETE)
def test_every_pattern_names_files_of_the_product(pattern: str) -> None:
    assert list(REPOSITORY.glob(pattern.replace("services/*/", "services/*/**/")))
