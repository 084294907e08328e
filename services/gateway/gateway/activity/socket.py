"""Live updates over a WebSocket: what `events/` says, each update one JSON text `{id, event, data}`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import msgspec
from common.api.errors import ApiError
from common.auth.identity import Identity
from common.telemetry import log_failure
from starlette.types import Receive, Send

from gateway.activity.live import LiveUpdates, Update

SUBPROTOCOL = "igny8"
REFUSED = 4_000
"""A connection is closed with this and the HTTP status of the refusal: 4401 where its session has ended."""
FAILED = 1_011
"""RFC 6455 §7.4.1: an error on our side. The client comes again, with the last id that it saw."""

Again = Callable[[], Awaitable[Identity]]


async def tell(
    live: LiveUpdates, identity: Identity, after: int, again: Again, receive: Receive, send: Send
) -> None:
    """Send what comes after the update `after` until either side ends it; it is accepted already.

    Every five minutes `again` is asked who the caller is and what it may see; its `ApiError` closes the connection.
    """
    gone = asyncio.ensure_future(_gone(receive))
    telling = asyncio.ensure_future(_tell(live, identity, after, again, send))
    try:
        await asyncio.wait({gone, telling}, return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            code, reason = telling.result()
            await send({"type": "websocket.close", "code": code, "reason": reason})
    finally:
        for task in (gone, telling):
            task.cancel()
        await asyncio.gather(gone, telling, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass  # what the client says changes nothing


async def _tell(
    live: LiveUpdates, identity: Identity, last: int, again: Again, send: Send
) -> tuple[int, str]:
    """The code and the reason to close with."""
    try:
        while True:
            async with aclosing(live.updates(identity.account_id, last, identity.site_ids)) as updates:
                async for update in updates:
                    if update is not None:
                        last = last if update.id is None else update.id
                        await send({"type": "websocket.send", "text": _text(update)})
            identity = await again()
    except ApiError as refusal:
        return REFUSED + refusal.status, refusal.code
    except OSError:  # the client is gone, which `_gone` hears too
        return FAILED, ""
    except Exception as error:
        log_failure("live_updates_failed", error)
        return FAILED, "INTERNAL_ERROR"


def _text(update: Update) -> str:
    said = {"id": update.id, "event": update.name, "data": msgspec.Raw(update.data)}
    return msgspec.json.encode(said).decode()
