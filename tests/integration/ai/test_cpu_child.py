"""The child process for CPU-bound work: its life, its death and what it answers."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from common.ai.cpu import ChildLost, CpuChild
from common.ai.functions import AUTO_CLUSTER, ClusterInput
from common.ai.providers.local import LocalProvider


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:  # noqa: ASYNC110 - a process sets no event
        await asyncio.sleep(0.02)
    return not alive(pid)


async def test_works_beside_the_event_loop_and_is_started_lazily() -> None:
    child = CpuChild()
    try:
        assert child.pid is None
        quotient, pid = await asyncio.gather(child.run(divmod, 7, 2), child.run(os.getpid))
        assert quotient == (3, 1)
        assert pid == child.pid != os.getpid()
    finally:
        await child.close()
    assert child.pid is None


async def test_raises_what_the_function_raises_and_goes_on() -> None:
    child = CpuChild()
    try:
        with pytest.raises(ZeroDivisionError):
            await child.run(divmod, 1, 0)
        assert await child.run(divmod, 1, 1) == (1, 0)
    finally:
        await child.close()


async def test_is_made_again_once_when_it_was_killed() -> None:
    child = CpuChild()
    try:
        first = await child.run(os.getpid)
        os.kill(first, signal.SIGKILL)
        assert await child.run(os.getpid) != first
        with pytest.raises(ChildLost):
            await child.run(os._exit, 1)
        assert await child.run(divmod, 1, 1) == (1, 0)
    finally:
        await child.close()


async def test_a_cancelled_call_stops_the_work() -> None:
    child = CpuChild()
    try:
        pid = await child.run(os.getpid)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(child.run(time.sleep, 60), 0.1)
        assert await gone(pid)
        assert await child.run(divmod, 1, 1) == (1, 0)
    finally:
        await child.close()


async def test_ends_when_idle_and_comes_back() -> None:
    child = CpuChild(idle_seconds=0.05)
    try:
        pid = await child.run(os.getpid)
        assert await gone(pid)
        assert await child.run(os.getpid) != pid
    finally:
        await child.close()


async def test_dies_with_a_killed_parent_even_at_work() -> None:
    program = (
        "import asyncio, os, time\n"
        "from common.ai.cpu import CpuChild\n"
        "async def main():\n"
        "    child = CpuChild()\n"
        "    print(await child.run(os.getpid), flush=True)\n"
        "    await child.run(time.sleep, 60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    await parent.wait()
    assert await gone(pid)


async def test_the_local_provider_answers_through_it() -> None:
    provider = LocalProvider()
    try:
        await provider.check()
        asked = ClusterInput(keywords=["red car", "red cars", "quantum physics"])
        output, usage = await provider.run(AUTO_CLUSTER, asked, key="k")
        assert output.unclustered == ["quantum physics"]
        assert output.clusters[0].keywords == ["red car", "red cars"]
        assert (usage.provider, usage.cost_micro_usd) == ("local", 0)
    finally:
        await provider.close()
