"""All five services twice, on one set of databases and one Kafka, while tenants run pipelines: rebalanced, paused, judged."""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from common.contracts import events_topic
from common.contracts.base import SERVICES
from common.messaging.consumer import group_of
from igny8_local.stack import Stack

from proving.campaign import Arena, arena, calm
from proving.evidence import Disturbance
from proving.oracle import judge
from proving.outcome import Proved, Say, at_least, none_of
from proving.replicas import Group, pause
from proving.report import Report, Wanted
from tests.parts.ports import eventually, free_port
from tests.parts.process import Process

REBALANCES = 4
"""Of one service's group at a time, before one of its replicas is paused."""


async def prove(size: int, seed: int, say: Say) -> Proved:
    """`size` counts the rebalances of all groups, which take turns; before every pause there are some.

    The order of the groups, and which of the two replicas stands still, is drawn by the seed.
    """
    dice = random.Random(seed)
    wanted = Wanted(0, seed, kafka=True)
    report, rebalances, pauses = Report(wanted), 0, 0
    with arena(wanted) as field, twins(field.product.stack) as second:
        state = field.product.stack.state()
        assert state is not None
        kafka = str(state["kafka"])
        while rebalances < size:
            for service in dice.sample(SERVICES, len(SERVICES)):
                first = field.product.stack.pid(service)
                assert first is not None
                pid = dice.choice((first, second[service].pid))
                rebalances += await _disturb(
                    kafka, service, pid, min(REBALANCES, -(-size // len(SERVICES))), field
                )
                pauses += 1
                say(min(1.0, rebalances / size))
        # In a thread: both wait, and the judge has event loops of its own.
        await asyncio.to_thread(calm, field, report, lambda text: None)
        findings = await asyncio.to_thread(judge, field.evidence())
    outcomes = [
        at_least("rebalances of all services", rebalances, size),
        at_least("processes paused for longer than a session", pauses, len(SERVICES)),
        at_least("pipelines that ran meanwhile", report.runs, 1),
        *(none_of(each.check, each.found) for each in findings),
    ]
    return Proved(outcomes, [f"{each.check}: {found}" for each in findings for found in each.found])


@contextmanager
def twins(stack: Stack) -> Iterator[dict[str, Process]]:
    """A second process of every service, told the same as the first one but for its address."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="igny8-twins-")))
        started: dict[str, Process] = {}
        for service in SERVICES:
            started[service] = twin(stack, service, folder)
            running.callback(started[service].kill)
        yield started


def twin(stack: Stack, service: str, folder: Path, **environment: str) -> Process:
    """A further process of a running service. Its address is `http://` and what `IGNY8_LISTEN` says, a free port if not given."""
    told = stack.service_environment(service) | {"IGNY8_LISTEN": f"127.0.0.1:{free_port()}"} | environment
    return Process([sys.executable, "-m", service], folder / f"{service}.log", environment=told)


async def _disturb(kafka: str, service: str, pid: int, rebalances: int, field: Arena) -> int:
    """Rebalance one service's group, then pause one of its processes; returns the number of rebalances."""
    group = Group(kafka, group_of(service), events_topic("gateway"))
    await eventually(lambda: group.has(2), 60, what=f"both replicas of {service} are in their group")
    first = await group.disturb()
    while group.generation - first < rebalances:
        await group.disturb()
    began = time.time()
    await pause(pid, group, 2)
    field.disturbed(Disturbance(began, time.time(), (service,)))
    return group.generation - first
