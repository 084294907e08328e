"""Routes of notifications: each member's own view of what happened in the account."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import forbidden, not_found
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import require_expected
from common.database import Row, Transaction
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.notifications.decisions import NOTICES, MarkRead, SetWanted
from gateway.notifications.events import Channels, Kind
from gateway.notifications.kinds import KINDS
from gateway.notifications.views import (
    notification_preferences,
    notifications,
    read_by,
    seen_by,
    stream_of,
    wanted_by,
)
from gateway.overview.api import AsOf
from gateway.overview.views import as_of

router = APIRouter(prefix="/api/v1/notifications", tags=["live"])


class NotificationOut(BaseModel):
    id: UUID
    kind: Kind
    message: str
    read: bool
    site_id: UUID | None
    task_id: UUID | None = Field(description="The operation or run: `system/settings/task_progress/`.")
    content_id: UUID | None
    member_id: UUID | None
    created_at: datetime


class NotificationsOut(Listed[NotificationOut]):
    """`as_of` says how far each source has been heard when this was read."""

    as_of: list[AsOf]


class UnreadOut(BaseModel):
    """`as_of` says how far each source has been heard when this was read."""

    unread: int
    as_of: list[AsOf]


class PreferenceOut(BaseModel):
    kind: Kind
    meaning: str
    in_app: bool
    email: bool


class PreferencesOut(BaseModel):
    version: int
    preferences: list[PreferenceOut]


class PreferenceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Kind
    in_app: bool | None = None
    email: bool | None = None


class PreferencesIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    preferences: list[PreferenceIn] = Field(max_length=50, description="What is left out stays as it is.")


@router.get("/", summary="What happened, newest first", response_model=Success[NotificationsOut])
async def list_notifications(
    caller: Caller,
    runtime: Runtime,
    page: Page,
    request: Request,
    unread: Annotated[bool | None, Query(description="true: those not read yet; false: the others.")] = None,
    kind: Kind | None = None,
) -> Answer:
    query = _seen(caller)
    if unread is not None:
        query = query.where(read_by(_me(caller)) != unread)
    if kind is not None:
        query = query.where(notifications.c.kind == kind)
    columns = {"created_at": notifications.c.created_at}
    async with runtime.database.transaction(caller.account_id) as tx:
        known = await as_of(tx)
        found = await paginate(
            tx, query, page, request, ordering=columns, tie=notifications.c.id, show=_shown
        )
    return answer({**found, "as_of": known})


@router.get("/unread_count/", summary="How many are not read yet", response_model=Success[UnreadOut])
async def unread_count(caller: Caller, runtime: Runtime) -> Answer:
    unread = _seen(caller).where(~read_by(_me(caller))).subquery()
    async with runtime.database.transaction(caller.account_id) as tx:
        known = await as_of(tx)
        count = await tx.scalar(sa.select(sa.func.count()).select_from(unread))
    return answer({"unread": count, "as_of": known})


@router.get("/preferences/", summary="What one is told how", response_model=Success[PreferencesOut])
async def get_preferences(caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(await _preferences(tx, _me(caller)))


@router.patch("/preferences/", summary="Choose what one is told how", response_model=Success[PreferencesOut])
async def change_preferences(body: PreferencesIn, caller: Caller, runtime: Runtime) -> Answer:
    """`in_app` off: neither listed nor counted. `email` off: not mailed."""
    user_id = _me(caller)

    async def work(tx: Transaction) -> PreferencesOut:
        version = sa.func.coalesce(sa.func.max(notification_preferences.c.version), 0).label("version")
        await require_expected(
            tx, sa.select(version).where(notification_preferences.c.user_id == user_id), caller
        )
        await tx.lock()  # of two changes at once each sees what the other left
        wanted = dict((await wanted_by(tx, user_id))[0])
        said = {each.kind for each in body.preferences}
        for each in body.preferences:
            now = wanted[each.kind]
            wanted[each.kind] = Channels(
                now.in_app if each.in_app is None else each.in_app,
                now.email if each.email is None else each.email,
            )
        command = SetWanted(user_id, {kind: wanted[kind] for kind in KINDS if kind in said})
        await tx.handle(NOTICES, stream_of(caller.account_id, user_id), command)
        return await _preferences(tx, user_id)

    return answer(await runtime.database.run(caller.account_id, work, caller.meta))


@router.post("/read_all/", summary="Mark all as read", response_model=Success[UnreadOut])
async def read_all(caller: Caller, runtime: Runtime) -> Answer:
    """What comes while this is asked stays unread."""
    user_id = _me(caller)

    async def work(tx: Transaction) -> None:
        await tx.lock()
        unread = await tx.all(_seen(caller).where(~read_by(user_id)))
        command = MarkRead(user_id, tuple(row["id"] for row in unread))
        await tx.handle(NOTICES, stream_of(caller.account_id, user_id), command)

    await runtime.database.run(caller.account_id, work, caller.meta)
    return await unread_count(caller, runtime)


@router.post("/{notification_id}/read/", summary="Mark one as read", response_model=Success[NotificationOut])
async def read(notification_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    user_id = _me(caller)

    async def work(tx: Transaction) -> Row:
        await tx.lock()
        query = _seen(caller).where(notifications.c.id == notification_id)
        row = await tx.first(query)
        if row is None:
            raise not_found("Notification", notification_id)
        new = () if row["read"] else (notification_id,)
        await tx.handle(NOTICES, stream_of(caller.account_id, user_id), MarkRead(user_id, new))
        return {**row, "read": True}

    return answer(_shown(await runtime.database.run(caller.account_id, work, caller.meta)))


def _me(caller: CallerOf) -> UUID:
    """Raises 403 for who is nobody in particular."""
    if caller.user_id is None:
        raise forbidden("Notifications are a person's; sign in as one.")
    return caller.user_id


def _seen(caller: CallerOf) -> "sa.Select[Any]":
    user_id = _me(caller)
    query = sa.select(notifications, read_by(user_id).label("read"))
    return query.where(seen_by(user_id, caller.role, caller.site_ids))


async def _preferences(tx: Transaction, user_id: UUID) -> PreferencesOut:
    wanted, version = await wanted_by(tx, user_id)
    return PreferencesOut(
        version=version,
        preferences=[
            PreferenceOut(
                kind=kind, meaning=KINDS[kind].meaning, in_app=channels.in_app, email=channels.email
            )
            for kind, channels in wanted.items()
        ],
    )


def _shown(row: Row) -> NotificationOut:
    return NotificationOut(**row)
