"""`prove --only erasure`: accounts are erased and the master key is rotated, again and again, while others work.

A gateway in this process with a PostgreSQL of its own. Who stays changes its profile, keeps secrets and reads both back all
the time; who goes does the same until it is erased. Afterwards nothing of those who went may be left, and nothing of those
who stayed may be missing.
"""

import asyncio
import base64
import random
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from common.contracts.gateway import SecretRef
from common.operate.secrets import rotate
from common.secrets import PostgresSecrets

from proving.outcome import Outcome, Proved, Say, at_least, none_of
from tests.integration.gateway.running import PASSWORD, Gateway, Tenant, make_gateway
from tests.parts.ports import INTERVAL, DeadlineMissed, eventually
from tests.support.database import PostgresServer, ServiceUrls, postgres_server

STAYING = 4
CHANGES = (0, 8)
"""How many an account makes at least and at most before it asks to be erased."""
KEPT = ("audit_entries", "account_slugs", "erased_accounts")
"""What outlives an account at the gateway (docs/decisions/0009)."""


async def prove(erasures: int, seed: int, say: Say) -> Proved:
    """So many accounts go; how long each works before, and from where it asks, is drawn by the seed."""
    with postgres_server() as postgres:
        async with running(postgres) as house:
            return await leave(house, erasures, say, seed=seed)


@dataclass
class House:
    """A gateway whose master keys are in a file, and what is needed to look behind it."""

    gateway: Gateway
    secret_urls: ServiceUrls
    keys: Path
    found: list[str] = field(default_factory=list)
    """What went wrong for those who stay."""
    requests: int = 0
    rotations: int = 0


@asynccontextmanager
async def running(postgres: PostgresServer) -> AsyncIterator[House]:
    with (
        tempfile.TemporaryDirectory(prefix="igny8-leaving-") as directory,
        postgres.service_database("gateway") as urls,
        postgres.service_database("secrets") as secret_urls,
    ):
        keys = Path(directory) / "master-keys"
        keys.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        gateway = make_gateway(urls, secret_urls, Path(directory), master_key_file=keys)
        await gateway.runtime.database.open()
        try:
            async with gateway.working():
                yield House(gateway, secret_urls, keys)
        finally:
            await gateway.runtime.extras["gateway"].audit.flush()
            await gateway.runtime.database.close()


async def leave(
    house: House, erasures: int, say: Say = lambda done: None, *, stay: int = STAYING, seed: int = 0
) -> Proved:
    """So many accounts go while so many `stay`."""
    dice = random.Random(seed)
    staying = [await house.gateway.register() for _ in range(stay)]
    going = [await house.gateway.register() for _ in range(erasures)]
    work = [asyncio.create_task(_work(house, tenant)) for tenant in staying]
    around = [asyncio.create_task(_rotate(house)), asyncio.create_task(_listen(house))]
    still_in: list[str] = []
    for number, tenant in enumerate(going):
        still_in += await _go(house, tenant, dice)
        say(0.9 * number / erasures)
    left = [line for tenant in going for line in await left_of(house.gateway, house.secret_urls, tenant)]
    for task in (*work, *around):
        task.cancel()
    for ended in await asyncio.gather(*work, *around, return_exceptions=True):
        if not isinstance(ended, asyncio.CancelledError):
            house.found.append(f"ended by itself: {ended!r}")
    outcomes: list[Outcome] = [
        none_of(f"erasure: wrong for {stay} who stayed", house.found),
        none_of(f"erasure: ways in for {erasures} who went", still_in),
        none_of(f"erasure: left of {erasures} who went", left),
        at_least("erasure: master keys meanwhile", house.rotations, 2),
        at_least("erasure: answers meanwhile", house.requests, 2 * erasures),
    ]
    return Proved(outcomes, [*house.found, *still_in, *left])


async def _work(house: House, tenant: Tenant) -> None:
    """Change, keep and read back, until cancelled."""
    store = _store(house)
    kept: list[tuple[SecretRef, str]] = []
    number = 0
    async with tenant.client() as client:
        while True:
            number += 1
            name = f"Ada {number}"
            # As a process that has just started: no data key is at hand.
            store._cache.clear()
            changed = await client.patch("/api/v1/auth/me/", json={"first_name": name})
            shown = await client.get("/api/v1/auth/me/")
            if changed.status_code != 200 or shown.json()["data"]["first_name"] != name:
                house.found.append(f"{changed.status_code} {shown.text[:200]}")
            kept.append((await store.put(tenant.account_id, name), name))
            for ref, value in (kept[0], kept[-1]):
                if await store.get(tenant.account_id, ref) != value:
                    house.found.append(f"the secret {ref.secret_id} is another one")
            house.requests += 2


async def _go(house: House, tenant: Tenant, dice: random.Random) -> list[str]:
    """Work and erase at once; the ways in that are open afterwards."""
    await _store(house).put(tenant.account_id, "a secret of its own")
    enough = asyncio.Event()
    going_on = asyncio.create_task(_until_out(tenant, dice.randint(*CHANGES), enough))
    await enough.wait()
    body = {"account_slug": tenant.registered["account_slug"], "password": PASSWORD}
    # Each from an address of its own: guessing a password is limited by address.
    address = f"198.{dice.randint(18, 19)}.{dice.randrange(256)}.{dice.randrange(256)}"
    async with house.gateway.client(tenant.registered["access"], address) as client:
        erased = await client.post("/api/v1/account/erase/", json=body)
        after = await client.get("/api/v1/account/")
    strange = await going_on
    found = [] if erased.status_code == 200 else [f"not erased: {erased.status_code} {erased.text[:200]}"]
    return found + ([] if after.status_code == 401 else [f"afterwards {after.status_code}"]) + strange


async def _until_out(tenant: Tenant, changes: int, enough: asyncio.Event) -> list[str]:
    """What it was answered but that it may or may not; `enough` is set once it has made so many changes."""
    number = 0
    try:
        async with tenant.client() as client:
            while True:
                if number == changes:
                    enough.set()
                number += 1
                answer = await client.patch("/api/v1/auth/me/", json={"first_name": f"Eve {number}"})
                if answer.status_code == 401:
                    return []
                if answer.status_code not in (
                    200,
                    404,
                ):  # 404: let in just before, and gone when its turn came
                    return [f"while it went {answer.status_code} {answer.text[:200]}"]
    finally:
        enough.set()


async def _rotate(house: House) -> None:
    """A new master key after the other, each in force at once."""

    def once() -> None:
        with psycopg.connect(house.secret_urls.owner, autocommit=True) as connection:
            rotate(connection, house.keys)

    while True:
        await asyncio.to_thread(once)
        house.rotations += 1
        await asyncio.sleep(INTERVAL)


async def _listen(house: House) -> None:
    """In place of the relay and all listeners: what is to be said is said."""
    async with await psycopg.AsyncConnection.connect(house.gateway.urls.owner, autocommit=True) as connection:
        while True:
            await connection.execute("DELETE FROM outbox")
            await asyncio.sleep(INTERVAL)


async def left_of(gateway: Gateway, secret_urls: ServiceUrls, tenant: Tenant) -> list[str]:
    """Rows of it that do not go away, and a data key."""
    async with (
        await psycopg.AsyncConnection.connect(gateway.urls.owner, autocommit=True) as connection,
        await psycopg.AsyncConnection.connect(secret_urls.owner, autocommit=True) as keys,
    ):
        tables = await (
            await connection.execute(
                "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE a.attname = 'account_id' AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
            )
        ).fetchall()
        counts = " UNION ALL ".join(
            f"SELECT '{name}', count(*) FROM {name} WHERE account_id = %(account)s"
            f"{' AND type <> $$AccountErased$$' if name == 'events' else ''}"
            for (name,) in tables
            if name not in KEPT
        )

        async def rows() -> list[str]:
            query = f"SELECT * FROM ({counts}) AS t (name, rows) WHERE rows > 0".encode()
            found = await (await connection.execute(query, {"account": tenant.account_id})).fetchall()
            key = await (
                await keys.execute(
                    "SELECT wrapped IS NOT NULL, (SELECT count(*) FROM secrets s WHERE s.account_id = k.account_id)"
                    " FROM data_keys k WHERE account_id = %s",
                    (tenant.account_id,),
                )
            ).fetchone()
            return [f"{name}: {n}" for name, n in found] + ([] if key == (False, 0) else [f"key: {key}"])

        last: list[str] = []

        async def none() -> bool:
            last[:] = await rows()
            return not last

        try:
            await eventually(none, what="an erased account's rows are gone")
        except DeadlineMissed as missed:
            return [f"{missed}: {last}"]
    return []


def _store(house: House) -> PostgresSecrets:
    store = house.gateway.runtime.secrets
    assert isinstance(store, PostgresSecrets)
    return store
