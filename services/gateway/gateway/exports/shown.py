"""What the gateway's part of an export holds, and how: personal data decrypted, no secrets, no password, no hash."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.runtime import RuntimeOf
from common.database import Row
from common.export.jobs import Exported, Show

from gateway.accounts.views import account_slugs, accounts, members, sectors, sites
from gateway.ai_settings.views import ai_settings
from gateway.api_keys.views import api_keys
from gateway.audit.views import entries
from gateway.authors.views import author_profiles
from gateway.invitations.views import invitations
from gateway.notifications.views import notification_preferences, notifications
from gateway.personal import Fields
from gateway.prompts.views import prompt_versions, prompts
from gateway.strategies.views import strategies
from gateway.users.views import users

_HIDDEN = {"password_cipher", "email_index", "secret"}
_CIPHER = "_cipher"
_OF: Mapping[str, str] = {accounts.name: "account_id", users.name: "user_id"}
"""Whose personal fields a row has, where that is not its `id`."""


async def _shown(runtime: RuntimeOf, account_id: UUID) -> Show:
    key = await runtime.secrets.data_key(account_id)

    def show(table: sa.Table, row: Row) -> dict[str, Any]:
        fields = Fields(key, row[_OF.get(table.name, "id")]) if _is_personal(table) else None
        return {
            name.removesuffix(_CIPHER): fields.read(name.removesuffix(_CIPHER), value or "")
            if fields is not None and name.endswith(_CIPHER)
            else value
            for name, value in row.items()
            if name not in _HIDDEN
        }

    return show


def _is_personal(table: sa.Table) -> bool:
    return any(column.name.endswith(_CIPHER) for column in table.c)


EXPORTED = Exported(
    (
        accounts,
        account_slugs,
        members,
        sites,
        sectors,
        users,
        invitations,
        api_keys,
        prompts,
        prompt_versions,
        author_profiles,
        strategies,
        ai_settings,
        notifications,
        notification_preferences,
        entries,
    ),
    _shown,
)
