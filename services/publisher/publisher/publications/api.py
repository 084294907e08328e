"""Publications over HTTP; a publication has the id of its content."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from common.api.answers import Listed, Success
from common.api.caller import Caller
from common.api.envelope import Answer, answer
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import require_row, visible
from common.database import Row, Transaction
from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel

from publisher.adapters.target import TargetError
from publisher.publications.decisions import (
    PUBLICATION,
    PublicationStatusConflict,
    RecordUnpublished,
    RetryPublication,
    require_takeable,
)
from publisher.publications.events import Publication, PublicationStatus
from publisher.publications.jobs import ask
from publisher.publications.views import publications
from publisher.targets import opener

router = APIRouter(prefix="/api/v1/publisher/publications", tags=["publisher"])

ROWS = sa.select(publications)
ORDERING = {name: publications.c[name] for name in ("created_at", "updated_at", "published_at", "title")}


class SiteRefused(PublicationStatusConflict):
    """The site did not do what it was asked for."""

    code = "BAD_GATEWAY"
    status = 502


class PublicationOut(BaseModel):
    """`ordered_version` is what shall be out, `published_version` what is; `remedy` says what helps against `error`."""

    id: UUID
    account_id: UUID
    site_id: UUID
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    content_id: UUID
    title: str
    ordered_version: int
    published_version: int | None
    status: PublicationStatus
    run_id: UUID | None
    target: str | None
    external_id: str | None
    external_url: str | None
    published_at: AwareDatetime | None
    error_code: str | None
    error: str | None
    remedy: str | None


def shown(row: Row) -> dict[str, Any]:
    return {"id": row["content_id"], **row}


@router.get("/", summary="What is out, and what is not", response_model=Success[Listed[PublicationOut]])
async def list_publications(
    request: Request,
    caller: Caller,
    runtime: Runtime,
    page: Page,
    site_id: UUID | None = None,
    status: PublicationStatus | None = None,
) -> Answer:
    query = ROWS.where(visible(publications, caller))
    if site_id is not None:
        query = query.where(publications.c.site_id == site_id)
    if status is not None:
        query = query.where(publications.c.status == status)
    async with runtime.database.transaction(caller.account_id) as tx:
        tie = publications.c.content_id
        return answer(await paginate(tx, query, page, request, ordering=ORDERING, tie=tie, show=shown))


@router.get("/{content_id}/", summary="One publication", response_model=Success[PublicationOut])
async def get_publication(content_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(shown(await require_row(tx, ROWS, publications, "Publication", content_id, caller)))


@router.post("/{content_id}/retry/", summary="Try a failed one again", response_model=Success[PublicationOut])
async def retry(content_id: UUID, caller: Caller, runtime: Runtime) -> Answer:

    async def again(tx: Transaction) -> dict[str, Any]:
        await require_row(tx, ROWS, publications, "Publication", content_id, caller)
        handled = await tx.handle(PUBLICATION, content_id, RetryPublication())
        if handled.events and isinstance(handled.state, Publication):
            await ask(tx, handled.state)
        return shown(await require_row(tx, ROWS, publications, "Publication", content_id, caller))

    return answer(await runtime.database.run(caller.account_id, again, caller.meta))


@router.post("/{content_id}/unpublish/", summary="Take it back", response_model=Success[PublicationOut])
async def unpublish(content_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    """The post becomes a draft at its site."""
    async with runtime.database.transaction(caller.account_id) as tx:
        row = await require_row(tx, ROWS, publications, "Publication", content_id, caller)
        state, _ = await tx.load(PUBLICATION, content_id)
    assert isinstance(state, Publication), "the row is drawn from its facts"
    if state.status == "unpublished":
        return answer(shown(row))
    post = require_takeable(state)
    try:
        async with opener(runtime)(caller.account_id, row["site_id"]) as opened:
            if opened.name != state.target:
                _, _, place = (state.target or "").partition(":")
                raise PublicationStatusConflict(
                    f"It was published at {place}, where this site does not publish any more; take it down there."
                )
            await opened.target.unpublish_post(post.external_id)
    except TargetError as error:
        if error.code != "gone":
            raise SiteRefused(f"{error.message}. {error.remedy}", code=error.code) from error

    async def record(tx: Transaction) -> dict[str, Any]:
        await tx.handle(PUBLICATION, content_id, RecordUnpublished(post.version))
        return shown(await require_row(tx, ROWS, publications, "Publication", content_id, caller))

    return answer(await runtime.database.run(caller.account_id, record, caller.meta))
