"""A list through the gateway, against the same request sent to the service with an identity token."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from uuid import UUID

import aiohttp
from common.auth.identity import HEADER, Identity, IdentitySigner
from gateway.keys import load_keys

from benchmarks.pairs import Figure, percentile, ratio
from benchmarks.parts import Parts

SECONDS, CLIENTS = 1.0, 8
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

        def gateway() -> "_Load":
            return _Load(session, f"{status['url']}{PATH}", {"Authorization": f"Bearer {account['access']}"})

        def service() -> "_Load":
            return _Load(session, f"{direct}{PATH}", {HEADER: signer.sign(identity)})

        rate = await ratio(
            "gateway, rate",
            lambda: gateway().rate(CLIENTS),
            lambda: service().rate(CLIENTS),
            pairs,
            at_least=0.5,
        )
        added = []
        for _ in range(pairs):
            slow, fast = gateway(), service()
            await slow.rate(1)
            await fast.rate(1)
            added.append(1_000 * (percentile(slow.seconds, 0.5) - percentile(fast.seconds, 0.5)))
    return [
        rate,
        Figure("gateway, added at p50", percentile(added, 0.5), min(added), max(added), "ms", at_most=1),
    ]


class _Load:
    """Clients that ask one after another for a while."""

    def __init__(self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> None:
        self._session = session
        self._url = url
        self._headers = headers
        self.seconds: list[float] = []

    async def rate(self, clients: int) -> float:
        began = monotonic()
        await asyncio.gather(*(self._client(began + SECONDS) for _ in range(clients)))
        return len(self.seconds) / (monotonic() - began)

    async def _client(self, end: float) -> None:
        while (asked := monotonic()) < end:
            async with self._session.get(self._url, headers=self._headers) as answer:
                await answer.read()
                answer.raise_for_status()
            self.seconds.append(monotonic() - asked)
