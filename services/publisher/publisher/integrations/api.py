"""Integrations over HTTP. They are made by adding a site and by writing its WordPress fields at the gateway."""

from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.errors import validation
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import require_row, visible
from common.database import Row
from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel

from publisher.adapters.target import ConnectionReport, TargetError
from publisher.content.replica import require_approved
from publisher.integrations.decisions import (
    INTEGRATION,
    AskToPublish,
    RecordConnected,
    RecordConnectionFailed,
)
from publisher.integrations.events import Connection, Platform
from publisher.integrations.views import integrations
from publisher.targets import opener

router = APIRouter(prefix="/api/v1/integration/integrations", tags=["integration"])

ROWS = sa.select(integrations)
ORDERING = {name: integrations.c[name] for name in ("created_at", "updated_at", "platform")}


class IntegrationOut(BaseModel):
    """Where a site publishes; the credentials are never shown."""

    id: UUID
    account_id: UUID
    site_id: UUID
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    platform: Platform
    url: str
    username: str
    connection: Connection
    site_title: str | None
    remote_version: str | None
    error_code: str | None
    error: str | None
    remedy: str | None


class ReportOut(BaseModel):
    """What a connection test found; `remedy` says what to do."""

    status: Literal["connected", "failed"]
    site_title: str
    remote_version: str | None
    rights: list[str]
    seo_plugins: list[str]
    error_code: str | None
    error: str | None
    remedy: str | None


class PublishIn(BaseModel):
    content_id: UUID


class PublishOut(BaseModel):
    content_id: UUID
    integration_id: UUID


def shown(row: Row) -> dict[str, Any]:
    return {"id": row["integration_id"]} | {
        name: value for name, value in row.items() if name != "integration_id"
    }


@router.get("/", summary="Where your sites publish", response_model=Success[Listed[IntegrationOut]])
async def list_integrations(
    request: Request, caller: Caller, runtime: Runtime, page: Page, site_id: UUID | None = None
) -> Answer:
    query = ROWS.where(visible(integrations, caller))
    if site_id is not None:
        query = query.where(integrations.c.site_id == site_id)
    async with runtime.database.transaction(caller.account_id) as tx:
        tie = integrations.c.integration_id
        return answer(await paginate(tx, query, page, request, ordering=ORDERING, tie=tie, show=shown))


@router.get("/{integration_id}/", summary="One integration", response_model=Success[IntegrationOut])
async def get_integration(integration_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(shown(await require_row(tx, ROWS, integrations, "Integration", integration_id, caller)))


@router.post(
    "/{integration_id}/test-connection/",
    summary="Whether publishing would work",
    response_model=Success[ReportOut],
)
async def test_connection(integration_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    """Changes nothing at the site. What is wrong is part of the answer, not an error of the request."""
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await require_row(tx, ROWS, integrations, "Integration", integration_id, caller)
    try:
        async with opener(runtime)(caller.account_id, row["site_id"]) as opened:
            report = await opened.target.check()
    except TargetError as error:
        report = ConnectionReport(problem=error.as_problem())
    command = (
        RecordConnected(report.site_title, report.version)
        if report.problem is None
        else RecordConnectionFailed(report.problem.code, report.problem.message, report.problem.remedy)
    )
    await runtime.database.run(
        caller.account_id, lambda tx: tx.handle(INTEGRATION, integration_id, command), caller.meta
    )
    problem = report.problem
    return answer(
        {
            "status": "failed" if problem else "connected",
            "site_title": report.site_title,
            "remote_version": report.version,
            "rights": report.rights,
            "seo_plugins": report.seo_plugins,
            "error_code": problem.code if problem else None,
            "error": problem.message if problem else None,
            "remedy": problem.remedy if problem else None,
        }
    )


@router.post(
    "/{integration_id}/publish/",
    summary="Publish an approved article",
    status_code=202,
    response_model=Success[PublishOut],
)
async def ask_to_publish(integration_id: UUID, body: PublishIn, caller: Caller, runtime: Runtime) -> Answer:
    """The writer hands over what is approved; its publication shows what became of it.

    Answers 404 for an unknown article, 409 for one that is not approved, 400 for one of another site. What was done at the
    writer a moment ago may not be known here yet: a no takes about a second, in which the yes may still arrive.
    """
    async with runtime.database.transaction(caller.account_id) as tx:
        integration = await require_row(tx, ROWS, integrations, "Integration", integration_id, caller)
    content = await require_approved(runtime.database, body.content_id, caller)
    if content["site_id"] != integration["site_id"]:
        raise validation("content_id", "is an article of another site; ask that site's integration")
    command = AskToPublish(caller.new_id("request"), body.content_id)
    await runtime.database.run(
        caller.account_id, lambda tx: tx.handle(INTEGRATION, integration_id, command), caller.meta
    )
    location = f"/api/v1/publisher/publications/{body.content_id}/"
    return answer(
        {"content_id": body.content_id, "integration_id": integration_id},
        status=202,
        headers={"Location": location},
    )
