"""How a state that has its things by their ids is kept: its stream grows with every change of one of them."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec
from common.eventsourcing.decider import Snapshot
from rpds import HashTrieMap

V = TypeVar("V")


class _ById(Protocol):
    @property
    def by_id(self) -> "HashTrieMap[UUID, Any]": ...


S = TypeVar("S", bound=_ById)


def snapshot_by_id(
    shape: str, kept: type[dict[UUID, V]], state: Callable[["HashTrieMap[UUID, V]"], S]
) -> Snapshot[S]:
    """`kept` is what is written and read, `state` makes the whole of it."""
    decoder = msgspec.json.Decoder(kept)
    return Snapshot(
        shape,
        lambda whole: msgspec.json.encode(dict(whole.by_id.items())),
        lambda text: state(HashTrieMap(decoder.decode(text))),
    )
