"""How far a consumer is in each partition, and what a batch adds to that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.messaging.inbox import Message


@dataclass(frozen=True, slots=True)
class Progress:
    """The offset of a partition where a consumer goes on, and the time of the last event before it."""

    next_offset: int
    last_time: datetime | None


@dataclass(frozen=True, slots=True)
class Range:
    """What came of a partition: its first offset, the one that follows, and the time of its last event."""

    first: int
    next: int
    time: datetime | None

    def and_(self, later: "Range") -> "Range":
        return Range(min(self.first, later.first), max(self.next, later.next), later.time or self.time)


Ranges = Mapping[tuple[str, int], Range]
"""By topic and partition."""


def ranges_of(messages: "Sequence[Message]") -> Ranges:
    by_partition: dict[tuple[str, int], list[Message]] = {}
    for message in messages:
        by_partition.setdefault((message.topic, message.partition), []).append(message)
    return {
        key: Range(
            min(message.offset for message in run),
            max(message.offset for message in run) + 1,
            next(filter(None, (time_of(message.headers) for message in reversed(run))), None),
        )
        for key, run in by_partition.items()
    }


def merged(earlier: Ranges, later: Ranges) -> Ranges:
    both = {key: earlier[key].and_(later[key]) for key in earlier.keys() & later.keys()}
    return {**earlier, **later, **both}


def time_of(headers: Sequence[tuple[str, bytes]]) -> datetime | None:
    """When the event of a message was recorded; None where that cannot be read."""
    for name, value in headers:
        if name == "ce_time":
            try:
                return datetime.fromisoformat(value.decode())
            except ValueError:
                return None
    return None
