"""Handing an approved article to the publisher: its body is put where the publisher finds it, then it is said."""

from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.api.runtime import RuntimeOf
from common.contracts.operations import ObjectRef
from common.contracts.writer import PublishImage
from common.database import Sql, Transaction
from common.ids import stable_id
from common.jobs.job import AUTOMATION, INTERACTIVE, Job
from common.jobs.worker import JobHandler, Work

from writer.content.bodies import stored
from writer.content.decisions import CONTENT, ReleaseContent
from writer.content.events import Content, Publication
from writer.images.views import images
from writer.pipeline.cancelled import is_cancelled
from writer.taxonomies.decisions import terms_of

# An object store that is away comes back within the hour that the growing pauses of so many attempts span.
RELEASE = Job("release_content", time_limit=60, attempts=60)


async def release(
    tx: Transaction,
    content_id: UUID,
    cause: object,
    *,
    run_id: UUID | None = None,
    integration_id: UUID | None = None,
    by_rule: bool = False,
) -> None:
    """Ask for the hand-over of the version approved now; the same `cause` leads to one hand-over.

    `by_rule`: the run asks for it, not a person, so that it stops with the run.
    """
    await RELEASE.defer(
        await tx.reach(),
        account_id=tx.account_id,
        meta=tx.meta,
        arguments={
            "content_id": content_id,
            "release_id": stable_id(content_id, cause),
            "run_id": run_id,
            "integration_id": integration_id,
            "by_rule": by_rule,
        },
        priority=AUTOMATION if run_id else INTERACTIVE,
    )


def handler(runtime: RuntimeOf) -> JobHandler:
    """The job of `release`."""

    async def run(work: Work) -> None:
        content_id = UUID(work.arguments["content_id"])
        async with runtime.database.transaction(work.account_id) as tx:
            content, _ = await tx.load(CONTENT, content_id)
        if not isinstance(content, Content) or not content.is_approved:
            return  # edited or rejected meanwhile: the next approval asks anew
        body = await stored(content.text.body, runtime.objects.of(work.account_id))

        async def say(tx: Transaction) -> None:
            run_id = _id(work.arguments["run_id"])
            # A job that does not say it, of an earlier release, counts as the run's.
            if work.arguments.get("by_rule", True) and await is_cancelled(tx, run_id):
                return
            publication = Publication(
                body=body,
                terms=terms_of(content.origin.site_id, content.text.categories, content.text.tags),
                images=await _pictures(tx, content_id),
                integration_id=_id(work.arguments["integration_id"]),
                run_id=run_id,
            )
            await tx.handle(
                CONTENT,
                content_id,
                ReleaseContent(UUID(work.arguments["release_id"]), content.text_version, publication),
            )

        await runtime.database.run(work.account_id, say, work.meta)

    return JobHandler(RELEASE, run)


async def _pictures(sql: Sql, content_id: UUID) -> tuple[PublishImage, ...]:
    """The generated images in their order; of several featured ones the newest."""
    rows = await sql.all(
        sa.select(images)
        .where(images.c.content_id == content_id, images.c.status == "generated", ~images.c.archived)
        .order_by(images.c.image_type, images.c.position, images.c.created_at, images.c.image_id)
    )
    newest = [row for row in rows if row["image_type"] == "featured"][-1:]
    return tuple(
        PublishImage(
            image_id=row["image_id"],
            image_type=row["image_type"],
            position=row["position"],
            alt_text=row["alt_text"],
            object=msgspec.convert(row["object"], ObjectRef),
        )
        for row in [*newest, *(row for row in rows if row["image_type"] != "featured")]
    )


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None
