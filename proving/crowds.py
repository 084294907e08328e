"""`prove --only logins` and `--only refreshes`: many at once, on a gateway in this process with a PostgreSQL of its own.

Valid users sign in from an address each, and all get in while others ask for their profile. One refresh token is used by many
at once: one of them gets the next token, and the family ends.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx
from common.database import Transaction
from common.ids import new_id
from gateway.accounts.decisions import ACCOUNT, RegisterAccount
from gateway.personal import Fields, email_index
from gateway.users.decisions import USER, RegisterUser
from gateway.users.events import UserRegistered
from gateway.users.passwords import hash_password

from proving.outcome import Outcome, Proved, Say, none_of, percentile
from tests.integration.gateway.running import PASSWORD, Gateway, Tenant, make_gateway
from tests.support.database import postgres_server

AUTH = "/api/v1/auth"
ADDRESSES = [f"198.51.{high}.{low}" for high in range(256) for low in range(256)]
QUIET_REQUESTS = 100
MOST_SLOWER = 2.0


async def prove_logins(users: int, _seed: int, say: Say) -> Proved:
    """So many sign in at once."""
    async with _gateway() as gateway:
        return await log_in(gateway, users, say)


async def prove_refreshes(racers: int, _seed: int, _say: Say) -> Proved:
    """So many use one refresh token at once."""
    async with _gateway() as gateway:
        return await refresh(gateway, racers)


@asynccontextmanager
async def _gateway() -> AsyncIterator[Gateway]:
    with (
        tempfile.TemporaryDirectory(prefix="igny8-crowds-") as directory,
        postgres_server() as postgres,
        postgres.service_database("gateway") as urls,
        postgres.service_database("secrets") as secret_urls,
    ):
        gateway = make_gateway(urls, secret_urls, Path(directory))
        await gateway.runtime.database.open()
        try:
            yield gateway
        finally:
            await gateway.runtime.database.close()


async def log_in(gateway: Gateway, users: int, say: Say = lambda done: None) -> Proved:
    emails = await _register(gateway, users, say)
    # As after a start: nobody's key is at hand.
    gateway.runtime.secrets._cache.clear()  # type: ignore[attr-defined]
    async with (await gateway.register()).client() as somebody:
        quiet = [await _ask(somebody) for _ in range(QUIET_REQUESTS)]
        meanwhile: list[float] = []
        crowd = asyncio.gather(*(_sign_in(gateway, *each) for each in zip(emails, ADDRESSES, strict=False)))
        while not crowd.done():
            meanwhile.append(await _ask(somebody))
    answers = await crowd
    kept_out = [f"{email}: {status} {text}" for email, status, text in answers if status != 200]
    slower = percentile(sorted(meanwhile), 0.99) / percentile(sorted(quiet), 0.99)
    return Proved(
        [
            none_of(f"logins: of {users} at once kept out", kept_out),
            Outcome(
                "logins: others' p99 meanwhile / without",
                slower,
                slower,
                slower,
                f"≤ {MOST_SLOWER:g}",
                slower <= MOST_SLOWER,
            ),
        ],
        kept_out,
    )


async def refresh(gateway: Gateway, racers: int) -> Proved:
    tenant = await gateway.register()
    async with gateway.client() as client:

        async def use(token: str) -> httpx.Response:
            return await client.post(f"{AUTH}/refresh/", json={"refresh": token})

        answers = await asyncio.gather(*(use(tenant.registered["refresh"]) for _ in range(racers)))
        statuses = Counter(answer.status_code for answer in answers)
        won = [answer.json()["data"] for answer in answers if answer.status_code == 200]
        found = [] if statuses == {200: 1, 401: racers - 1} else [f"answers: {dict(statuses)}"]
        for tokens in won:
            if (status := (await use(tokens["refresh"])).status_code) != 401:
                found.append(f"the winner's next token is answered {status}")
            async with gateway.client(tokens["access"]) as winner:
                if (status := (await winner.get(f"{AUTH}/me/")).status_code) != 401:
                    found.append(f"the winner's access token is answered {status}")
    revoked = await _count(gateway, tenant, "SessionRevoked")
    found += [] if revoked == 1 else [f"the family was revoked {revoked} times"]
    return Proved([none_of(f"refreshes: wrong where {racers} used one token", found)], found)


async def _register(gateway: Gateway, users: int, say: Say) -> list[str]:
    """Accounts with one user each, without the work of hashing a password for every one of them."""
    hashed = await hash_password(PASSWORD)
    emails = []
    for n in range(users):
        emails.append(f"{uuid4().hex}@example.com")
        await _one(gateway, emails[-1], hashed)
        say(0.5 * n / users)
    return emails


async def _one(gateway: Gateway, email: str, hashed: str) -> None:
    runtime = gateway.runtime
    account_id, user_id = new_id(), new_id()
    key = await runtime.secrets.data_key(account_id)
    user, account = Fields(key, user_id), Fields(key, account_id)
    registered = UserRegistered(
        user_id,
        await email_index(runtime.secrets, email),
        user.seal("email", email),
        user.seal("password", hashed),
        "owner",
    )
    opened = RegisterAccount(
        account_id, f"a-{account_id.hex}", account.seal("name", "Crowd"), user_id, "2100-01-01T00:00:00Z"
    )

    async def work(tx: Transaction) -> None:
        await tx.handle(ACCOUNT, account_id, opened)
        await tx.handle(USER, user_id, RegisterUser(registered))

    await runtime.database.run(account_id, work)


async def _sign_in(gateway: Gateway, email: str, address: str) -> tuple[str, int, str]:
    async with gateway.client(address=address) as client:
        answer = await client.post(f"{AUTH}/login/", json={"email": email, "password": PASSWORD})
    return email, answer.status_code, answer.text[:200]


async def _ask(client: httpx.AsyncClient) -> float:
    """Seconds that a profile took."""
    began = monotonic()
    (await client.get(f"{AUTH}/me/")).raise_for_status()
    return monotonic() - began


async def _count(gateway: Gateway, tenant: Tenant, type: str) -> int:
    query = "SELECT count(*) FROM events WHERE stream = %(stream)s AND type = %(type)s"
    values: dict[str, Any] = {"stream": f"user-{tenant.user_id}", "type": type}
    async with gateway.runtime.database.transaction(tenant.account_id) as tx:
        return int(await tx.scalar(query, values))
