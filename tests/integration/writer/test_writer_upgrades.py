"""What the writer's migrations make of what was recorded before them."""

import runpy
from pathlib import Path
from uuid import UUID

import psycopg
from common.contracts.operations import Charge, ObjectRef, Usage
from common.contracts.writer import ImagesArchived, TaskCompleted, TaskStarted
from common.database import Transaction
from common.ids import new_id, stable_id
from common.operate.projections import verify
from writer.images.decisions import GALLERY, ArchiveImage, RecordImage
from writer.images.events import ImageDraft, ImagePromptsWritten

from tests.integration.writer.service_parts import Parts, Tenant
from tests.integration.writer.test_writer_api import article, tasks_of

MIGRATIONS = Path(__file__).parents[3] / "services/writer/migrations/versions"


def said_with(writer: Parts, tenant: Tenant, migration: str) -> list[tuple[str, str]]:
    """Type and stream of the facts that a migration has said of what was recorded before it."""
    with psycopg.connect(writer.urls.owner) as connection:
        connection.execute("DELETE FROM outbox")
        connection.execute(runpy.run_path(str(MIGRATIONS / migration))["SAID"])
        return connection.execute(
            "SELECT e.type, e.stream FROM outbox JOIN events e USING (position) WHERE e.account_id = %s"
            " ORDER BY position",
            (tenant.id,),
        ).fetchall()


OBJECT = ObjectRef(sha256="ab", size=3, media_type="image/png")
USAGE = Usage(provider="local", model="local")
CHARGE = Charge(kind="image", units=1)


def _draft(name: str) -> ImageDraft:
    id = stable_id("image of the writer's tests", name)
    return ImageDraft(image_id=id, image_type="in_article", prompt=name, alt_text="", position=0)


def _described(content_id: UUID, tenant: Tenant, *images: ImageDraft) -> ImagePromptsWritten:
    return ImagePromptsWritten(
        content_id=content_id,
        site_id=tenant.site,
        sector_id=tenant.sector,
        title="Leasing",
        images=images,
        operation_id=new_id(),
        usage=USAGE,
        charge=CHARGE,
    )


async def test_tasks_archived_before_that_was_said_are_said_with_the_migration(
    writer: Parts, tenant: Tenant
) -> None:
    (task_id,) = await tasks_of(writer, tenant, "Leasing a forklift")
    assert (await writer.call(tenant, "DELETE", f"/writer/tasks/{task_id}/")).status_code == 204
    waiting = said_with(writer, tenant, "0005_archived_tasks.py")
    assert waiting == [("TaskArchived", f"task-{task_id}")]


async def test_tasks_in_work_and_completed_are_said_also_those_of_before(
    writer: Parts, tenant: Tenant
) -> None:
    content_id = await article(writer, tenant)
    (completed,) = await writer.said(tenant, TaskCompleted)
    (started,) = await writer.said(tenant, TaskStarted)
    assert (str(completed.content_id), completed.task_id) == (content_id, started.task_id)
    waiting = said_with(writer, tenant, "0009_tasks_in_work.py")
    stream = f"task-{started.task_id}"
    assert waiting == [("TaskStarted", stream), ("TaskCompleted", stream)]


async def test_what_new_prompts_had_put_aside_gets_its_fact_with_the_migration(
    writer: Parts, tenant: Tenant
) -> None:
    """Before, the prompts alone told of it: a gallery as it was recorded then."""
    content_id = UUID(await article(writer, tenant))
    gallery = GALLERY.stream(content_id)
    described = [
        _described(content_id, tenant, *(_draft(name) for name in names))
        for names in (("kept", "aside", "by hand"), ("new",))
    ]
    made = {name: _draft(name).image_id for name in ("kept", "aside", "by hand", "new")}

    async def record(tx: Transaction) -> None:
        await tx.append(gallery, 0, described[:1])
        await tx.handle(GALLERY, content_id, RecordImage(made["kept"], OBJECT, new_id(), USAGE, CHARGE))
        await tx.handle(GALLERY, content_id, ArchiveImage(made["by hand"]))
        _, version = await tx.load(GALLERY, content_id)
        await tx.append(gallery, version, described[1:])

    await writer.database.run(tenant.id, record)
    before = await writer.said(tenant, ImagesArchived)
    with psycopg.connect(writer.urls.owner) as connection:
        connection.execute(runpy.run_path(str(MIGRATIONS / "0010_all_of_images.py"))["PUT_ASIDE"])
    archived = await writer.said(tenant, ImagesArchived)
    assert [each.image_ids for each in archived] == [(made["by hand"],), (made["aside"],)]
    assert before == archived[:1]
    for projection in writer.service.model.projections:
        assert (await verify(writer.urls.owner, writer.service.model, projection)).equal, projection.name
    with psycopg.connect(writer.urls.owner) as connection:
        connection.execute(runpy.run_path(str(MIGRATIONS / "0010_all_of_images.py"))["PUT_ASIDE"])
    assert await writer.said(tenant, ImagesArchived) == archived, "once"
    waiting = said_with(writer, tenant, "0010_all_of_images.py")
    assert waiting == [("ImageArchived", str(gallery))] * 2
