"""The embedded broker speaks to the client the services use, and ends with its parent."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from igny8_local.services import topics

WaitUntil = Callable[[Callable[[], bool]], None]


@pytest.fixture
def bootstrap(tmp_path: Path, wait_until: WaitUntil) -> Iterator[str]:
    file = tmp_path / "address"
    process = subprocess.Popen([sys.executable, "-m", "igny8_local.broker", "--file", str(file)])
    wait_until(file.exists)
    yield file.read_text()
    process.terminate()
    assert process.wait(10) == 0


async def test_what_is_produced_is_consumed_in_order(bootstrap: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        for number in range(100):
            await producer.send_and_wait("igny8.planner.events", str(number).encode(), key=b"account")
    async with AIOKafkaConsumer(
        "igny8.planner.events", bootstrap_servers=bootstrap, group_id="reader", auto_offset_reset="earliest"
    ) as consumer:
        assert [int((await consumer.getone()).value) for _ in range(100)] == list(range(100))


async def test_every_topic_exists_before_anyone_asks(bootstrap: str) -> None:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        assert await consumer.topics() >= set(topics())


def test_ends_when_its_parent_is_killed(tmp_path: Path, wait_until: WaitUntil) -> None:
    file = tmp_path / "address"
    parent = (
        "import subprocess, sys; from igny8_local.leash import leash; "
        "child = subprocess.Popen(sys.argv[1:], preexec_fn=leash()); print(child.pid, flush=True); child.wait()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent, sys.executable, "-m", "igny8_local.broker", "--file", str(file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    broker = psutil.Process(int(process.stdout.readline()))
    wait_until(file.exists)
    process.kill()
    process.wait()
    wait_until(lambda: not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE)
