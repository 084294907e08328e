"""Named places in which a process can be made to die by SIGKILL: what `igny8 prove` kills with (failpoints, elsewhere).

Off, a point costs one test of a global. They are on only in a process that is started with `IGNY8_CRASH_POINTS`, the
directory of a campaign that is running now. An order is a file `<service>.<point>` in it that says at which hit from
then on to die; who hits it takes the order by renaming the file, so that one order never kills two, writes into it who
died and when, and only then dies. The variable is the harness's own: it belongs into no installation, and a service
that finds it without a campaign behind it refuses to start.
"""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Literal, NoReturn, get_args

VARIABLE = "IGNY8_CRASH_POINTS"
CAMPAIGN = "campaign"
"""The file in the directory that holds the pid of the running campaign."""
FIRED = "fired"
"""The folder in the directory for orders that were carried out."""

Point = Literal[
    "command.before_commit",
    "command.after_commit",
    "batch.before_commit",
    "batch.after_commit",
    "outbox.before_send",
    "outbox.after_send",
    "outbox.after_delete",
    "offset.before_commit",
    "offset.after_commit",
    "job.before_work",
    "job.after_work",
    "job.after_completion",
    "ai.before_call",
    "ai.after_call",
    "ai.after_record",
    "site.before_call",
    "site.after_call",
    "mail.before_send",
    "mail.after_send",
    "export.before_rows",
    "export.after_rows",
    "export.after_file",
    "export.after_record",
    "erasure.before_secrets",
    "erasure.after_secrets",
    "erasure.after_bodies",
    "erasure.after_facts",
    "erasure.after_rows",
    "erasure.after_order",
]
POINTS: tuple[Point, ...] = get_args(Point)


class NoCampaign(RuntimeError):
    """Crash points are asked for, but nobody runs a campaign: somebody's environment is not what it should be."""


class _Orders:
    """The orders to one service's processes."""

    def __init__(self, directory: Path, service: str) -> None:
        self._directory = directory
        self._service = service
        self._hits: Counter[Point] = Counter()

    def hit(self, point: Point) -> None:
        """Die here if that is the order."""
        order = self._directory / f"{self._service}.{point}"
        try:
            wanted = int(order.read_text())
        except FileNotFoundError:
            del self._hits[point]  # hits count from the order on
            return
        self._hits[point] += 1
        if self._hits[point] >= wanted:
            self._obey(order)

    def _obey(self, order: Path) -> None:
        taken = self._directory / FIRED / order.name
        try:
            order.rename(taken)
        except FileNotFoundError:  # withdrawn, or another process of this service was faster
            return
        with taken.open("w") as record:
            record.write(json.dumps({"pid": os.getpid(), "at": time.time()}) + "\n")
            record.flush()
            os.fsync(record.fileno())
        _die()


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL cannot be outlived")


_orders: _Orders | None = None


def crash_point(point: Point) -> None:
    """A place worth dying in."""
    if _orders:
        _orders.hit(point)


def enable(service: str) -> None:
    """Called once as a service starts. Raises `NoCampaign` where the variable is set and no campaign runs."""
    global _orders
    if not (given := os.environ.get(VARIABLE)):
        return
    directory = Path(given)
    try:
        os.kill(int((directory / CAMPAIGN).read_text()), 0)
    except (OSError, ValueError) as error:
        raise NoCampaign(
            f"{VARIABLE} is set to {given}, where no campaign is running: unset it. It is for `igny8 prove` alone."
        ) from error
    _orders = _Orders(directory, service)
