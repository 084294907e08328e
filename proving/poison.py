"""`prove --only poison`: one message in a hundred cannot be handled. Each is parked, once; the others hardly notice.

Billing takes messages in as they come, at a steady rate, with its own reactions, its inbox and the loop that tries letters
again. It does so by turns with and without poison among them, on two databases, so that a machine that slows down slows
both. A message's delay is from when it came to when its effect was committed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from uuid import UUID

import psycopg
from billing.app import SERVICE
from common.database import Database
from common.messaging.consumer import MAX_RECORDS, group_of
from common.messaging.dead_letters import Retrier
from common.messaging.inbox import Inbox, Message

from proving.buyers import let_buy, wrong_balances
from proving.outcome import Outcome, Proved, Say, none_of, percentile
from proving.traffic import Traffic
from tests.support.database import PostgresServer, ServiceUrls, postgres_server

TENANTS = 20
SHARE = 0.01
RATE = 200.0
"""Messages a second: well below what billing can do, so that a delay is work and not a queue that never ends."""
TURNS = 10
MOST = 2.0


@dataclass
class _Arm:
    """One database, what comes to it, and how long each message that is no poison waited, in seconds, by turn."""

    traffic: Traffic
    urls: ServiceUrls
    database: Database
    inbox: Inbox
    delays: list[list[float]] = field(default_factory=list)

    async def hear(self, messages: Sequence[Message], rate: float) -> None:
        """Take in a turn's messages, each as soon as it has come and the ones before are done."""
        retrier = Retrier(self.inbox.consumer, self.database, SERVICE.reactions)
        retrying = asyncio.create_task(retrier.run(lambda: None))
        delays: list[float] = []
        began, done = monotonic(), 0
        try:
            while done < len(messages):
                await asyncio.sleep(began + done / rate - monotonic())
                come = min(int((monotonic() - began) * rate) + 1, done + MAX_RECORDS, len(messages))
                await self.inbox.take(messages[done:come])
                now = monotonic()
                delays += [
                    now - (began + number / rate)
                    for number in range(done, come)
                    if _id(messages[number]) not in self.traffic.poisoned
                ]
                done = come
        finally:
            retrying.cancel()
            with suppress(asyncio.CancelledError):
                await retrying
        self.delays.append(delays)


async def prove(messages: int, seed: int, say: Say) -> Proved:
    """Take in at least so many messages in each way, on a PostgreSQL of its own."""
    with postgres_server() as postgres:
        return await poison(postgres, messages, seed, say)


async def poison(
    postgres: PostgresServer, messages: int, seed: int, say: Say = lambda done: None, rate: float = RATE
) -> Proved:
    async with _arm(postgres, Traffic(messages, seed, TENANTS, ("billing",))) as clean:
        spoilt = Traffic(messages, seed, TENANTS, ("billing",), SHARE)
        async with _arm(postgres, spoilt) as poisoned:
            parked: set[UUID] = set()
            for turn in range(TURNS):
                for arm in (clean, poisoned):
                    await arm.hear(_part(arm.traffic.said, turn), rate)
                letters = _letters(poisoned.urls.owner)
                parked |= letters.keys()  # also what is parked without reason, and heals before the end
                say((turn + 1) / TURNS)
            wrong = wrong_balances(poisoned.urls.owner, spoilt.tenants)
    missing = [f"{id} was not parked" for id in spoilt.poisoned - letters.keys()]
    too_many = [f"{id} was parked and is no poison" for id in parked - spoilt.poisoned]
    twice = [f"{id} is parked {times} times" for id, times in letters.items() if times > 1]
    return Proved(
        [
            Outcome(
                *("poison: messages parked once each", len(letters), len(letters), len(spoilt.poisoned)),
                f"= {len(spoilt.poisoned)}",
                not missing and not too_many and not twice,
            ),
            none_of("poison: accounts not charged for what was delivered", wrong),
            _ratio(clean.delays, poisoned.delays),
        ],
        [*missing, *too_many, *twice, *wrong],
    )


def _ratio(clean: Sequence[Sequence[float]], poisoned: Sequence[Sequence[float]]) -> Outcome:
    """The neighbours' 99th percentile against that without poison, of each turn."""
    ratios = sorted(
        percentile(sorted(with_it), 0.99) / percentile(sorted(without), 0.99)
        for without, with_it in zip(clean, poisoned, strict=True)
    )
    value = median(ratios)
    return Outcome(
        "poison: neighbours' p99 with it / without",
        value,
        ratios[0],
        ratios[-1],
        f"≤ {MOST:g}",
        value <= MOST,
    )


def _part(messages: Sequence[Message], turn: int) -> Sequence[Message]:
    return messages[len(messages) * turn // TURNS : len(messages) * (turn + 1) // TURNS]


@asynccontextmanager
async def _arm(postgres: PostgresServer, traffic: Traffic) -> AsyncIterator[_Arm]:
    with postgres.service_database("billing") as urls:
        database = Database(urls.service, SERVICE.model)
        await database.open()
        try:
            await let_buy(database, traffic.tenants)
            inbox = Inbox(group_of("billing"), "prove", database, SERVICE.reactions)
            yield _Arm(traffic, urls, database, inbox)
        finally:
            await database.close()


def _letters(url: str) -> Counter[UUID]:
    with psycopg.connect(url) as connection:
        return Counter(id for (id,) in connection.execute("SELECT event_id FROM dead_letters"))


def _id(message: Message) -> UUID:
    return UUID(dict(message.headers)["ce_id"].decode())
