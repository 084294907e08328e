"""Times short enough for tests: what is silent is red at once and soon replaced."""

import pytest
from common import supervision
from common.jobs import worker
from common.messaging import consumer


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "SILENT_AFTER_SECONDS", 0.8)
    monkeypatch.setattr(supervision, "REPLACED_AFTER_SECONDS", 6.0)  # joining the embedded broker takes four
    monkeypatch.setattr(supervision, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(supervision, "PARTING_SECONDS", 2.0)
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(worker, "STUCK_AFTER_SECONDS", 3.0)
    monkeypatch.setattr(worker, "PARTING_SECONDS", 1.0)
    monkeypatch.setattr(consumer, "COMMIT_SECONDS", 0.05)
    monkeypatch.setattr(consumer, "QUIET_SECONDS", 1.2)  # a poll takes one
