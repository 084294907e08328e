"""`python -m benchmarks.speaker`: the toy as a whole service with a route that records a fact, configured as services are."""

import sqlalchemy as sa
from common.api.caller import Caller
from common.api.runtime import Runtime, RuntimeOf
from common.auth.permissions import Routes
from common.contracts.gateway import SiteAdded
from common.database import Transaction
from common.ids import new_id
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.service import Service, main
from fastapi import APIRouter
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.parts import MODEL
from tests.support import toy

PATH, BARE_PATH = "/api/v1/publisher/counters/", "/bare"
ROUTES = Routes("path GET POST PUT/PATCH DELETE\npublisher/counters/ - write - -")
ANSWER = b'{"success": true, "data": {"number": 2}}'

router = APIRouter()
reactions = Reactions()


@router.post(PATH)
async def count(caller: Caller, runtime: Runtime) -> dict[str, object]:
    """A fact of a new counter, said in public."""
    number = await runtime.database.run(
        caller.account_id, lambda tx: toy.count(tx, new_id(), toy.Count(2)), caller.meta
    )
    return {"success": True, "data": {"number": number}}


@reactions.on(SiteAdded)
async def added(_event: Heard[SiteAdded], tx: Transaction) -> None:
    """Nobody says it here; a service listens to something."""
    await tx.execute(sa.select(1))


def answers_barely(own: ASGIApp, _runtime: RuntimeOf) -> ASGIApp:
    """What the server itself takes for a request, in the same process."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != BARE_PATH:
            await own(scope, receive, send)
            return
        while (await receive()).get("more_body"):
            continue
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", str(len(ANSWER)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": ANSWER})

    return app


if __name__ == "__main__":
    main(Service("publisher", MODEL, reactions, (router,), wrap=answers_barely, routes=ROUTES))
