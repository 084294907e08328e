"""Routes of the modules of an account. What is refused where one is off: `edge/callers.py`."""

import sqlalchemy as sa
from common.api.answers import Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import not_found
from common.api.runtime import Runtime
from common.api.scope import require_expected
from common.database import Row, Transaction
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from gateway.accounts.api import VERSION_HEADER, Body
from gateway.accounts.decisions import ACCOUNT, SwitchModules
from gateway.accounts.events import MODULES
from gateway.accounts.views import accounts

router = APIRouter(prefix="/api/v1/account/modules", tags=["account"])

SWITCHED = sa.select(accounts.c.modules, accounts.c.version)


class ModuleChanges(Body):
    """Only what is named is switched."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"linker": True}]})

    planner: bool | None = None
    writer: bool | None = None
    automation: bool | None = None
    linker: bool | None = None
    optimizer: bool | None = None
    publisher: bool | None = None
    integration: bool | None = None


class ModulesOut(BaseModel):
    """Which are on; the routes of the others answer 403 `MODULE_DISABLED`. `version` is the account's."""

    planner: bool
    writer: bool
    automation: bool
    linker: bool
    optimizer: bool
    publisher: bool
    integration: bool
    version: int


@router.get("/", summary="Which modules are on", response_model=Success[ModulesOut])
async def get_modules(caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return _answer(await _row(tx))


@router.patch("/", summary="Switch modules on and off", response_model=Success[ModulesOut])
async def patch_modules(body: ModuleChanges, caller: Caller, runtime: Runtime) -> Answer:
    asked = {module: enabled for module in MODULES if (enabled := getattr(body, module)) is not None}
    command = SwitchModules(asked)

    async def work(tx: Transaction) -> Row:
        await require_expected(tx, SWITCHED, caller)
        await tx.handle(ACCOUNT, caller.account_id, command)
        return await _row(tx)

    return _answer(await runtime.database.run(caller.account_id, work, caller.meta))


async def _row(tx: Transaction) -> Row:
    row = await tx.first(SWITCHED)
    if row is None:
        raise not_found("Account", tx.account_id)
    return row


def _answer(row: Row) -> Answer:
    shown = {**MODULES, **row["modules"], "version": row["version"]}
    return answer(shown, headers={VERSION_HEADER: str(row["version"])})
