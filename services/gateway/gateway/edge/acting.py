"""Acting on behalf: staff name an account, and everything they do then is recorded as theirs, for it."""

from time import monotonic
from uuid import UUID

import sqlalchemy as sa
from common.api.errors import forbidden, not_found, validation
from common.auth.identity import Identity
from common.clock import DatabaseClock
from common.database import Database
from common.ids import SYSTEM_ACCOUNT

from gateway.accounts.views import accounts
from gateway.edge.callers import MOST_CACHED, Access
from gateway.staff.views import is_staff

HEADER = b"x-act-as-account"
ROLE = "developer"
CACHE_SECONDS = 0.8


class Acting:
    """Turns the identity of staff into one on another account."""

    def __init__(self, database: Database, clock: DatabaseClock) -> None:
        self._database = database
        self._clock = clock
        self._staff: dict[tuple[UUID, UUID], tuple[float, bool]] = {}

    async def on_behalf(self, identity: Identity, wanted: str) -> Identity:
        """The caller on the account that it names; raises 403 for everybody but staff, 400 or 404 for no account."""
        if identity.user_id is None or not await self._is_staff(
            identity.user_id, identity.account_id, identity.role
        ):
            raise forbidden("X-Act-As-Account is for staff; leave the header out.")
        try:
            account_id = UUID(wanted)
        except ValueError as error:
            raise validation("X-Act-As-Account", "is no account id") from error
        async with self._database.transaction(account_id) as tx:
            row = await tx.first(
                sa.select(accounts.c.status, accounts.c.trial_ends_at, accounts.c.version, accounts.c.modules)
            )
        if row is None:
            raise not_found("Account", account_id)
        access = Access(ROLE, **row)
        return Identity(
            account_id=account_id,
            user_id=identity.user_id,
            role=ROLE,
            act_as=identity.account_id,
            plan_status=access.plan_status(self._clock.now()),
            accounts_version=access.version,
            modules=access.modules_on,
            request_id=identity.request_id,
        )

    async def _is_staff(self, user_id: UUID, home_id: UUID, role: str) -> bool:
        if home_id == SYSTEM_ACCOUNT or role == ROLE:
            return True
        now = monotonic()
        known = self._staff.get((user_id, home_id))
        if known is not None and known[0] > now:
            return known[1]
        async with self._database.transaction(SYSTEM_ACCOUNT) as tx:
            found = await is_staff(tx, user_id, home_id)
        if len(self._staff) >= MOST_CACHED:
            self._staff.clear()
        self._staff[(user_id, home_id)] = (now + CACHE_SECONDS, found)
        return found
