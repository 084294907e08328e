"""A list and a write through the gateway, against the same sent to the service with an identity token."""

import asyncio
from collections.abc import Mapping
from statistics import median
from time import monotonic
from uuid import UUID, uuid4

import aiohttp
from common.auth.identity import HEADER, Identity, IdentitySigner
from gateway.keys import load_keys

from benchmarks.pairs import Figure, percentile, ratio
from benchmarks.parts import Parts

SECONDS, CLIENTS = 1.0, 8
TIMES = 150
"""Requests of a round, each way, one after another."""
PATH = "/api/v1/planner/keywords/"


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    stack = parts.product.stack
    status = stack.status()
    direct = next(service["url"] for service in status["services"] if service["name"] == "planner")
    async with aiohttp.ClientSession(headers={"Accept": "application/json"}) as session:
        account = await account_of(session, status["url"])
        signer = IdentitySigner(load_keys(stack.layout.token_keys).signing)
        identity = Identity(
            account_id=UUID(account["account_id"]),
            user_id=UUID(account["user_id"]),
            role="owner",
            request_id="bench",
        )

        def gateway() -> "Client":
            return Client(session, f"{status['url']}{PATH}", {"Authorization": f"Bearer {account['access']}"})

        def service() -> "Client":
            return Client(session, f"{direct}{PATH}", {HEADER: signer.sign(identity)})

        rate = await ratio(
            "gateway, rate",
            lambda: gateway().rate(),
            lambda: service().rate(),
            pairs,
            at_least=0.5,
        )
        await added(gateway(), service())
        added_to_reads = [await added(gateway(), service()) for _ in range(pairs)]
        place = await _place(session, status["url"], account["access"])
        await added(gateway().writing(place), service().writing(place))
        added_to_writes = [
            await added(gateway().writing(place), service().writing(place)) for _ in range(pairs)
        ]
    return [
        rate,
        _milliseconds("gateway, added at p50", added_to_reads, at_most=1),
        _milliseconds("gateway, added to a write at p50, with its audit entry", added_to_writes, at_most=3),
    ]


def _milliseconds(name: str, rounds: list[float], *, at_most: float) -> Figure:
    return Figure(name, median(rounds), min(rounds), max(rounds), "ms", at_most=at_most)


async def account_of(session: aiohttp.ClientSession, url: str) -> Mapping[str, str]:
    """A new account, with a token that opens it."""
    email = f"bench-{uuid4().hex}@example.com"
    body = {"email": email, "password": "Bench-Mark-77", "account_name": "Bench"}
    async with session.post(f"{url}/api/v1/auth/register/", json=body) as made:
        made.raise_for_status()
        account: Mapping[str, str] = (await made.json())["data"]
        return account


async def _place(session: aiohttp.ClientSession, url: str, access: str) -> dict[str, str]:
    """A site and a sector for keywords."""
    headers = {"Authorization": f"Bearer {access}"}
    place: dict[str, str] = {}
    for path, name in (("sites/", "site_id"), ("sites/{site_id}/sectors/", "sector_id")):
        made = session.post(
            f"{url}/api/v1/account/{path.format(**place)}", json={"name": "Bench"}, headers=headers
        )
        async with made as answer:
            answer.raise_for_status()
            place[name] = (await answer.json())["data"]["id"]
    return place


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> None:
        self._session = session
        self._url = url
        self._headers = headers
        self._place: Mapping[str, str] | None = None

    def writing(self, place: Mapping[str, str]) -> "Client":
        """Asks for a new keyword in that site and sector each time, instead of for the list."""
        self._place = place
        return self

    async def ask(self) -> float:
        """Seconds that the answer took."""
        method, body = "GET", None
        if self._place is not None:
            method, body = "POST", {**self._place, "keyword": uuid4().hex}
        began = monotonic()
        async with self._session.request(method, self._url, headers=self._headers, json=body) as answer:
            await answer.read()
            answer.raise_for_status()
        return monotonic() - began

    async def rate(self) -> float:
        """Answers a second to clients of which each asks one request after another."""
        began, answers = monotonic(), 0

        async def client() -> None:
            nonlocal answers
            while monotonic() < began + SECONDS:
                await self.ask()
                answers += 1

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return answers / (monotonic() - began)


async def added(gateway: Client, service: Client) -> float:
    """Milliseconds by which the middle request through the gateway is slower, while nobody else asks."""
    through, straight = [], []
    for _ in range(TIMES):
        through.append(await gateway.ask())
        straight.append(await service.ask())
    return 1_000 * (percentile(through, 0.5) - percentile(straight, 0.5))
