"""Writing the article of a task: the paid function `generate_content`, one item per task."""

from typing import Any
from uuid import UUID

from common.ai.engine import Answer
from common.ai.functions import ContentInput, ContentOutput
from common.ai.operations.events import Operation
from common.contracts.operations import Charge
from common.database import Transaction
from common.ids import stable_id
from common.objects import ObjectStore

from writer.content.bodies import body_of
from writer.content.decisions import CONTENT, WriteContent
from writer.content.events import ContentOrigin, ContentText
from writer.slugs import slug_of
from writer.tasks.decisions import TASK, CompleteTask, FailTask
from writer.tasks.events import Task
from writer.taxonomies.decisions import TERM, AddTerm, terms_of


def content_id_of(task_id: UUID) -> UUID:
    """The one article of a task; writing it again makes a new version."""
    return stable_id(task_id, "content")


class GenerateContent:
    """`objects` is needed for recording only."""

    def __init__(self, objects: ObjectStore | None = None) -> None:
        self._objects = objects

    async def prepare(self, tx: Transaction, operation: Operation, item_id: UUID) -> ContentInput | None:
        task, _ = await tx.load(TASK, item_id)
        if not isinstance(task, Task) or task.archived:
            return None
        details = task.details
        return ContentInput(
            title=details.title,
            description=details.description,
            keywords=list(details.keywords),
            content_structure=details.content_structure,
            word_count=details.word_count,
            generation=int(operation.request.parameters.get("generation", 1)),
        )

    async def record(
        self, tx: Transaction, operation: Operation, item_id: UUID, answer: Answer[ContentOutput]
    ) -> None:
        task, _ = await tx.load(TASK, item_id)
        assert isinstance(task, Task)
        content_id = content_id_of(item_id)
        text = await self._text(tx.account_id, answer.output)
        for term in terms_of(task.site_id, text.categories, text.tags):
            await tx.handle(TERM, term.term_id, AddTerm(task.site_id, task.sector_id, term))
        await tx.handle(TASK, item_id, CompleteTask(content_id))
        await tx.handle(
            CONTENT,
            content_id,
            WriteContent(
                content_id=content_id,
                origin=_origin(item_id, task),
                text=text,
                operation_id=operation.request.operation_id,
                usage=answer.usage,
                charge=Charge(kind="content_words", units=text.body.words),
                run_id=operation.request.run_id,
            ),
        )

    async def failed(
        self, tx: Transaction, operation: Operation, item_id: UUID, error_code: str, message: str
    ) -> None:
        asked = operation.request
        await tx.handle(TASK, item_id, FailTask(asked.operation_id, error_code, message, asked.run_id))

    async def _text(self, account_id: UUID, output: ContentOutput) -> ContentText:
        return ContentText(
            title=output.title,
            slug=slug_of(output.title),
            body=await body_of(output.html, self._objects and self._objects.of(account_id)),
            excerpt=output.excerpt,
            meta_title=output.meta_title or output.title,
            meta_description=output.meta_description or output.excerpt,
            primary_keyword=output.primary_keyword,
            secondary_keywords=tuple(output.secondary_keywords),
            tags=_distinct(output.tags),
            categories=_distinct(output.categories),
        )


def _origin(task_id: UUID, task: Task) -> ContentOrigin:
    return ContentOrigin(
        task_id=task_id,
        site_id=task.site_id,
        sector_id=task.sector_id,
        cluster_id=task.details.cluster_id,
        content_type=task.details.content_type,
        content_structure=task.details.content_structure,
    )


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Each name once, whatever its case, without surrounding space."""
    found: dict[str, Any] = {}
    for name in names:
        if clean := " ".join(name.split()):
            found.setdefault(slug_of(clean), clean)
    return tuple(found.values())
