"""The directory through which a campaign tells processes where to die (`common.crash_points`)."""

import json
import os
from pathlib import Path

from common.crash_points import CAMPAIGN, FIRED, POINTS, VARIABLE, Point

_EVERYWHERE = ("outbox.", "offset.", "batch.", "command.")
_PASSED: dict[str, tuple[str, ...]] = {
    "gateway": (*_EVERYWHERE, "job.", "mail."),
    "planner": (*_EVERYWHERE, "job.", "ai."),
    "writer": (*_EVERYWHERE, "job.", "ai."),
    "billing": _EVERYWHERE,
    "publisher": (*_EVERYWHERE, "job.", "site."),
}
PLACES: tuple[tuple[str, Point], ...] = tuple(
    (service, point) for service, passed in _PASSED.items() for point in POINTS if point.startswith(passed)
)
"""Every point that tenants and the clerk pass, by service."""

LEAVING: tuple[Point, ...] = tuple(point for point in POINTS if point.startswith(("export.", "erasure.")))
"""Those that accounts pass that take everything along, or go (tests/integration/gateway/test_gateway_leaving_kills.py)."""


class Orders:
    """Orders to die, given in `directory`, which this process makes and owns."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / FIRED).mkdir(parents=True)
        (directory / CAMPAIGN).write_text(str(os.getpid()))

    @property
    def environment(self) -> dict[str, str]:
        """What a service must be started with to obey."""
        return {VARIABLE: str(self._directory)}

    def give(self, service: str, point: Point, hit: int) -> None:
        """Whoever of `service` passes `point` for the `hit`th time from now on dies there."""
        self._fired(service, point).unlink(missing_ok=True)
        written = self._directory / f".{service}.{point}"
        written.write_text(str(hit))
        written.rename(self._directory / f"{service}.{point}")

    def withdraw(self, service: str, point: Point) -> None:
        """Spare it, unless it is too late; `died_at` knows."""
        (self._directory / f"{service}.{point}").unlink(missing_ok=True)

    def died_at(self, service: str, point: Point) -> float | None:
        """When somebody carried the order out, in seconds since the epoch."""
        try:
            record = self._fired(service, point).read_text()
        except FileNotFoundError:
            return None
        return float(json.loads(record)["at"]) if record.startswith("{") and record.endswith("\n") else None

    def _fired(self, service: str, point: Point) -> Path:
        return self._directory / FIRED / f"{service}.{point}"
