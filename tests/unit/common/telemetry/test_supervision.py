"""A background loop cannot die silently."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from common import supervision
from common.jobs import worker
from common.messaging import watch
from common.messaging.consumer import COMMIT_SECONDS, QUIET_SECONDS
from common.supervision import Loop, comes

from tests.parts.ports import eventually


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(supervision, "LONGEST_PAUSE", 0.08)


@asynccontextmanager
async def running(run: Callable[[Loop], Awaitable[None]]) -> AsyncIterator[Loop]:
    loop = Loop("test", run)
    loop.start()
    try:
        yield loop
    finally:
        await loop.stop()


async def forever(loop: Loop) -> None:
    loop.beat()
    await asyncio.Event().wait()


async def test_a_loop_that_beats_is_healthy() -> None:
    async with running(forever) as loop:
        await eventually(lambda: loop.healthy, what="it beats")
        assert (loop.detail, loop.restarts) == ("running", 0)


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), asyncio.CancelledError(), ExceptionGroup("g", [OSError()])]
)
async def test_what_dies_is_restarted_and_heals(error: BaseException) -> None:
    """A CancelledError that nobody sent to the loop comes from something it waited for: it is a failure as any other."""
    deaths = [error, error]

    async def run(loop: Loop) -> None:
        if deaths:
            raise deaths.pop()
        await forever(loop)

    async with running(run) as loop:
        await eventually(lambda: loop.healthy and loop.restarts == 2, what="it was restarted twice")


@pytest.mark.parametrize("obedient", [True, False], ids=["ends when told", "does not end"])
async def test_what_hangs_is_replaced(obedient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "REPLACED_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(supervision, "PARTING_SECONDS", 0.05)
    lives: list[int] = []
    released = asyncio.Event()

    async def run(loop: Loop) -> None:
        lives.append(1)
        if len(lives) > 1:
            while True:
                loop.beat()
                await asyncio.sleep(0.01)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if obedient:
                raise
            await released.wait()

    async with running(run) as loop:
        await eventually(lambda: loop.healthy and loop.restarts == 1, what="it was replaced")
        assert len(lives) == 2
        released.set()


async def test_what_hangs_again_at_once_gets_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only is slow comes to its end, instead of beginning again and again."""
    monkeypatch.setattr(supervision, "REPLACED_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(supervision, "GRACE_SECONDS", 0.01)
    finished = asyncio.Event()

    async def run(loop: Loop) -> None:
        await asyncio.sleep(0.6)
        finished.set()
        await forever(loop)

    async with running(run) as loop:
        await eventually(finished.is_set, what="it came to its end")
        assert loop.restarts == 3


async def test_a_process_that_stood_still_replaces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "REPLACED_AFTER_SECONDS", 0.3)
    turns: list[int] = []

    async def run(loop: Loop) -> None:
        while True:
            loop.beat()
            turns.append(1)
            await asyncio.sleep(0.05)
            await asyncio.sleep(0.05)

    async with running(run) as loop:
        await eventually(lambda: turns, what="it beats")
        time.sleep(0.5)  # noqa: ASYNC251  the whole process stands still, as after SIGSTOP
        before = len(turns)
        await eventually(lambda: len(turns) > before + 3, what="it goes on")
        assert loop.restarts == 0


async def test_a_supervisor_that_is_ended_comes_back() -> None:
    async with running(forever) as loop:
        await eventually(lambda: loop.healthy, what="it beats")
        assert loop.task is not None
        killed = loop.task
        killed.cancel()
        await asyncio.wait({killed})
        assert not loop.healthy
        await eventually(lambda: loop.healthy and loop.task is not killed, what="it came back")
        assert loop.restarts == 1


async def test_one_that_lives_but_cannot_work_is_red_and_says_why() -> None:
    loop = Loop("test", forever)
    assert loop.detail == "not begun yet"
    loop.beat("Kafka does not answer")
    assert (loop.healthy, loop.detail) == (False, "Kafka does not answer")
    loop.beat()
    assert (loop.healthy, loop.detail) == (True, "running")


async def test_what_is_stopped_ends_what_it_began() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def run(loop: Loop) -> None:
        try:
            begun.set()
            await forever(loop)
        finally:
            await asyncio.sleep(0.05)
            ended.set()

    async with running(run):
        await begun.wait()
    assert ended.is_set()


async def test_what_loses_a_cancellation_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `asyncio.wait_for` does before Python 3.12 when the result comes at the same moment."""
    monkeypatch.setattr(supervision, "PARTING_SECONDS", 0.05)
    begun = asyncio.Event()
    lost: list[asyncio.CancelledError] = []

    async def run(loop: Loop) -> None:
        begun.set()
        while True:
            try:
                await forever(loop)
            except asyncio.CancelledError as cancelled:
                if lost:
                    raise
                lost.append(cancelled)

    loop = Loop("test", run)
    loop.start()
    await begun.wait()
    async with asyncio.timeout(5):
        await loop.stop()
    assert lost


async def test_a_cancellation_ends_a_wait_also_when_the_event_comes_in_the_same_moment() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(comes(event, 60))
    await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()


async def test_a_wait_says_whether_the_event_came() -> None:
    event = asyncio.Event()
    assert not await comes(event, 0.01)
    event.set()
    assert await comes(event, 0.01)


async def test_while_it_is_down_health_is_red_and_says_why() -> None:
    async def run(loop: Loop) -> None:
        raise ValueError("no such topic")

    async with running(run) as loop:
        await eventually(lambda: loop.restarts >= 1, what="it died")
        assert not loop.healthy
        assert loop.detail == "ValueError: no such topic"


async def test_a_loop_that_ends_by_itself_is_restarted_too() -> None:
    async def run(loop: Loop) -> None:
        return

    async with running(run) as loop:
        await eventually(lambda: loop.restarts >= 2, what="it was restarted")
        assert loop.detail == "ended by itself"


async def test_pauses_grow_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []

    async def note(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 4:
            await asyncio.Event().wait()

    monkeypatch.setattr("common.supervision.asyncio.sleep", note)

    async def run(loop: Loop) -> None:
        raise ValueError

    loop = Loop("test", run)
    loop.start()
    while len(paused) < 4:
        await asyncio.wait({loop.task} if loop.task else set(), timeout=0.01)
    await loop.stop()
    assert paused == [0.02, 0.04, 0.08, 0.08]


async def test_a_loop_that_ran_steadily_starts_again_without_its_earlier_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paused: list[float] = []
    lives = 0

    async def note(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 4:
            await asyncio.Event().wait()

    monkeypatch.setattr("common.supervision.asyncio.sleep", note)
    now = 0.0
    monkeypatch.setattr(supervision, "monotonic", lambda: now)

    async def run(loop: Loop) -> None:
        nonlocal lives, now
        lives += 1
        if lives == 3:
            now += supervision.STEADY_AFTER_SECONDS + 1
        raise ValueError

    loop = Loop("test", run)
    loop.start()
    while len(paused) < 4:
        await asyncio.wait({loop.task} if loop.task else set(), timeout=0.01)
    await loop.stop()
    assert paused == [0.02, 0.04, 0.02, 0.04]


async def test_one_that_hangs_turns_health_red(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(supervision, "monotonic", lambda: now)
    async with running(forever) as loop:
        await eventually(lambda: loop.healthy, what="it beats")
        now += supervision.SILENT_AFTER_SECONDS + 1
        assert not loop.healthy
        assert loop.detail == "no sign of life for 9 s"


async def test_health_is_red_ten_seconds_after_the_last_work_at_the_latest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a clock of the test, so that a slow machine changes nothing: a consumer says that it lives until
    `QUIET_SECONDS` after its last fetch, and no other loop says so without having done something."""
    now = 100.0
    monkeypatch.setattr(supervision, "monotonic", lambda: now)
    async with running(forever) as loop:
        await eventually(lambda: loop.healthy, what="it beats")
        now += 10 - QUIET_SECONDS
        assert not loop.healthy


def test_what_a_loop_watches_is_noticed_within_ten_seconds() -> None:
    """A worker that asks for no job is seen at its next heartbeat; a Kafka that answers nobody after a last probe."""
    assert worker.STUCK_AFTER_SECONDS + worker.HEARTBEAT_SECONDS < 10
    assert (watch.STILL_AFTER_LOOKS + 1) * COMMIT_SECONDS + watch.PROBE_SECONDS < 10


async def test_stopping_ends_it_for_good() -> None:
    began, stopped = asyncio.Event(), asyncio.Event()

    async def run(loop: Loop) -> None:
        began.set()
        try:
            await forever(loop)
        finally:
            stopped.set()

    async with running(run) as loop:
        await began.wait()
    assert stopped.is_set()
    assert loop.task is not None
    assert loop.task.done()
    assert not loop.healthy
    await Loop("never started", run).stop()
