"""Integrations as a table; the password is not in it, not even as a reference."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from common.database import Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import change_rows, put_rows, row_columns, uuid_column

from publisher import metadata
from publisher.integrations.decisions import INTEGRATION
from publisher.integrations.events import (
    IntegrationConfigured,
    PublishAsked,
    SiteConnected,
    SiteConnectionFailed,
)

integrations = sa.Table(
    "integrations",
    metadata,
    uuid_column("integration_id", primary_key=True),
    *row_columns(),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("site_title", sa.Text),
    sa.Column("remote_version", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("remedy", sa.Text),
)
_NO_ERROR: dict[str, Any] = {"error_code": None, "error": None, "remedy": None}


async def apply(sql: Sql, recorded: Sequence[Recorded[Any]]) -> None:
    for fact in recorded:
        match fact.event:
            case IntegrationConfigured() as event:
                row = {
                    "integration_id": event.integration_id,
                    "site_id": event.site_id,
                    "platform": event.platform,
                    "url": event.url,
                    "username": event.username,
                    "connection": "untested",
                    "site_title": None,
                    "remote_version": None,
                    **_NO_ERROR,
                }
                await put_rows(sql, integrations, fact, [row])
            case SiteConnected(integration_id=id, title=title, remote_version=version):
                await change_rows(
                    sql,
                    integrations,
                    fact,
                    [id],
                    connection="connected",
                    site_title=title,
                    remote_version=version,
                    **_NO_ERROR,
                )
            case SiteConnectionFailed(integration_id=id, error_code=code, message=message, remedy=remedy):
                await change_rows(
                    sql,
                    integrations,
                    fact,
                    [id],
                    connection="failed",
                    error_code=code,
                    error=message,
                    remedy=remedy,
                )
            case PublishAsked(integration_id=id):
                await change_rows(sql, integrations, fact, [id])


PROJECTION = Projection("integrations", (INTEGRATION.category,), (integrations,), apply)
