"""What a campaign does follows from its seed, leaves no point out, and counts what fired."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from unittest.mock import Mock

import pytest
from common.contracts.base import SERVICES
from common.crash_points import POINTS, Point
from igny8_local.stack import Stack

from proving.campaign import TRIES, fight
from proving.faults import OTHERS, Fault, NotFired, coverage, draw, strike
from proving.oracle import Finding
from proving.orders import LEAVING, PLACES, Orders
from proving.outcome import percentile
from proving.report import LONG, Report, Struck, Wanted

KILLED = Fault("killed at a point", "writer", "job.after_work")
TWO: tuple[str, Point, int, str] = ("writer", "job.after_work", 1, "billing")


def test_a_seed_gives_the_same_faults_again() -> None:
    first, again, other = (list(islice(draw(seed), 50)) for seed in (7, 7, 8))
    assert first == again != other


def test_every_point_of_every_service_comes_in_turn() -> None:
    faults = list(islice(draw(1), 100))
    assert coverage(faults) == (len(PLACES), len(PLACES))
    assert {fault.kind for fault in islice(draw(1), 400)} == {
        "killed at a point",
        *(kind for kind, _ in OTHERS),
    }


def test_every_point_is_passed_somewhere_and_every_service_passes_some() -> None:
    assert {point for _, point in PLACES} | set(LEAVING) == set(POINTS)
    assert {service for service, _ in PLACES} == set(SERVICES)


def test_a_fault_without_a_victim_is_everybodys() -> None:
    assert Fault("broker killed").victims == SERVICES
    assert Fault("two services killed", *TWO).victims == (
        "writer",
        "billing",
    )


def test_orders_are_given_and_withdrawn(tmp_path: Path) -> None:
    orders = Orders(tmp_path / "orders")
    orders.give("writer", "job.after_work", 3)
    order = tmp_path / "orders" / "writer.job.after_work"
    assert order.read_text() == "3"
    assert orders.died_at("writer", "job.after_work") is None
    orders.withdraw("writer", "job.after_work")
    assert not order.exists()


def test_a_death_counts_when_its_record_is_whole(tmp_path: Path) -> None:
    orders = Orders(tmp_path / "orders")
    record = tmp_path / "orders" / "fired" / "writer.job.after_work"
    for text, at in (("3", None), ('{"pid": 7, "at"', None), ('{"pid": 7, "at": 12.5}\n', 12.5)):
        record.write_text(text)
        assert orders.died_at("writer", "job.after_work") == at
    orders.give("writer", "job.after_work", 1)
    assert orders.died_at("writer", "job.after_work") is None


class Obeyed(Orders):
    """Orders that are carried out at once."""

    def give(self, service: str, point: Point, hit: int) -> None:
        super().give(service, point, hit)
        self._fired(service, point).write_text('{"at": 12.5}\n')


def test_a_kill_is_over_when_the_successor_has_begun(tmp_path: Path) -> None:
    """What the dead one asked for last may arrive after its death; the successor has asked for nothing yet."""
    pids = iter([1, 1, None, 2])
    stack = Mock(Stack, pid=lambda _: next(pids))
    assert strike(KILLED, stack, Obeyed(tmp_path / "orders")) == 12.5
    assert list(pids) == []


def test_of_two_the_second_dies_before_the_first_has_a_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first starts again only once both were gone."""
    running = {"writer": 1, "billing": 2}

    def kill(pid: int, _: int) -> None:
        assert pid == running["billing"]
        running.update(writer=3, billing=4)

    monkeypatch.setattr(os, "kill", kill)
    stack = Mock(Stack, pid=running.get)
    assert strike(Fault("two services killed", *TWO), stack, Obeyed(tmp_path / "orders")) == 12.5
    assert running == {"writer": 3, "billing": 4}


def test_an_embedded_broker_that_is_away_stands_still_meanwhile(tmp_path: Path) -> None:
    """Killed, it would be started again at once."""
    broker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stack = Mock(Stack, pid={"broker": broker.pid}.get)
    stopped: list[float] = []

    def meanwhile(seconds: float) -> None:
        _, status = os.waitpid(broker.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        stopped.append(seconds)

    try:
        strike(Fault("broker away", seconds=9), stack, Orders(tmp_path / "orders"), None, meanwhile)
        assert stopped == [9]
        broker.communicate(b"\n", timeout=60)  # which it reads only if it goes on
    finally:
        broker.kill()


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.0), (0.75, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_percentiles(share: float, value: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == value


def holds(report: Report) -> dict[str, bool]:
    return {outcome.name: outcome.holds for outcome in report.outcomes()}


def test_every_fault_has_to_fire() -> None:
    report = Report(Wanted(1, seed=1), struck=[Struck(KILLED, 0.0, 2.0)])
    assert all(holds(report).values())
    report.not_fired.append(KILLED)
    assert [name for name, held in holds(report).items() if not held] == ["faults that did not fire"]


def test_what_kills_nobody_is_no_kill() -> None:
    report = Report(Wanted(1, seed=1), struck=[Struck(Fault("connections cut", "writer"), 0.0, 2.0)])
    assert holds(report)["processes killed"] is False
    assert report.others == 1
    report.struck.append(Struck(Fault("two services killed", *TWO), 0.0, 2.0))
    assert report.kills == 2
    assert all(holds(report).values())


def test_one_that_never_recovers_does_not_vanish_among_the_others() -> None:
    many = [Struck(KILLED, 0.0, 2.0)] * 150
    report = Report(Wanted(1, seed=1), struck=[*many, Struck(KILLED, 0.0, None)])
    assert holds(report)["recovery p99"] is True
    assert holds(report)["faults without recovery"] is False


def test_a_long_campaign_has_to_strike_every_point() -> None:
    every = [Struck(Fault("killed at a point", *place), 0.0, 1.0) for place in PLACES]
    report = Report(Wanted(1, seed=1), struck=every)
    assert "crash points struck" not in holds(report)
    report.struck = every * LONG
    assert holds(report)["crash points struck"] is True
    report.struck = every[1:] * (LONG + 1)
    assert holds(report)["crash points struck"] is False


def test_a_fault_is_tried_until_it_fires() -> None:
    """Later tries wait for the first who comes by."""
    tried: list[Fault] = []

    def strike(fault: Fault) -> Struck:
        tried.append(fault)
        if len(tried) < TRIES:
            raise NotFired
        return Struck(fault, 0.0, 1.0)

    report = Report(Wanted(1, seed=7))
    fight(Mock(strike=strike), report, Mock(), Mock())
    assert report.not_fired == []
    assert [(each.service, each.point) for each in tried] == [(tried[0].service, tried[0].point)] * TRIES
    assert {each.hit for each in tried[1:]} == {1}


def test_one_that_nobody_ever_runs_into_is_told() -> None:
    calls = iter([NotFired] * TRIES)

    def strike(fault: Fault) -> Struck:
        for error in calls:
            raise error
        return Struck(fault, 0.0, 1.0)

    report = Report(Wanted(1, seed=7))
    fight(Mock(strike=strike), report, Mock(), Mock())
    assert len(report.not_fired) == 1
    assert report.kills >= 1


@pytest.mark.parametrize("recovery", [10.5, None])
def test_slow_or_missing_recovery_does_not_hold(recovery: float | None) -> None:
    report = Report(Wanted(1, seed=1), struck=[Struck(KILLED, 0.0, recovery)])
    assert holds(report)["recovery p99"] is False


def test_a_broker_has_a_target_of_its_own() -> None:
    report = Report(Wanted(1, seed=1), struck=[Struck(Fault("broker killed"), 0.0, 15.0)])
    assert "recovery p99" not in holds(report)
    assert holds(report)["recovery of the broker p99"] is True


def test_a_finding_does_not_hold() -> None:
    report = Report(Wanted(0, seed=1), findings=[Finding("ledger", ("7 millicredits too many",))])
    assert holds(report)["ledger"] is False


def test_nothing_but_the_broker_is_killed_where_that_is_wanted() -> None:
    wanted = Wanted(3, seed=1, kafka=True, brokers=True, outage=120)
    arena = Mock(strike=lambda fault: Struck(fault, 0.0, 1.0))
    report = Report(wanted)
    fight(arena, report, Mock(), Mock())
    assert [str(each.fault) for each in report.struck] == [
        "broker away for 120 s",
        *["broker killed"] * 3,
    ]
    assert str(wanted) == "--kills 3 --seed 1 --kafka --brokers --outage 120"


def test_every_write_of_an_outage_has_to_be_accepted() -> None:
    report = Report(Wanted(0, seed=1, outage=2))
    assert holds(report)["writes while the broker was away"] is False
    report.writes.tried = 2
    assert all(holds(report).values())
    report.writes.refused.append("keyword: 503")
    assert holds(report)["writes refused while the broker was away"] is False
