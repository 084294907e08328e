"""`python -m gateway.staff add EMAIL | remove EMAIL | list`: the operator makes staff; no route of the API does.

Needs the gateway's environment (IGNY8_SERVICE_DATABASE, IGNY8_SECRETS_DATABASE, IGNY8_MASTER_KEY).
"""

import asyncio
import sys

import sqlalchemy as sa
from common.api.errors import ApiError
from common.database import Database, Transaction
from common.eventsourcing.event import Meta
from common.ids import SYSTEM_ACCOUNT
from common.secrets import open_secrets
from common.settings import Settings

from gateway.app import MODEL
from gateway.personal import email_index, normal_email
from gateway.staff import views
from gateway.staff.decisions import STAFF, AddStaff, RemoveStaff
from gateway.users.views import find_by_email

USAGE = "usage: python -m gateway.staff add EMAIL | remove EMAIL | list"
OPERATOR = Meta(actor="operator")


async def run(arguments: list[str], settings: Settings) -> str:
    """What to say. Raises SystemExit with what is wrong."""
    database = Database(settings.service_database, MODEL)
    await database.open()
    try:
        match arguments:
            case ["list"]:
                async with database.transaction(SYSTEM_ACCOUNT) as tx:
                    rows = await tx.all(sa.select(views.staff).where(views.staff.c.active))
                return "\n".join(f"user {row['user_id']} of account {row['home_id']}" for row in rows)
            case ["add" | "remove" as what, email]:
                return await _change(database, settings, what == "add", email)
            case _:
                raise SystemExit(USAGE)
    finally:
        await database.close()


async def _change(database: Database, settings: Settings, add: bool, email: str) -> str:
    try:
        index = await email_index(open_secrets(settings), normal_email(email))
    except ApiError as error:
        raise SystemExit(error.message) from error
    async with database.transaction(None) as tx:
        found = await find_by_email(tx, index)
    if found is None:
        raise SystemExit(
            f"Nobody is registered as {email}: they register as everybody does, then run this again."
        )
    home_id, user_id = found
    command = AddStaff(user_id, home_id) if add else RemoveStaff(user_id)

    async def work(tx: Transaction) -> bool:
        return bool((await tx.handle(STAFF, user_id, command)).events)

    changed = await database.run(SYSTEM_ACCOUNT, work, OPERATOR)
    now = "is staff now" if add else "is no staff any more"
    return (
        f"User {user_id} {now if changed else now.replace('now', 'already').replace('any more', 'anyway')}."
    )


def main() -> None:
    sys.stdout.write(asyncio.run(run(sys.argv[1:], Settings())) + "\n")


if __name__ == "__main__":
    main()
