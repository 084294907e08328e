"""The route that erases an account."""

import hashlib
from typing import Annotated

import sqlalchemy as sa
from common.api.answers import Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import not_found, validation
from common.api.runtime import Runtime
from common.database import Transaction
from common.erasure.begin import begin
from common.erasure.jobs import ROWS_A_TRANSACTION
from fastapi import APIRouter, Request
from pydantic import Field

from gateway.accounts.decisions import ACCOUNT, EraseAccount
from gateway.accounts.views import account_slugs, accounts
from gateway.parts import Parts
from gateway.users.api import Body, require_password

router = APIRouter(prefix="/api/v1/account", tags=["account"])


class EraseIn(Body):
    """What makes sure that nobody does this by mistake, or at somebody else's screen."""

    account_slug: Annotated[str, Field(max_length=60, description="The slug of the account that is to go.")]
    password: Annotated[str, Field(max_length=256, description="The owner's own.")]


@router.post(
    "/erase/",
    summary="Erase the account and everything in it, for good",
    response_model=Success[None],
)
async def erase_account(
    body: EraseIn, caller: Caller, runtime: Runtime, parts: Parts, request: Request
) -> Answer:
    """For its owner alone. All sessions and API keys end at once, running work with them; what the account has in any
    service is removed within minutes. Export it first: nothing of this can be taken back. Articles stay where they were
    published in WordPress."""
    user = await require_password(caller, body.password, "password", runtime, parts, request)

    async def work(tx: Transaction) -> None:
        await tx.lock()
        row = await tx.first(sa.select(accounts.c.slug))
        if row is None:
            raise not_found("Account", caller.account_id)
        if body.account_slug != row["slug"]:
            raise validation("account_slug", "is not the slug of this account")
        slugs = await tx.all(sa.select(account_slugs.c.slug).order_by(account_slugs.c.slug))
        hashes = tuple(hashlib.sha256(each["slug"].encode()).hexdigest() for each in slugs)
        await tx.handle(ACCOUNT, caller.account_id, EraseAccount(caller.account_id, user["user_id"], hashes))
        await begin(tx)
        # People, sessions and keys are few: they go before the answer does.
        await tx.execute("SELECT erase_rows(%(most)s)", {"most": ROWS_A_TRANSACTION})

    await runtime.database.run(caller.account_id, work, caller.meta)
    return answer(None, message="The account is erased; what is left of it is removed within minutes.")
