"""Showing what a part of the stack wrote."""

import time
from collections.abc import Iterator
from pathlib import Path

_POLL = 0.2


def follow(path: Path) -> Iterator[str]:
    """Lines written from now on, across rotations of the file; never ends."""
    file = path.open(errors="replace")
    file.seek(0, 2)
    while True:
        if chunk := file.readline():
            yield chunk
        elif path.exists() and path.stat().st_ino != Path(f"/dev/fd/{file.fileno()}").stat().st_ino:
            file.close()
            file = path.open(errors="replace")
        else:
            time.sleep(_POLL)
