"""Stream names, folding, and the words in which decisions are specified."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from common.eventsourcing.decider import Decider, DomainError, StreamName
from common.eventsourcing.event import Event, EventTypes
from common.testing.specification import given


class Opened(Event, frozen=True):
    seats: int


class Taken(Event, frozen=True):
    seat: int


class SeatTaken(DomainError):
    code = "SEAT_TAKEN"


class NoSuchSeat(DomainError):
    code = "NO_SUCH_SEAT"
    status = 404


State = tuple[int, frozenset[int]]


def _evolve(state: State, event: Event) -> State:
    match event:
        case Opened(seats):
            return seats, state[1]
        case Taken(seat):
            return state[0], state[1] | {seat}
    return state


def _decide(seat: int, state: State) -> Sequence[Event]:
    if seat < 0:
        return []
    if seat >= state[0]:
        raise NoSuchSeat(f"There are {state[0]} seats.", seats=state[0])
    if seat in state[1]:
        raise SeatTaken("Take another one.")
    return [Taken(seat)]


HALL: Decider[State, int] = Decider("hall", (0, frozenset()), _evolve, _decide, EventTypes((Opened, Taken)))


class TestStreamName:
    def test_reads_back_what_it_writes(self) -> None:
        name = HALL.stream(uuid4())
        assert StreamName.parse(str(name)) == name
        assert str(name).startswith("hall-")

    @pytest.mark.parametrize("text", ["", "hall", "hall-", "hall-7", f"{UUID(int=1)}"])
    def test_refuses_what_is_none(self, text: str) -> None:
        with pytest.raises(ValueError):
            StreamName.parse(text)


class TestFold:
    def test_starts_from_the_initial_state(self) -> None:
        assert HALL.fold([Opened(3), Taken(1)]) == (3, frozenset({1}))

    def test_goes_on_from_a_given_state(self) -> None:
        assert HALL.fold([Taken(2)], (3, frozenset({1}))) == (3, frozenset({1, 2}))


class TestSpecification:
    def test_accepts_what_was_decided(self) -> None:
        given(HALL)(Opened(2)).when(1).then(Taken(1))
        given(HALL)(Opened(2), Taken(1)).when(1).then_refused(SeatTaken)
        given(HALL)(Opened(2)).when(9).then_refused(NoSuchSeat, seats=2)
        given(HALL)(Opened(2)).when(-1).then_nothing()

    def test_rejects_other_facts(self) -> None:
        with pytest.raises(AssertionError, match="decided"):
            given(HALL)(Opened(2)).when(1).then(Taken(0))
        with pytest.raises(AssertionError, match="decided"):
            given(HALL)(Opened(2)).when(1).then()

    def test_rejects_facts_where_it_was_refused(self) -> None:
        with pytest.raises(AssertionError, match="refused"):
            given(HALL)(Opened(2), Taken(1)).when(1).then(Taken(1))
        with pytest.raises(AssertionError, match="refused"):
            given(HALL)(Opened(2), Taken(1)).when(1).then_nothing()

    def test_rejects_another_refusal_or_none(self) -> None:
        with pytest.raises(AssertionError, match="SeatTaken"):
            given(HALL)(Opened(2)).when(9).then_refused(SeatTaken)
        with pytest.raises(AssertionError, match="SeatTaken"):
            given(HALL)(Opened(2)).when(1).then_refused(SeatTaken)
        with pytest.raises(AssertionError, match="seats"):
            given(HALL)(Opened(2)).when(9).then_refused(NoSuchSeat, seats=3)

    def test_rejects_silence_that_was_none(self) -> None:
        with pytest.raises(AssertionError):
            given(HALL)(Opened(2)).when(1).then_nothing()
