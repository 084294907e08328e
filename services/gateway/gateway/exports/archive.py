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
        yield _header(f"{service}.jsonl", part, made_at)
        async for piece in objects.stream(part):
            lines.feed(piece)
            yield piece
        yield _padding(part)
    for ref in bodies.values():
        yield _header(path_of(ref), ref, made_at)
        async for piece in objects.stream(ref):
            yield piece
        yield _padding(ref)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, ref: ObjectRef, made_at: datetime) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.mtime = ref.size, int(made_at.timestamp())
    return header.tobuf(tarfile.PAX_FORMAT)


def _padding(ref: ObjectRef) -> bytes:
    return bytes(-ref.size % tarfile.BLOCKSIZE)


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
