"""A list through the gateway, against the same request sent to the service with an identity token."""

import asyncio
from collections.abc import Mapping
from statistics import median
from time import monotonic
from uuid import UUID

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
        body = {"email": "bench@example.com", "password": "Bench-Mark-77", "account_name": "Bench"}
        async with session.post(f"{status['url']}/api/v1/auth/register/", json=body) as made:
            made.raise_for_status()
            account = (await made.json())["data"]
        signer = IdentitySigner(load_keys(stack.layout.token_keys).signing)
        identity = Identity(
            account_id=UUID(account["account_id"]),
            user_id=UUID(account["user_id"]),
            role="owner",
            request_id="bench",
        )

        def gateway() -> "_Client":
            return _Client(
                session, f"{status['url']}{PATH}", {"Authorization": f"Bearer {account['access']}"}
            )

        def service() -> "_Client":
            return _Client(session, f"{direct}{PATH}", {HEADER: signer.sign(identity)})

        rate = await ratio(
            "gateway, rate",
            lambda: gateway().rate(),
            lambda: service().rate(),
            pairs,
            at_least=0.5,
        )
        await _added(gateway(), service())
        added = [await _added(gateway(), service()) for _ in range(pairs)]
    return [rate, Figure("gateway, added at p50", median(added), min(added), max(added), "ms", at_most=1)]


class _Client:
    def __init__(self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> None:
        self._session = session
        self._url = url
        self._headers = headers

    async def ask(self) -> float:
        """Seconds that the answer took."""
        began = monotonic()
        async with self._session.get(self._url, headers=self._headers) as answer:
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


async def _added(gateway: _Client, service: _Client) -> float:
    """Milliseconds by which the middle request through the gateway is slower, while nobody else asks."""
    through, straight = [], []
    for _ in range(TIMES):
        through.append(await gateway.ask())
        straight.append(await service.ask())
    return 1_000 * (percentile(through, 0.5) - percentile(straight, 0.5))
