"""`Idempotency-Key` on every POST: the same request gives the same answer for 24 hours.

A key's row is taken before the route runs and filled with the answer after it. Its lock lasts for seconds and is renewed
while the route runs. After those seconds, where a process died in between, the request may run again, and the ids it
makes are the same (`CallerOf.new_id`), so that its commands find what they already did. Where nobody is signed in there
are no keys: the gateway leaves them out, for two strangers' must not meet, and what answers them may hold tokens.
"""

import asyncio
import hashlib
import re
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.api.caller import REPEATABLE, identity_of
from common.api.envelope import REPLAY, failure
from common.api.runtime import RuntimeOf
from common.auth.identity import InvalidIdentity
from common.database import Database, Row

LARGEST_BODY = 1_000_000
"""Larger files are streamed; they are idempotent by their content instead."""
LOCKED_SECONDS, RENEWED_SECONDS = 10.0, 3.0
LONGEST_KEY = 200
_BOUNDARY = re.compile(rb'boundary="?([^";,]+)')


class IdempotencyMiddleware:
    """Wraps the app of a service; needs `app.state.runtime`."""

    def __init__(self, app: ASGIApp, state: Any) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        key = headers.get(b"idempotency-key", b"").decode("latin-1")
        if scope["type"] != "http" or scope["method"] != "POST" or not key:
            await self._app(scope, receive, send)
            return
        runtime: RuntimeOf = self._state.runtime
        try:
            identity = await identity_of(scope, runtime.verifier)
        except InvalidIdentity:
            identity = None
        if identity is None:
            await self._app(scope, receive, send)  # the route refuses it
            return
        if len(key) > LONGEST_KEY:
            await failure(
                400, "VALIDATION_ERROR", f"Idempotency-Key: at most {LONGEST_KEY} characters", errors={}
            )(scope, receive, send)
            return
        kind = headers.get(b"content-type", b"")
        try:
            body, whole = await _read(receive)
        except ClientDisconnect:
            return  # nobody waits for an answer, and its key stays free for the whole request
        if not whole and kind.startswith(b"multipart/"):
            scope[REPEATABLE] = key  # the route adds what the file is
            await self._app(scope, _after(body, receive), send)
            return
        if not whole:
            await failure(413, "BODY_TOO_LARGE", f"With an Idempotency-Key at most {LARGEST_BODY} bytes.")(
                scope, receive, send
            )
            return
        # Whoever repeats it is part of what is repeated: an answer is not for another member, who may be allowed less.
        caller = identity.user_id or identity.api_key_id
        asked = f"{scope['path']}\n{caller}\n".encode() + _content(body, kind)
        fingerprint = hashlib.sha256(asked).hexdigest()
        replayed = _Replayed(scope, body, receive, send, self._app)
        await self._once(runtime, identity.account_id, key, fingerprint, replayed)

    async def _once(
        self, runtime: RuntimeOf, account_id: UUID, key: str, fingerprint: str, request: "_Replayed"
    ) -> None:
        since, known = await _take(runtime.database, account_id, key, fingerprint)
        if known is not None and known["fingerprint"] != fingerprint:
            await request.refuse(
                422,
                "IDEMPOTENCY_KEY_REUSED",
                "This Idempotency-Key was used for another request. Use a new key for a new request.",
            )
        elif known is not None and known["status"] is None:
            await request.refuse(
                409, "REQUEST_IN_PROGRESS", "The first request with this Idempotency-Key is still running."
            )
        elif known is not None:
            await request.answer(known["status"], known["headers"], bytes(known["body"]))
        else:
            request.be_known_by(f"{key} since {since}")
            holding = asyncio.create_task(_hold(runtime.database, account_id, key))
            try:
                status, headers, body = await request.run()
            finally:
                holding.cancel()
                await asyncio.gather(holding, return_exceptions=True)
            try:
                await _keep(runtime.database, account_id, key, status, headers, body)
            finally:
                await request.end()


async def _take(
    database: Database, account_id: UUID, key: str, fingerprint: str
) -> tuple[datetime | None, Row | None]:
    """When the key was first used where this request is the one to run, else what is known of it."""
    taking = "SELECT since, fingerprint, status, headers, body FROM take_key(%s, %s, %s, %s)"
    row = None
    while row is None:  # nothing: it was forgotten just now
        row = await database.call(taking, (account_id, key, fingerprint, LOCKED_SECONDS))
    since: datetime | None = row["since"]
    return since, None if since else row


async def _hold(database: Database, account_id: UUID, key: str) -> None:
    """Renew the key's lock until cancelled; where the database is away for longer, the request may run a second time."""
    while True:
        await asyncio.sleep(RENEWED_SECONDS)
        with suppress(psycopg.Error):
            await database.call("SELECT hold_key(%s, %s, %s)", (account_id, key, LOCKED_SECONDS))


async def _keep(
    database: Database, account_id: UUID, key: str, status: int, headers: list[list[str]], body: bytes
) -> None:
    """Keep an answer; after a fault of ours, or a wait that was too short, the request may be tried again at once.

    Its row stays: what was done before the fault is found again by the ids that follow from it.
    """
    kept = None if status >= 500 else status
    values = (account_id, key, kept, msgspec.json.encode(headers).decode(), body)
    await database.call("SELECT keep_answer(%s, %s, %s::integer, %s::text::jsonb, %s)", values)


class _Replayed:
    """A request whose body has been read, and whose answer is both sent and kept."""

    def __init__(self, scope: Scope, body: bytes, receive: Receive, send: Send, app: ASGIApp) -> None:
        self._scope = scope
        self._body: bytes | None = body
        self._rest = receive
        self._send = send
        self._app = app
        self._last: Message | None = None

    def be_known_by(self, name: str) -> None:
        """The same for its repetitions as long as its key is remembered, and for nothing after that."""
        self._scope[REPEATABLE] = name

    async def _receive(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            return await self._rest()  # the client's leaving, which streamed answers wait for
        return {"type": "http.request", "body": body, "more_body": False}

    async def run(self) -> tuple[int, list[list[str]], bytes]:
        status, headers, chunks = 500, [], []
        replay: bytes | None = None

        async def send(message: Message) -> None:
            nonlocal status, headers, replay
            if message["type"] == "http.response.start":
                status, replay = message["status"], message.get(REPLAY)
                headers = [[n.decode("latin-1"), v.decode("latin-1")] for n, v in message["headers"]]
            elif message["type"] == "http.response.body":
                chunks.append(message.get("body", b""))
                if not message.get("more_body"):
                    self._last = message
                    return
            await self._send(message)

        await self._app(self._scope, self._receive, send)
        if replay is None:
            return status, headers, b"".join(chunks)
        kept = [[name, value] for name, value in headers if name.lower() != "content-length"]
        return status, [*kept, ["content-length", str(len(replay))]], replay

    async def end(self) -> None:
        """Send what `run` has held back: who has the whole answer gets the same one again at once."""
        if self._last is not None:
            await self._send(self._last)

    async def answer(self, status: int, headers: list[list[str]], body: bytes) -> None:
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        raw.append((b"idempotency-replayed", b"true"))
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        await self._send({"type": "http.response.body", "body": body})

    async def refuse(self, status: int, code: str, message: str) -> None:
        await failure(status, code, message)(self._scope, self._receive, self._send)


async def _read(receive: Receive) -> tuple[bytes, bool]:
    """The body, and whether that is the whole of it: of one that is larger than may be kept, what has come so far.

    Raises ClientDisconnect where the rest will not come.
    """
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        chunks.append(chunk)
        if size > LARGEST_BODY:
            return b"".join(chunks), False
        if not message.get("more_body"):
            return b"".join(chunks), True


def _after(begun: bytes, rest: Receive) -> Receive:
    """A body of which a part has been read already."""
    heard: list[Message] = [{"type": "http.request", "body": begun, "more_body": True}]

    async def receive() -> Message:
        return heard.pop() if heard else await rest()

    return receive


def _content(body: bytes, kind: bytes) -> bytes:
    """What a body says: clients part the fields of a form by a line that they make up anew each time."""
    boundary = _BOUNDARY.search(kind) if kind.startswith(b"multipart/") else None
    return body.replace(b"--" + boundary[1], b"--") if boundary else body
