"""Describing and making pictures: the paid functions `generate_image_prompts` and `generate_images`."""

from uuid import UUID

import sqlalchemy as sa
from common.ai.engine import Answer
from common.ai.functions import GeneratedImage, ImageInput, ImagePromptsInput, ImagePromptsOutput
from common.ai.operations.events import Operation
from common.contracts.operations import Charge
from common.database import Sql, Transaction
from common.ids import stable_id
from common.replicas import prices

from writer.charges import image_charge
from writer.content.decisions import CONTENT, SubmitContent
from writer.content.events import Content
from writer.images.decisions import GALLERY, FailImage, RecordImage, WritePrompts
from writer.images.events import Gallery, GalleryState, ImageDraft
from writer.images.views import images

IN_ARTICLE = 1
"""Pictures within an article, beside the featured one, when nobody says how many."""


async def content_of(sql: Sql, image_id: UUID) -> UUID | None:
    """The article that an image belongs to."""
    row = await sql.first(sa.select(images.c.content_id).where(images.c.image_id == image_id))
    return row["content_id"] if row else None


class GenerateImagePrompts:
    """One item is one article."""

    async def prepare(self, tx: Transaction, operation: Operation, item_id: UUID) -> ImagePromptsInput | None:
        content, _ = await tx.load(CONTENT, item_id)
        if not isinstance(content, Content) or content.archived:
            return None
        return ImagePromptsInput(
            title=content.text.title,
            headings=list(content.text.body.headings),
            in_article=int(operation.request.parameters.get("in_article", IN_ARTICLE)),
        )

    async def record(
        self, tx: Transaction, operation: Operation, item_id: UUID, answer: Answer[ImagePromptsOutput]
    ) -> None:
        content, _ = await tx.load(CONTENT, item_id)
        assert isinstance(content, Content)
        asked = operation.request
        drafts = tuple(
            ImageDraft(
                image_id=stable_id(asked.operation_id, item_id, prompt.image_type, number),
                image_type=prompt.image_type,
                prompt=prompt.prompt,
                alt_text=prompt.alt_text,
                position=prompt.position,
            )
            for number, prompt in enumerate(answer.output.prompts)
        )
        await tx.handle(
            GALLERY,
            item_id,
            WritePrompts(
                content_id=item_id,
                site_id=content.origin.site_id,
                sector_id=content.origin.sector_id,
                title=content.text.title,
                images=drafts,
                operation_id=asked.operation_id,
                usage=answer.usage,
                charge=Charge(kind="image_prompt", units=len(drafts)),
                run_id=asked.run_id,
            ),
        )

    async def failed(
        self, tx: Transaction, operation: Operation, item_id: UUID, error_code: str, message: str
    ) -> None:
        """Nothing was there before, nothing is there now: the operation's own fact says it all."""


class GenerateImages:
    """One item is one image."""

    async def prepare(self, tx: Transaction, operation: Operation, item_id: UUID) -> ImageInput | None:
        content_id = await content_of(tx, item_id)
        gallery, _ = await tx.load(GALLERY, content_id) if content_id else (None, 0)
        if not isinstance(gallery, Gallery) or gallery.images[item_id].archived:
            return None
        draft = gallery.images[item_id].draft
        return ImageInput(
            prompt=draft.prompt,
            title=gallery.title,
            image_type=draft.image_type,
            generation=int(operation.request.parameters.get("generation", 1)),
        )

    async def record(
        self, tx: Transaction, operation: Operation, item_id: UUID, answer: Answer[GeneratedImage]
    ) -> None:
        asked = operation.request
        await self._end(
            tx,
            item_id,
            RecordImage(
                image_id=item_id,
                object=answer.output.image,
                operation_id=asked.operation_id,
                usage=answer.usage,
                charge=image_charge(await prices.current_card(tx), answer.output.priced_as),
                run_id=asked.run_id,
            ),
        )

    async def failed(
        self, tx: Transaction, operation: Operation, item_id: UUID, error_code: str, message: str
    ) -> None:
        asked = operation.request
        await self._end(
            tx, item_id, FailImage(item_id, asked.operation_id, error_code, message, asked.run_id)
        )

    async def _end(self, tx: Transaction, image_id: UUID, command: RecordImage | FailImage) -> None:
        """Record, and send the article to review with the last image that its run waited for."""
        content_id = await content_of(tx, image_id)
        assert content_id is not None, "an operation was asked for an image that never was"
        before, _ = await tx.load(GALLERY, content_id)
        handled = await tx.handle(GALLERY, content_id, command)
        content, _ = await tx.load(CONTENT, content_id)
        archived = isinstance(content, Content) and content.archived
        if _was_last(before, handled.state, command.run_id) and not archived and not _cancelled(command):
            await tx.handle(CONTENT, content_id, SubmitContent(command.run_id))


def _was_last(before: GalleryState, after: GalleryState, run_id: UUID | None) -> bool:
    return (
        isinstance(before, Gallery)
        and isinstance(after, Gallery)
        and before.waits_for(run_id)
        and not after.waits_for(run_id)
    )


def _cancelled(command: RecordImage | FailImage) -> bool:
    return isinstance(command, FailImage) and command.error_code == "CANCELLED"
