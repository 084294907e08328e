"""What `./igny8 prove` runs for which options, what it prints, and how it ends."""

import io
import json
import sys
from typing import Any

import pytest
from rich.console import Console

import proving.__main__ as prove
from proving import kills as kill_suite
from proving import proofs
from proving.defects import DEFECTS, Defect
from proving.outcome import Outcome
from proving.proofs import PROOFS
from proving.report import Wanted
from proving.sabotage import Verdict

Ran = list[tuple[Any, ...]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Each suite writes down what it was asked for, says something, and holds."""
    asked: Ran = []

    def suite(*what: Any) -> list[Outcome]:
        *given, screen = what
        asked.append(tuple(given))
        screen.print("at work")
        return [Outcome(str(given[0]), 1, 1, 1, "≥ 1", True)]

    def kills(wanted: Wanted, screen: Console) -> list[Outcome]:
        return suite("kills", wanted.kills, wanted.seed, screen)

    def sabotage(chosen: list[Defect], size: int | None, seed: int, screen: Console) -> list[Outcome]:
        return suite("defects", len(chosen), size, screen)

    monkeypatch.setattr(kill_suite, "prove", kills)
    monkeypatch.setattr(proofs, "prove", lambda name, size, seed, screen: suite(name, size, screen))
    monkeypatch.setattr(prove, "_sabotage", sabotage)
    return asked


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["prove", "--seed", "7", *arguments])
    return prove.main()


ALL = len(DEFECTS)
SHORT = [(name, proof.short) for name, proof in PROOFS.items()]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [("kills", prove.SHORT_KILLS, 7), *SHORT, ("defects", ALL, prove.SHORT_SAMPLE)]),
        (["--kills", "3"], [("kills", 3, 7)]),
        (["--only", "poison"], [("poison", PROOFS["poison"].full)]),
        (["--only", "poison", "--size", "800"], [("poison", 800)]),
        (["--only", "kills"], [("kills", prove.FULL_KILLS, 7)]),
        (["--only", "kills", "--size", "5"], [("kills", 5, 7)]),
        (["--only", DEFECTS[0].name, "--only", "delivery"], [("delivery", 100_000), ("defects", 1, None)]),
        (["--sabotage"], [("defects", ALL, None)]),
        (["--sabotage", "--sample", "3"], [("defects", ALL, 3)]),
        (["--kills", "3", "--sample", "2"], [("kills", 3, 7), ("defects", ALL, 2)]),
    ],
)
def test_what_is_asked_for_runs_and_nothing_else(
    arguments: list[str], expected: Ran, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, *arguments) == 0
    assert ran == expected


def test_json_is_all_there_is_on_standard_output(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--kills", "1", "--json") == 0
    shown = capsys.readouterr()
    (line,) = json.loads(shown.out)
    assert line == {"name": "kills", "value": 1, "low": 1, "high": 1, "target": "≥ 1", "holds": True}
    assert "at work" in shown.err


def test_it_ends_with_1_where_something_does_not_hold(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        proofs,
        "prove",
        lambda *_: [Outcome("held", 0, 0, 0, "0", True), Outcome("not", 1, 0, 1, "0", False)],
    )
    assert run(monkeypatch, "--only", "poison") == 1


@pytest.mark.parametrize("named", [(), ("--kills", "3"), ("--only", DEFECTS[0].name)])
def test_a_size_without_a_proof_is_refused(
    named: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, *named, "--size", "9")
    assert "--only" in capsys.readouterr().err


def test_the_table_of_defects_says_their_promises() -> None:
    shown = Console(width=200, record=True, file=io.StringIO())
    shown.print(prove._table([Verdict(DEFECTS[0], 1, 1.0)]))
    assert DEFECTS[0].promise.text[:30] in shown.export_text()


def test_an_unknown_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "--only", "nothing")
    assert "delivery" in capsys.readouterr().err
