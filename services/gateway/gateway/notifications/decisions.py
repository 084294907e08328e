"""What may be decided about a user's notifications; no I/O, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

import msgspec
from common.eventsourcing.decider import Decider, Snapshot
from common.eventsourcing.event import EventTypes

from gateway.notifications.events import (
    Channels,
    Kind,
    Notices,
    NoticesEvent,
    NotificationsRead,
    NotificationsWanted,
    evolve,
)


@dataclass(frozen=True)
class MarkRead:
    """Those of the notifications that the view does not know as read, under the account's lock."""

    user_id: UUID
    notification_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class SetWanted:
    user_id: UUID
    wanted: Mapping[Kind, Channels]


NoticesCommand = MarkRead | SetWanted


def decide(command: NoticesCommand, notices: Notices) -> Sequence[NoticesEvent]:
    match command:
        case MarkRead(user_id, notification_ids):
            return [NotificationsRead(user_id, notification_ids)] if notification_ids else []
        case SetWanted(user_id, wanted):
            return [
                NotificationsWanted(user_id, kind, channels.in_app, channels.email)
                for kind, channels in wanted.items()
                if notices.wanted.get(kind) != channels
            ]
    assert_never(command)


_WANTED = msgspec.json.Decoder(dict[Kind, Channels])

NOTICES: Decider[Notices, NoticesCommand] = Decider(
    category="notices",
    initial=Notices(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((NotificationsRead, NotificationsWanted)),
    snapshot=Snapshot(
        "notices.1",
        lambda notices: msgspec.json.encode(notices.wanted),
        lambda text: Notices(_WANTED.decode(text)),
    ),
)
