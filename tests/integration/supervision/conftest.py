"""Times short enough for tests: what is silent is red at once and soon replaced."""

from collections.abc import Iterator

import pytest
from common import service, supervision
from common.jobs import worker
from common.messaging import consumer, watch


@pytest.fixture(scope="module")
def short_times() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        _shorten(monkeypatch)
        yield


def _shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "SILENT_AFTER_SECONDS", 1.5)
    monkeypatch.setattr(supervision, "REPLACED_AFTER_SECONDS", 3.0)
    monkeypatch.setattr(supervision, "STEADY_AFTER_SECONDS", 0.3)
    monkeypatch.setattr(supervision, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(supervision, "PARTING_SECONDS", 1.0)
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(worker, "STUCK_AFTER_SECONDS", 3.0)
    monkeypatch.setattr(worker, "PARTING_SECONDS", 1.0)
    monkeypatch.setattr(watch, "PARTING_SECONDS", 0.3)
    monkeypatch.setattr(consumer, "PARTING_SECONDS", 0.3)
    monkeypatch.setattr(service, "CLOCK_SECONDS", 0.5)
    monkeypatch.setattr(consumer, "SESSION_MS", 1_500)
    monkeypatch.setattr(consumer, "HEARTBEAT_MS", 300)
    monkeypatch.setattr(consumer, "COMMIT_SECONDS", 0.05)
    monkeypatch.setattr(consumer, "QUIET_SECONDS", 1.2)  # a poll takes one
