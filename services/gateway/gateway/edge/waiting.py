"""`Prefer: wait=N` (RFC 7240 §4.3): who started a task may have its end instead of a 202, if it comes within N seconds."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import aiohttp
import msgspec
from common.api.errors import ApiError
from starlette.types import Message, Receive, Send

from gateway.edge.forwarder import ClientGone
from gateway.edge.headers import RawHeaders, header

LONGEST_WAIT_SECONDS = 60
"""Most proxies give up on a silent request after a minute."""
_WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?=$|[,;])', re.IGNORECASE)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 0.5
_ENDED = frozenset(("completed", "failed", "cancelled"))


class _Task(msgspec.Struct):
    status: str = ""
    task_id: str | None = None


class _Shown(msgspec.Struct):
    data: _Task


@dataclass
class Kept:
    """An answer in memory: of a task that was accepted, or of a question about it."""

    status: int = 0
    headers: RawHeaders = field(default_factory=list)
    body: bytes = b""

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send, status: int, more: RawHeaders) -> None:
        names = {name for name, _ in more}
        headers = [(name, value) for name, value in self.headers if name.lower() not in names]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})
        await send({"type": "http.response.body", "body": self.body})


class Accepted:
    """Holds a 202 that says where it is followed, and lets every other answer through."""

    def __init__(self, send: Send) -> None:
        self.kept = Kept()
        self.location: str | None = None
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 202:
            headers = [(name.lower(), value) for name, value in message["headers"]]
            self.location = header(headers, b"location")
        if self.location is None:
            await self._send(message)
        else:
            await self.kept.keep(message)

    async def wait(self, seconds: int, ask: Callable[[str], Awaitable[Kept]], receive: Receive) -> None:
        """Answer 200 with the task's state when it ends; 202 with what it is at after `seconds`. Raises `ClientGone`.

        What names no task is answered as it is: its location shows a thing, which may have a status from before.
        """
        assert self.location is not None
        if _shown(self.kept).task_id is None:
            await self.kept.send(self._send, self.kept.status, [])
            return
        waiting = asyncio.ensure_future(_ended(self.location, seconds, ask))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise ClientGone
            state, ended = waiting.result()
        finally:
            for task in (waiting, leaving):
                task.cancel()
            await asyncio.gather(waiting, leaving, return_exceptions=True)
        more = [(b"preference-applied", f"wait={seconds}".encode()), (b"location", self.location.encode())]
        await (state or self.kept).send(self._send, 200 if ended else 202, more)


def preferred_wait(headers: RawHeaders) -> int:
    """The seconds a client wants to wait, 0 for not at all."""
    found = _WAIT.search(header(headers, b"prefer") or "")
    return min(int(found[1]), LONGEST_WAIT_SECONDS) if found else 0


async def _ended(
    location: str, seconds: int, ask: Callable[[str], Awaitable[Kept]]
) -> tuple[Kept | None, bool]:
    """The last that was said of a task, and whether it has ended. Whoever tells of it may be away for a while."""
    until, pause = monotonic() + seconds, _FIRST_PAUSE
    state: Kept | None = None
    while True:
        with suppress(ApiError, aiohttp.ClientError, OSError):
            asked = await ask(location)
            if asked.status == 200:
                state = asked
                if _shown(asked).status in _ENDED:
                    return state, True
        left = until - monotonic()
        if left <= 0:
            return state, False
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _shown(answer: Kept) -> _Task:
    try:
        return msgspec.json.decode(answer.body, type=_Shown).data
    except msgspec.DecodeError:  # none of ours, or broken off
        return _Task()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
