"""The ids of what is over in a wallet: they only become more, and none is ever forgotten."""

from bisect import bisect_left
from dataclasses import dataclass
from uuid import UUID

from rpds import HashTrieSet

_SIZE = 16
"""Bytes of a UUID."""
_NONE: "HashTrieSet[UUID]" = HashTrieSet()


@dataclass(frozen=True, slots=True, eq=False)
class ClosedIds:
    """A set of ids. `kept` came with a snapshot: sorted, 16 bytes each, one after the other, and searched as they are.

    After some thousand operations it took longer to make an object of each id than to read all the rest of the wallet.
    """

    kept: bytes = b""
    since: "HashTrieSet[UUID]" = _NONE

    def insert(self, id: UUID) -> "ClosedIds":
        return ClosedIds(self.kept, self.since.insert(id))

    def packed(self) -> bytes:
        """All of them, as a snapshot keeps them."""
        ids = [self._at(index) for index in range(len(self.kept) // _SIZE)]
        ids.extend(id.bytes for id in self.since)
        return b"".join(dict.fromkeys(sorted(ids)))

    def __contains__(self, id: UUID) -> bool:
        if id in self.since:
            return True
        return self._at(bisect_left(range(len(self.kept) // _SIZE), id.bytes, key=self._at)) == id.bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClosedIds) and self.packed() == other.packed()

    def __hash__(self) -> int:
        return hash(self.packed())

    def _at(self, index: int) -> bytes:
        return self.kept[index * _SIZE : (index + 1) * _SIZE]
