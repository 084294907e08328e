"""Figures of messaging and of AI calls can be measured: each once, in small, on the embedded broker."""

from collections.abc import Iterator

import pytest
from common.jobs.worker import CONCURRENCY

from benchmarks import calls, latency
from benchmarks.parts import Parts
from tests.support.database import PostgresServer


@pytest.fixture
def parts(postgres: PostgresServer) -> Iterator[Parts]:
    with Parts(0, postgres) as parts:
        yield parts


async def test_the_way_from_a_request_to_its_effect_elsewhere(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "TIMES", 5)
    monkeypatch.setattr(latency, "WARM", 1)
    ratio, middle, end = await latency.embedded(parts, 1)
    assert ratio.value > 0.5  # its parts are on its way
    assert 0 < middle.value <= end.value
    assert "commit" in ratio.note


async def test_calls_of_an_ai(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CALLS", CONCURRENCY)
    monkeypatch.setattr(calls, "IDEAL", calls.SECONDS)
    (figure,) = await calls.measure(parts, 1)
    assert figure.value > 1  # nothing is faster than the server that it waits for
