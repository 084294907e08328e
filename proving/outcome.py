"""What a proof came to, in the shape that `prove` and `bench` share."""

from dataclasses import asdict, dataclass
from typing import Any


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
