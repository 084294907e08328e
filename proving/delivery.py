"""`prove --only delivery`: messages that come one to five times, in any order of the partitions, and then all once more.

Billing, gateway and publisher take them in with their own reactions, through the inbox that they run with. Second databases
hear the same messages once, in the order in which they were said.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module

from common.database import Database
from common.messaging.inbox import Message
from common.service import Service

from proving.buyers import let_buy, wrong_balances
from proving.outcome import Outcome, Proved, Say, none_of
from proving.traffic import Tenant, Traffic
from tests.support.database import PostgresServer, postgres_server
from tests.support.replay import Copy, disorder

LISTENERS = ("billing", "gateway", "publisher")
ONCE = ("gateway", "publisher")
"""Those whose replicas take their times from messages, not from their own clock: two databases can be compared."""
MOST_TIMES = 5
TENANTS = 20
IN_ORDER, LONGEST_BATCH = 200, 400
"""Messages that come at once: where they come in order, and at most where they do not."""
OWN = ("events", "outbox", "dead_letters", "catch_up_requests")
"""Tables that are no views: hearing again adds nothing to them."""


async def prove(messages: int, seed: int, say: Say) -> Proved:
    """Deliver at least so many messages, on a PostgreSQL of its own."""
    with postgres_server() as postgres:
        return await deliver(postgres, messages, seed, say)


async def deliver(postgres: PostgresServer, messages: int, seed: int, say: Say = lambda done: None) -> Proved:
    traffic = Traffic(messages, seed, TENANTS, LISTENERS)
    in_order = [traffic.said[n : n + IN_ORDER] for n in range(0, len(traffic.said), IN_ORDER)]
    shuffled = list(_disorder(traffic, seed, MOST_TIMES))
    again = list(_disorder(traffic, seed + 1, 1))
    work = _Work(say, len(ONCE) * _size(in_order) + len(LISTENERS) * (_size(shuffled) + _size(again)))
    with ExitStack() as databases:
        once = {name: _listener(postgres, name, databases) for name in ONCE}
        often = {name: _listener(postgres, name, databases) for name in LISTENERS}
        await _let_buy(often["billing"], traffic.tenants)
        await _deliver(once, in_order, work)
        await _deliver(often, shuffled, work)
        unlike = [
            f"{name}.{table} is not what it is where everything came once"
            for name, listener in once.items()
            for table in await _differing(listener, often[name])
        ]
        before = {name: await _everything(listener) for name, listener in often.items()}
        await _deliver(often, again, work)
        changed = [
            f"{name}.{table} was changed by hearing everything again"
            for name, listener in often.items()
            for table, now in (await _everything(listener)).items()
            if before[name][table] != now
        ]
        wrong = wrong_balances(often["billing"].owner, traffic.tenants)
    times = (_size(shuffled) + _size(again)) / len(traffic.said)
    mean = Outcome("delivery: deliveries of a message, mean", times, 2, MOST_TIMES + 1, "≥ 2", times >= 2)
    return Proved(
        [
            mean,
            none_of("delivery: tables unlike those that heard all once", unlike),
            none_of("delivery: tables changed by hearing all again", changed),
            none_of("delivery: accounts not charged for what was delivered", wrong),
        ],
        [*unlike, *changed, *wrong],
    )


def _disorder(traffic: Traffic, seed: int, most_times: int) -> Iterator[list[Message]]:
    return disorder(traffic.partitions, seed, most_times=most_times, longest_batch=LONGEST_BATCH)


def _size(batches: Sequence[Sequence[Message]]) -> int:
    return sum(map(len, batches))


class _Work:
    """Tells how much is done of `total` messages to deliver."""

    def __init__(self, say: Say, total: int) -> None:
        self._say = say
        self._total = total
        self._done = 0

    def of(self, batches: Sequence[list[Message]]) -> Iterator[list[Message]]:
        for batch in batches:
            yield batch
            self._done += len(batch)
            self._say(self._done / self._total)


def _listener(postgres: PostgresServer, name: str, databases: ExitStack) -> Copy:
    service: Service = import_module(f"{name}.app").SERVICE
    urls = databases.enter_context(postgres.service_database(name))
    return Copy(service, urls.owner, urls.service)


async def _let_buy(billing: Copy, tenants: Sequence[Tenant]) -> None:
    database = Database(billing.url, billing.service.model)
    await database.open()
    try:
        await let_buy(database, tenants)
    finally:
        await database.close()


async def _deliver(listeners: Mapping[str, Copy], batches: Sequence[list[Message]], work: _Work) -> None:
    async with asyncio.TaskGroup() as group:
        for listener in listeners.values():
            group.create_task(listener.deliver(work.of(batches)))


async def _differing(first: Copy, second: Copy) -> list[str]:
    """Tables that hold other rows: of those whose rows come from messages alone, not from our clock or new ids."""
    names = {table.name for table in first.service.model.replicas}
    one, other = await first.digests(), await second.digests()
    differing = [name for name in sorted(names) if one[name] != other[name]]
    return differing + [name for name in OWN if first.count(name) != second.count(name)]


async def _everything(listener: Copy) -> dict[str, str]:
    """A digest of each view and replica, and the sizes of the rest."""
    sizes = {name: str(listener.count(name)) for name in OWN}
    return await listener.digests() | sizes | {"jobs": str(sorted(listener.jobs().items()))}
