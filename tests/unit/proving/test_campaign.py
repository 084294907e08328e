"""What a campaign does follows from its seed, leaves no point out, and counts what fired."""

from itertools import islice
from pathlib import Path
from unittest.mock import Mock

import pytest
from common.contracts.base import SERVICES
from common.crash_points import POINTS, Point
from igny8_local.stack import Stack

from proving.campaign import Report, Struck, Wanted, fight
from proving.faults import OTHERS, Fault, coverage, draw, strike
from proving.oracle import Finding
from proving.orders import LEAVING, PLACES, Orders
from proving.outcome import percentile

KILLED = Fault("killed at a point", "writer", "job.after_work")


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
    assert Fault("two services killed", "writer", "job.after_work", 1, "billing").victims == (
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


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.0), (0.75, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_percentiles(share: float, value: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == value


def holds(report: Report) -> dict[str, bool]:
    return {outcome.name: outcome.holds for outcome in report.outcomes()}


def test_what_did_not_fire_does_not_count() -> None:
    report = Report(Wanted(1, seed=1), not_fired=[KILLED])
    assert holds(report)["faults that fired"] is False
    report.struck.append(Struck(KILLED, 0.0, 2.0))
    assert all(holds(report).values())


@pytest.mark.parametrize("recovery", [10.5, None])
def test_slow_or_missing_recovery_does_not_hold(recovery: float | None) -> None:
    report = Report(Wanted(1, seed=1), struck=[Struck(KILLED, 0.0, recovery)])
    assert holds(report)["recovery p99"] is False


def test_a_broker_has_a_target_of_its_own() -> None:
    report = Report(Wanted(1, seed=1), struck=[Struck(Fault("broker killed"), 0.0, 15.0)])
    assert holds(report) == {
        "faults that fired": True,
        "recovery of the broker p99": True,
        "AI calls repeated after a fault": True,
    }


def test_a_finding_does_not_hold() -> None:
    report = Report(Wanted(0, seed=1), findings=[Finding("ledger", ("7 millicredits too many",))])
    assert holds(report)["ledger"] is False


def test_nothing_but_the_broker_is_killed_where_that_is_wanted() -> None:
    wanted = Wanted(3, seed=1, kafka=True, brokers=True)
    arena = Mock(strike=lambda fault: Struck(fault, 0.0, 1.0))
    report = Report(wanted)
    fight(arena, report, Mock(), Mock())
    assert [each.fault.kind for each in report.struck] == ["broker away", "broker killed", "broker killed"]
    assert str(wanted) == "--kills 3 --seed 1 --kafka --brokers"
