"""An export as one tar archive, made while it is sent: nothing of it is in memory but the piece in hand.

`<service>.jsonl` for each service, then `files/` with the bodies that the lines of kind `file` name.
"""

import tarfile
from collections.abc import AsyncIterator, Mapping
from datetime import datetime

import msgspec
from common.contracts.operations import ObjectRef
from common.export.jobs import FILE, path_of
from common.objects import ObjectStore

MEDIA_TYPE = "application/x-tar"


class _Line(msgspec.Struct):
    fields: ObjectRef


async def archive(
    objects: ObjectStore, parts: Mapping[str, ObjectRef], made_at: datetime
) -> AsyncIterator[bytes]:
    """Raises ObjectMissing where a body has gone meanwhile: the archive then ends too early to be taken for whole."""
    bodies: dict[str, ObjectRef] = {}
    for service, part in sorted(parts.items()):
        lines = _Lines(bodies)
        async for piece in _member(objects, f"{service}.jsonl", part, made_at):
            lines.feed(piece)
            yield piece
    for ref in bodies.values():
        async for piece in _member(objects, path_of(ref), ref, made_at):
            yield piece
    yield bytes(2 * tarfile.BLOCKSIZE)


async def _member(objects: ObjectStore, name: str, ref: ObjectRef, made_at: datetime) -> AsyncIterator[bytes]:
    header = tarfile.TarInfo(name)
    header.size, header.mtime = ref.size, int(made_at.timestamp())
    yield header.tobuf(tarfile.PAX_FORMAT)
    async for piece in objects.stream(ref):
        yield piece
    yield bytes(-ref.size % tarfile.BLOCKSIZE)


class _Lines:
    """Reads which bodies a part names, while it goes by."""

    def __init__(self, bodies: dict[str, ObjectRef]) -> None:
        self._bodies = bodies
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(FILE):
                ref = msgspec.json.decode(line, type=_Line).fields
                self._bodies[ref.sha256] = ref
