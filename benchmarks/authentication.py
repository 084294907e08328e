"""What part of an authenticated request goes into authenticating it: a person's profile, by an access token.

The gateway runs in this process and is asked one request after another. Counted is all that would not be there if everybody
were believed: the access token and its holder's standing, the identity token that is signed for the route, and its check.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from common.auth.identity import IdentitySigner, IdentityVerifier
from gateway.edge.callers import Callers
from starlette.types import ASGIApp, Message

from benchmarks.pairs import Figure, on_the_services_loop
from benchmarks.parts import Parts
from tests.integration.gateway.running import make_gateway

SECONDS = 2.5
"""Of a round: more than a holder's standing is remembered, so that each has its share of the look-ups."""
PATH = "/api/v1/auth/me/"


@on_the_services_loop
async def measure(parts: Parts, pairs: int) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as directory,
        parts.plain_database("gateway") as urls,
        parts.plain_database("secrets") as secret_urls,
    ):
        gateway = make_gateway(urls, secret_urls, Path(directory))
        await gateway.runtime.database.open()
        try:
            token = (await gateway.register()).registered["access"]
            await _round(gateway.app, token)
            rounds = [await _round(gateway.app, token) for _ in range(pairs)]
        finally:
            await gateway.runtime.database.close()
    shares = [100 * spent / taken for spent, taken, _ in rounds]
    of_one = [1_000 * spent / times for spent, _, times in rounds]
    each = [1_000 * taken / times for _, taken, times in rounds]
    return [
        Figure(
            "authentication, part of a request's time",
            median(shares),
            min(shares),
            max(shares),
            "%",
            at_most=15,
            note=f"{median(of_one):.2f} of {median(each):.2f} ms",
        )
    ]


async def _round(app: ASGIApp, token: str) -> tuple[float, float, int]:
    """Seconds of authentication, seconds in all, requests."""
    with _timed() as spent:
        began, times = perf_counter(), 0
        while perf_counter() < began + SECONDS:
            assert await _ask(app, token) == 200
            times += 1
        return sum(spent), perf_counter() - began, times


async def _ask(app: ASGIApp, token: str) -> int:
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": [(b"host", b"bench"), (b"authorization", f"Bearer {token}".encode())],
        "client": ("192.0.2.1", 1),
        "server": ("bench", 80),
    }
    await app(scope, receive, send)
    return status


@contextmanager
def _timed() -> Iterator[list[float]]:
    """The seconds that each step of authentication took, while this lasts."""
    spent: list[float] = []
    identify, sign, verify = Callers.identify, IdentitySigner.sign, IdentityVerifier.verify

    def timed(step: Any) -> Any:
        @wraps(step)
        async def taken(*arguments: Any, **named: Any) -> Any:
            began = perf_counter()
            try:
                return await step(*arguments, **named)
            finally:
                spent.append(perf_counter() - began)

        return taken

    def timed_sign(*arguments: Any, **named: Any) -> str:
        began = perf_counter()
        try:
            return sign(*arguments, **named)
        finally:
            spent.append(perf_counter() - began)

    Callers.identify, IdentityVerifier.verify = timed(identify), timed(verify)  # type: ignore[method-assign]  # timed in place
    IdentitySigner.sign = timed_sign  # type: ignore[method-assign]  # timed in place
    try:
        yield spent
    finally:
        Callers.identify, IdentityVerifier.verify = identify, verify  # type: ignore[method-assign]  # timed in place
        IdentitySigner.sign = sign  # type: ignore[method-assign]  # timed in place
