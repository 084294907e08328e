"""A log file of bounded size."""

from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 10_000_000  # a day of ordinary logs; three files of it open in any editor
BACKUPS = 2


class RotatingLog:
    """Appends bytes; a full file becomes `.1`, the one before `.2`. Files are cut at line ends."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, backups: int = BACKUPS) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._file: BinaryIO = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Appends; raises OSError when the disk is full."""
        if self._file.tell() + len(data) > self._max_bytes and (end := data.find(b"\n") + 1):
            self._file.write(data[:end])
            data = data[end:]
            self._rotate()
        self._file.write(data)

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._backups, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path if number == 1 else self.path.with_name(f"{self.path.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)
        self._file = self.path.open("ab", buffering=0)


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log, its previous file included where that is needed."""
    lines: list[str] = []
    for part in (path, path.with_name(f"{path.name}.1")):
        if len(lines) < count and part.exists():
            lines = part.read_text(errors="replace").splitlines() + lines
    return lines[-count:] if count > 0 else []
