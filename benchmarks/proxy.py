"""What the gateway adds to a request, against what a plain proxy of Starlette and httpx adds to it."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from uuid import UUID

import aiohttp
from common.auth.identity import HEADER, Identity, IdentitySigner
from common.auth.signing_keys import JWKS_FILE
from gateway.keys import load_keys

from benchmarks.gateway import PATH, Client, account_of, added
from benchmarks.pairs import Figure
from benchmarks.parts import ROOT, Parts
from tests.parts.ports import answers, free_port
from tests.parts.process import Process


async def measure(parts: Parts, pairs: int) -> list[Figure]:
    stack = parts.product.stack
    status = stack.status()
    direct = next(service["url"] for service in status["services"] if service["name"] == "planner")
    async with aiohttp.ClientSession(headers={"Accept": "application/json"}) as session:
        account = await account_of(session, status["url"])
        identity = Identity(
            account_id=UUID(account["account_id"]),
            user_id=UUID(account["user_id"]),
            role="owner",
            request_id="bench",
        )
        signer = IdentitySigner(load_keys(stack.layout.token_keys).signing)
        bearer = {"Authorization": f"Bearer {account['access']}"}
        async with _proxy(direct, stack.layout.token_keys / JWKS_FILE) as url:
            ratios = []
            for _ in range(pairs + 1):  # the first warms up
                known = {HEADER: signer.sign(identity)}
                service = Client(session, f"{direct}{PATH}", known)
                ours = await added(Client(session, f"{status['url']}{PATH}", bearer), service)
                theirs = await added(Client(session, f"{url}{PATH}", {**bearer, **known}), service)
                ratios.append(ours / theirs)
    del ratios[0]
    return [
        Figure(
            "gateway, added at p50, against a proxy of Starlette and httpx",
            median(ratios),
            min(ratios),
            max(ratios),
            "×",
            at_most=1,
        )
    ]


@asynccontextmanager
async def _proxy(service: str, keys: Path) -> AsyncIterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        command = [
            *(
                sys.executable,
                "-m",
                "uvicorn",
                "--port",
                str(port),
                "--no-access-log",
                "--log-level",
                "warning",
            ),
            *("--loop", "uvloop", "--http", "httptools", "benchmarks.proxy_peer:application"),
        ]
        environment = {**os.environ, "BENCH_SERVICE": service, "BENCH_KEYS": str(keys)}
        process = Process(command, Path(directory) / "log", cwd=ROOT, environment=environment)
        try:
            await asyncio.to_thread(process.wait_until, lambda: answers(port), 30)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
