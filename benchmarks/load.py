"""Loading a wallet from its events and from a snapshot, against selecting the same rows barely."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
from billing.rates.default_card import DEFAULT_CARD
from billing.wallets.decisions import WALLET, GrantCredits, ReserveCredits, SettleItem, WalletCommand
from billing.wallets.events import Origin, Wallet
from billing.wallets.snapshot import SNAPSHOT
from common.contracts.operations import Charge, OperationItem, Usage
from common.database import SESSION_OPTIONS, Transaction
from common.eventsourcing.event import Event, Meta
from common.ids import new_id
from common.model import ServiceModel

from benchmarks.pairs import Figure, ratio
from benchmarks.parts import ACCOUNTS, Parts

SECONDS = 0.2
TURNS = 3
SHORT = 100
LONG = 10_100
"""A snapshot is kept at every 200 events: a hundred after the last one are the mean of what is left to fold."""
ACCOUNT = ACCOUNTS[0]
MODEL = ServiceModel("billing", (WALLET,), lambda _fact: None)
Connection = psycopg.AsyncConnection[Any]


async def short(parts: Parts, pairs: int) -> list[Figure]:
    """A stream of a hundred events."""
    async with _store(parts) as connection:
        wallet = await _stream(connection, SHORT)
        name = str(WALLET.stream(wallet))
        await _copy_barely(connection)
        return [
            await ratio(
                f"load, {SHORT} events",
                lambda: _rate(lambda: _load(connection, wallet)),
                lambda: _rate(lambda: _select(connection, name)),
                pairs,
                at_most=1.5,
                turns=TURNS,
            )
        ]


async def long(parts: Parts, pairs: int) -> list[Figure]:
    """A stream of ten thousand events with a snapshot, against one of a hundred without."""
    async with _store(parts) as connection:
        few, many = await _stream(connection, SHORT), await _stream(connection, LONG)
        return [
            await ratio(
                f"load, {LONG:,} events with a snapshot, against {SHORT}",
                lambda: _rate(lambda: _load(connection, many)),
                lambda: _rate(lambda: _load(connection, few)),
                pairs,
                at_most=1.25,
                turns=TURNS,
            )
        ]


@asynccontextmanager
async def _store(parts: Parts) -> AsyncIterator[Connection]:
    """A connection as a service has it, in autocommit: a load is a transaction and a round trip of its own."""
    with parts.database("billing") as urls:
        async with await psycopg.AsyncConnection.connect(
            urls.service, autocommit=True, prepare_threshold=0, options=SESSION_OPTIONS
        ) as connection:
            yield connection


async def _stream(connection: Connection, length: int) -> UUID:
    """A wallet whose operations were reserved and settled, in so many events; returns its id."""
    wallet, version = new_id(), 0
    state, pending = WALLET.initial, list[Event]()
    while version < length:
        for command in _commands(first=state is WALLET.initial):
            for event in WALLET.decide(command, state):
                state, version = WALLET.evolve(state, event), version + 1
                pending.append(event)
                if version == length or version % SNAPSHOT.every == 0:
                    await _append(connection, wallet, version, pending, state)
                    pending = []
                if version == length:
                    return wallet
    raise AssertionError("unreachable")


def _commands(*, first: bool) -> list[WalletCommand]:
    if first:
        return [GrantCredits(new_id(), "plan", 10**12)]
    operation, item = new_id(), new_id()
    most, used = Charge(kind="content_words", units=1_000), Charge(kind="content_words", units=500)
    origin = Origin(site_id=new_id(), sector_id=new_id(), user_id=new_id())
    end = datetime(2100, 1, 1, tzinfo=UTC)
    items = (OperationItem(item_id=item, charge=most),)
    usage = Usage(provider="local", model="local", calls=1, input_tokens=900, output_tokens=1_200)
    return [
        ReserveCredits(operation, "generate_content", items, DEFAULT_CARD, end, origin, "2100-01", None),
        SettleItem(operation, item, used, usage, {DEFAULT_CARD.version: DEFAULT_CARD}),
    ]


async def _append(connection: Connection, id: UUID, version: int, events: list[Event], state: Wallet) -> None:
    """What ends at `version`, with the snapshot that `Transaction.handle` would keep there."""
    stream = WALLET.stream(id)
    async with connection.transaction():
        tx = Transaction(connection, MODEL, ACCOUNT, Meta())
        await tx.append(stream, version - len(events), events)
        if version % SNAPSHOT.every == 0:
            await tx._keep(stream, version, SNAPSHOT, state)


async def _copy_barely(connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute("SELECT set_config('app.account_id', %s, true)", (str(ACCOUNT),))
        await connection.execute(
            "INSERT INTO bare_events OVERRIDING SYSTEM VALUE SELECT * FROM events ORDER BY position"
        )


async def _rate(step: Callable[[], Awaitable[None]]) -> float:
    done, began = 0, monotonic()
    while monotonic() < began + SECONDS:
        await step()
        done += 1
    return done / (monotonic() - began)


async def _load(connection: Connection, id: UUID) -> None:
    _, version = await Transaction(connection, MODEL, ACCOUNT, Meta()).load(WALLET, id)
    assert version in (SHORT, LONG)


async def _select(connection: Connection, stream: str) -> None:
    cursor = await connection.execute(
        "SELECT version, type, data FROM bare_events WHERE stream = %s ORDER BY version", (stream,)
    )
    assert len(await cursor.fetchall()) == SHORT
