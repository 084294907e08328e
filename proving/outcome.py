"""What a proof came to, in the shape that `prove` and `bench` share."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Say = Callable[[float], None]
"""Told what part of a proof's work is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line: the measured `value` within `low` and `high`, and whether it `holds` against the `target`."""

    name: str
    value: float
    low: float
    high: float
    target: str
    holds: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof came to, and each thing it found wrong, in words."""

    outcomes: list[Outcome]
    findings: Sequence[str]


def none_of(name: str, found: Sequence[object]) -> Outcome:
    """Holds when nothing was found."""
    return Outcome(name, len(found), 0, len(found), "0", not found)


def at_least(name: str, value: int, wanted: int) -> Outcome:
    """A count that has to reach something."""
    return Outcome(name, value, value, value, f"≥ {wanted}", value >= wanted)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
