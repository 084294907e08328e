"""What a user does with notifications, and what is then true. A stream per user and account."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never
from uuid import UUID

import msgspec
from common.eventsourcing.event import Event

Kind = Literal[
    "run_completed",
    "run_failed",
    "operation_failed",
    "credits_low",
    "credits_refused",
    "plan_limit_reached",
    "publishing_failed",
    "member_changed",
]


class Channels(msgspec.Struct, frozen=True):
    """Where somebody wants to be told of a kind."""

    in_app: bool
    email: bool


class NotificationsRead(Event, frozen=True):
    user_id: UUID
    notification_ids: tuple[UUID, ...]


class NotificationsWanted(Event, frozen=True):
    """Of one kind."""

    user_id: UUID
    kind: Kind
    in_app: bool
    email: bool


NoticesEvent = NotificationsRead | NotificationsWanted


@dataclass(frozen=True)
class Notices:
    """What was said of each kind; what was read only the view needs."""

    wanted: Mapping[Kind, Channels] = field(default_factory=dict)


def evolve(notices: Notices, event: NoticesEvent) -> Notices:
    match event:
        case NotificationsRead():
            return notices
        case NotificationsWanted(_, kind, in_app, email):
            return replace(notices, wanted={**notices.wanted, kind: Channels(in_app, email)})
    assert_never(event)
