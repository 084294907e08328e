"""The machine behind `prove --sabotage`: what is planted is caught, and nothing else counts as caught."""

import os
import subprocess
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from proving import sabotage
from proving.copies import REPOSITORY, Copy, NotIsolated, OutdatedText
from proving.defects import DEFECTS, Defect
from proving.sabotage import Unusable, Verdict

COSTS = next(defect for defect in DEFECTS if defect.name == "rate-rounded-down")
"""A fast one."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy.make(tmp_path_factory.mktemp("copies") / "original")


@pytest.fixture(autouse=True)
def copied(original: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkout is compiled once for all tests here."""
    monkeypatch.setattr(Copy, "make", original.again)


async def plant(*defects: Defect) -> list[Verdict]:
    heard: list[Verdict] = []
    verdicts = await sabotage.plant(defects, workers=1, started=lambda _what: None, heard=heard.append)
    assert heard == verdicts
    return verdicts


async def test_a_sample_of_the_defects_is_caught() -> None:
    seed = date.today().toordinal()  # others every day
    print(f"./igny8 prove --sabotage --sample 2 --seed {seed}")
    chosen = sabotage.sample(DEFECTS, 2, seed)
    assert chosen == sabotage.sample(DEFECTS, 2, seed)
    verdicts = await plant(*chosen)
    assert [(verdict.defect.name, verdict.reason) for verdict in verdicts] == [
        (defect.name, "") for defect in chosen
    ]
    assert all(verdict.outcome.holds and verdict.outcome.value >= 1 for verdict in verdicts)


async def test_only_a_failed_assertion_counts() -> None:
    caught, survivor, broken, raising, outdated = await plant(
        COSTS,
        replace(COSTS, name="harmless", new=f"{COSTS.old} "),
        replace(COSTS, name="no Python any more", new=f"){COSTS.old}"),
        replace(COSTS, name="raises", new=f"raise KeyError; {COSTS.old}"),
        replace(COSTS, name="outdated", old="no such line"),
    )
    assert (caught.reason, caught.outcome.holds) == ("", True)
    assert (survivor.reason, survivor.outcome.holds) == ("it survived", False)
    assert broken.reason.startswith("no assertion failed")
    assert raising.reason == "no assertion failed: KeyError"
    assert "0 times" in outdated.reason
    assert [each.failed for each in (survivor, broken, raising, outdated)] == [0] * 4


async def test_a_test_that_fails_by_itself_catches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy in which the defect's own test is broken, as it is where a part is missing."""
    make = Copy.make

    def broken(root: Path) -> Copy:
        copy = make(root)
        (root / COSTS.test.partition("::")[0]).write_text(
            f"def {COSTS.test.partition('::')[2]}(): assert False"
        )
        return copy

    monkeypatch.setattr(Copy, "make", broken)
    (verdict,) = await plant(COSTS)
    assert verdict.reason == "its test does not pass without it"


async def test_one_that_hangs_is_ended_and_not_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sabotage, "LIMIT_SECONDS", 6.0)
    monkeypatch.setattr(sabotage, "GRACE_SECONDS", 1.0)
    hangs = replace(COSTS, new=f"__import__('threading').Event().wait(); {COSTS.old}")
    (verdict,) = await plant(hangs)
    assert verdict.reason == "its test did not end within 6 s"


async def test_an_unknown_test_is_named() -> None:
    with pytest.raises(Unusable, match="test_of_nothing"):
        await plant(replace(COSTS, test=f"{COSTS.test.partition('::')[0]}::test_of_nothing"))


class TestCopy:
    def test_its_interpreter_runs_its_own_code_whatever_the_environment(self, tmp_path: Path) -> None:
        copy = Copy.make(tmp_path / "again")
        # A child of a child, as services are started: nothing but sys.executable leads it.
        ask = (
            "import subprocess, sys;"
            " subprocess.run([sys.executable, '-c', 'import common, billing; print(common.__file__, billing.__file__)'])"
        )
        said = subprocess.run(
            [copy.python, "-c", ask], cwd="/", env={}, capture_output=True, text=True, check=True
        )
        files = [Path(file) for file in said.stdout.split()]
        assert len(files) == 2
        assert all(file.is_relative_to(copy.root) for file in files)

    def test_one_that_would_run_the_checkout_is_refused(self, tmp_path: Path) -> None:
        copy = Copy.make(tmp_path / "copy")
        (site,) = copy.root.glob(".venv/lib/python*/site-packages")
        (site / "copy.pth").write_text(f"{REPOSITORY / 'libs' / 'common'}\n")
        with pytest.raises(NotIsolated, match="would run"):
            copy._check()

    def test_what_is_replaced_comes_back(self, tmp_path: Path) -> None:
        copy = Copy(tmp_path)
        file = tmp_path / "a.py"
        file.write_text("one two")
        with suppress(KeyError), copy.replaced("a.py", "two", "three"):
            assert file.read_text() == "one three"
            raise KeyError
        assert file.read_text() == "one two"
        for old in ("three", "o"):
            with pytest.raises(OutdatedText), copy.replaced("a.py", old, "x"):
                pass
        assert file.read_text() == "one two"


def test_nothing_of_the_outer_run_reaches_the_inner_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("COVERAGE_PROCESS_START", "x")
    inner = sabotage._environment()
    assert {"PYTHONPATH", "COVERAGE_PROCESS_START", "PYTEST_CURRENT_TEST"}.isdisjoint(inner)
    assert inner["PATH"] == os.environ["PATH"]
