"""Images and image prompts over HTTP: a prompt is an image that is not made yet."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.ai.operations import steps as operations
from common.api.answers import Listed, Success, TaskAccepted
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, accepted, answer
from common.api.errors import not_found, validation
from common.api.paging import Page, paginate
from common.api.runtime import Runtime
from common.api.scope import Filter, FilterOf, listed, require_one_sector, require_row, require_rows
from common.contracts.operations import ObjectRef
from common.contracts.writer import ImageStatus, ImageType
from common.database import Row, Sql, Transaction
from common.objects import ObjectMissing
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, Field, field_validator

from writer.charges import image_model
from writer.content.decisions import CONTENT
from writer.content.events import Content
from writer.content.views import content
from writer.images.decisions import GALLERY, AddImage, ArchiveImage, EditImage
from writer.images.events import ImageDraft
from writer.images.requests import request_images, request_prompts
from writer.images.views import images

router = APIRouter(prefix="/api/v1/writer/images", tags=["writer"])
prompts_router = APIRouter(prefix="/api/v1/writer/image-prompts", tags=["writer"])

MOST_AT_ONCE = 100
_INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


class ImageIn(BaseModel):
    """A picture to be made, described by hand."""

    content_id: UUID
    image_type: ImageType = "in_article"
    prompt: str = Field(min_length=1, max_length=4000)
    alt_text: str = Field("", max_length=500)
    position: int = Field(0, ge=0, le=100)


class ImageEdit(BaseModel):
    """What is left out stays as it is; another prompt makes it `pending` again."""

    prompt: str | None = Field(None, min_length=1, max_length=4000)
    alt_text: str | None = Field(None, max_length=500)


class GeneratePrompts(BaseModel):
    content_ids: list[UUID] = Field(min_length=1, max_length=MOST_AT_ONCE)
    in_article: int = Field(1, ge=0, le=10)

    @field_validator("content_ids")
    @classmethod
    def _once(cls, value: list[UUID]) -> list[UUID]:
        return list(dict.fromkeys(value))


class GenerateImages(BaseModel):
    """The named images, or with `content_id` alone all of its images that are not made yet."""

    image_ids: list[UUID] = Field([], max_length=MOST_AT_ONCE)
    content_id: UUID | None = None

    @field_validator("image_ids")
    @classmethod
    def _once(cls, value: list[UUID]) -> list[UUID]:
        return list(dict.fromkeys(value))


class ImageOut(BaseModel):
    """`image_url` is public and relative to the host; null until the image is made."""

    id: UUID
    account_id: UUID
    site_id: UUID
    sector_id: UUID
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    content_id: UUID
    content_title: str | None
    image_type: ImageType
    prompt: str
    alt_text: str
    position: int
    status: ImageStatus
    image_url: str | None
    error_code: str | None
    error: str | None


class ImageGroup(BaseModel):
    content_id: UUID
    content_title: str
    images: list[ImageOut]


ROWS = sa.select(*(column for column in images.c), content.c.title.label("content_title")).outerjoin(
    content, content.c.content_id == images.c.content_id
)
_OWNERS = sa.select(content.c.content_id, content.c.title).where(
    sa.exists().where(images.c.content_id == content.c.content_id, ~images.c.archived)
)
ORDERING = {name: images.c[name] for name in ("created_at", "updated_at", "position", "status", "image_type")}


def shown(row: Row) -> dict[str, Any]:
    made = row["object"] is not None
    return {
        "id": row["image_id"],
        "image_url": f"/api/v1/writer/images/{row['image_id']}/file/" if made else None,
    } | {name: value for name, value in row.items() if name not in ("image_id", "archived", "object")}


@router.get("/", summary="Images of the sites you may see", response_model=Success[Listed[ImageOut]])
async def list_images(
    request: Request,
    caller: Caller,
    runtime: Runtime,
    page: Page,
    wanted: Filter,
    content_id: UUID | None = None,
    image_type: ImageType | None = None,
    status: ImageStatus | None = None,
) -> Answer:
    return await _list(request, caller, runtime, page, wanted, content_id, image_type, status)


@prompts_router.get("/", summary="Images still to be made", response_model=Success[Listed[ImageOut]])
async def list_prompts(
    request: Request,
    caller: Caller,
    runtime: Runtime,
    page: Page,
    wanted: Filter,
    content_id: UUID | None = None,
    image_type: ImageType | None = None,
) -> Answer:
    return await _list(request, caller, runtime, page, wanted, content_id, image_type, "pending")


@router.get("/grouped/", summary="By article", response_model=Success[Listed[ImageGroup]])
async def grouped(request: Request, caller: Caller, runtime: Runtime, page: Page, wanted: Filter) -> Answer:
    owners = listed(_OWNERS, content, caller, wanted)
    async with runtime.database.transaction(caller.account_id) as tx:
        ordering = {"created_at": content.c.created_at, "title": content.c.title}
        found = await paginate(tx, owners, page, request, ordering=ordering, tie=content.c.content_id)
        ids = [group["content_id"] for group in found["results"]]
        rows = await tx.all(
            ROWS.where(images.c.content_id.in_(ids), ~images.c.archived).order_by(
                images.c.image_type, images.c.position, images.c.image_id
            )
        )
    found["results"] = [
        {
            "content_id": group["content_id"],
            "content_title": group["title"],
            "images": [shown(row) for row in rows if row["content_id"] == group["content_id"]],
        }
        for group in found["results"]
    ]
    return answer(found)


@router.post("/", summary="Describe an image by hand", status_code=201, response_model=Success[ImageOut])
@prompts_router.post("/", summary="Describe an image", status_code=201, response_model=Success[ImageOut])
async def create_image(body: ImageIn, caller: Caller, runtime: Runtime) -> Answer:
    image_id = caller.new_id("image")

    async def create(tx: Transaction) -> dict[str, Any]:
        owner = await require_row(tx, sa.select(content), content, "Content", body.content_id, caller)
        draft = ImageDraft(
            image_id=image_id,
            image_type=body.image_type,
            prompt=body.prompt,
            alt_text=body.alt_text,
            position=body.position,
        )
        command = AddImage(body.content_id, owner["site_id"], owner["sector_id"], owner["title"], draft)
        await tx.handle(GALLERY, body.content_id, command)
        return shown(await _row(tx, image_id, caller))

    return answer(await runtime.database.run(caller.account_id, create, caller.meta), status=201)


@router.get("/{image_id}/", summary="One image", response_model=Success[ImageOut])
@prompts_router.get("/{image_id}/", summary="One image prompt", response_model=Success[ImageOut])
async def get_image(image_id: UUID, caller: Caller, runtime: Runtime) -> Answer:
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(shown(await _row(tx, image_id, caller)))


@router.patch("/{image_id}/", summary="Change an image", response_model=Success[ImageOut])
@prompts_router.patch("/{image_id}/", summary="Change a prompt", response_model=Success[ImageOut])
async def edit_image(image_id: UUID, body: ImageEdit, caller: Caller, runtime: Runtime) -> Answer:

    async def edit(tx: Transaction) -> dict[str, Any]:
        row = await _row(tx, image_id, caller)
        await tx.handle(GALLERY, row["content_id"], EditImage(image_id, body.prompt, body.alt_text))
        return shown(await _row(tx, image_id, caller))

    return answer(await runtime.database.run(caller.account_id, edit, caller.meta))


@router.delete("/{image_id}/", summary="Archive an image", status_code=204)
@prompts_router.delete("/{image_id}/", summary="Archive an image prompt", status_code=204)
async def delete_image(image_id: UUID, caller: Caller, runtime: Runtime) -> Response:

    async def archive(tx: Transaction) -> None:
        row = await _row(tx, image_id, caller)
        await tx.handle(GALLERY, row["content_id"], ArchiveImage(image_id))

    await runtime.database.run(caller.account_id, archive, caller.meta)
    return Response(status_code=204)


@prompts_router.post(
    "/generate/",
    summary="Describe the images of articles",
    status_code=202,
    response_model=Success[TaskAccepted],
)
async def generate_prompts(body: GeneratePrompts, caller: Caller, runtime: Runtime) -> Answer:
    operation_id = caller.new_id("operation")

    async def start(tx: Transaction) -> None:
        rows = await require_rows(tx, sa.select(content), content, "Content", body.content_ids, caller)
        require_one_sector("content_ids", rows)
        first, _ = await tx.load(CONTENT, body.content_ids[0])
        assert isinstance(first, Content)
        await request_prompts(
            tx,
            operation_id,
            body.content_ids,
            first.origin,
            in_article=body.in_article,
            user_id=caller.user_id,
        )

    await runtime.database.run(caller.account_id, start, caller.meta)
    return accepted(operation_id)


@router.post(
    "/generate_images/",
    summary="Make images from their prompts",
    status_code=202,
    response_model=Success[TaskAccepted],
)
@router.post(
    "/generate/",
    summary="Make images from their prompts",
    status_code=202,
    response_model=Success[TaskAccepted],
)
async def generate_images(body: GenerateImages, caller: Caller, runtime: Runtime) -> Answer:
    operation_id = caller.new_id("operation")

    async def start(tx: Transaction) -> None:
        if not await operations.is_new(tx, operation_id):
            return  # repeated: what it asked for may be done by now
        rows = await _chosen(tx, body, caller)
        require_one_sector("image_ids", rows)
        await request_images(
            tx,
            operation_id,
            [row["image_id"] for row in rows],
            site_id=rows[0]["site_id"],
            sector_id=rows[0]["sector_id"],
            model=image_model(runtime.settings),
            user_id=caller.user_id,
        )

    await runtime.database.run(caller.account_id, start, caller.meta)
    return accepted(operation_id)


@router.get(
    "/{image_id}/file/",
    summary="The picture itself; public by its id",
    response_class=Response,
    responses={200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def image_file(image_id: UUID, runtime: Runtime) -> Response:
    async with runtime.database.transaction(None) as tx:
        found = await tx.first(
            "SELECT account_id, object FROM image_file(%(image_id)s)", {"image_id": image_id}
        )
    if found is None:
        raise not_found("Image", image_id)
    ref = msgspec.convert(found["object"], ObjectRef)
    try:
        data = await runtime.objects.of(found["account_id"]).get(ref)
    except ObjectMissing as error:
        raise not_found("Image", image_id) from error
    # What a provider sent must not be run by a browser under our address.
    safe = ref.media_type if ref.media_type in _INLINE_TYPES else "application/octet-stream"
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(data, media_type=safe, headers=headers)


async def _list(
    request: Request,
    caller: CallerOf,
    runtime: Runtime,
    page: Page,
    wanted: FilterOf,
    content_id: UUID | None,
    image_type: Annotated[str | None, "one of ImageType"],
    status: str | None,
) -> Answer:
    query = listed(ROWS, images, caller, wanted)
    for column, value in (
        (images.c.content_id, content_id),
        (images.c.image_type, image_type),
        (images.c.status, status),
    ):
        query = query.equal(column, value)
    async with runtime.database.transaction(caller.account_id) as tx:
        return answer(
            await paginate(tx, query, page, request, ordering=ORDERING, tie=images.c.image_id, show=shown)
        )


async def _chosen(sql: Sql, body: GenerateImages, caller: CallerOf) -> list[Row]:
    if body.image_ids:
        return await require_rows(sql, ROWS, images, "Image", body.image_ids, caller)
    if body.content_id is None:
        raise validation("image_ids", "name images, or the content whose images are to be made")
    await require_row(sql, sa.select(content), content, "Content", body.content_id, caller)
    rows = await sql.all(
        ROWS.where(
            images.c.content_id == body.content_id, images.c.status != "generated", ~images.c.archived
        ).order_by(images.c.image_id)
    )
    if not rows:
        raise validation("content_id", "has no images that are still to be made; generate its prompts first")
    return rows


async def _row(sql: Sql, image_id: UUID, caller: CallerOf) -> Row:
    return await require_row(sql, ROWS, images, "Image", image_id, caller)
