"""What each public event says of the things the views show. Pure."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from common.contracts import Contract, billing, gateway, operations, planner, publisher, writer
from common.ids import stable_id
from common.messaging.envelope import Heard

from gateway.overview.events import EntriesSeen, Entry

RUNNING, FAILED, SUCCEEDED = 1, 2, 3
"""How final the word on an item of an operation is."""

PLANNED = (
    planner.KeywordsChanged,
    planner.KeywordsArchived,
    planner.ClustersChanged,
    planner.ClustersArchived,
    planner.IdeasChanged,
    planner.IdeasArchived,
    planner.IdeasQueued,
)
WRITTEN = (
    writer.TasksCreated,
    writer.TasksChanged,
    writer.TasksArchived,
    writer.TasksRestored,
    writer.TaskStarted,
    writer.TaskCompleted,
    writer.TaskFailed,
    writer.ContentChanged,
    writer.ContentSubmittedForReview,
    writer.ContentApproved,
    writer.ContentRejected,
    writer.ContentArchived,
    writer.ContentRestored,
)
ILLUSTRATED = (
    writer.ImageAdded,
    writer.ImageChanged,
    writer.ImageFailed,
    writer.ImagesArchived,
    writer.ImagesRestored,
)
PUBLISHED = (publisher.ContentPublished, publisher.ContentUnpublished)
OUTCOMES = (
    planner.KeywordsClustered,
    planner.IdeasGenerated,
    writer.ContentGenerated,
    writer.ImagePromptsGenerated,
    writer.ImagesGenerated,
)
PAID = (
    operations.AIOperationRequested,
    operations.AIOperationFailed,
    operations.AIOperationCancelled,
    billing.CreditsRefused,
    billing.CreditsDeducted,
)
AUTOMATED = (
    planner.PipelineRunStarted,
    planner.PipelineStageStarted,
    planner.PipelineStageFinished,
    planner.PipelineRunPaused,
    planner.PipelineRunResumed,
    planner.PipelineRunCancelled,
    planner.PipelineRunFinished,
)
NOTED = (
    billing.CreditsReserved,
    billing.CreditsExpired,
    gateway.MembershipChanged,
    publisher.PublishFailed,
)
"""Nothing that these views show, but what others do that say as of which position they speak: progress, notifications."""
SEEN: tuple[type[Contract], ...] = (
    *PLANNED,
    *WRITTEN,
    *ILLUSTRATED,
    *PUBLISHED,
    *OUTCOMES,
    *PAID,
    *AUTOMATED,
    *NOTED,
)

_FUNCTIONS: dict[type[Contract], str] = {
    planner.KeywordsClustered: "auto_cluster",
    planner.IdeasGenerated: "generate_ideas",
    writer.ContentGenerated: "generate_content",
    writer.ImagePromptsGenerated: "generate_image_prompts",
    writer.ImagesGenerated: "generate_images",
}


def sight_of(event: Heard[Any]) -> EntriesSeen:
    """The fact that follows from an event; the first of its entries is what it is mainly about."""
    return EntriesSeen(
        source=event.source,
        name=type(event.data).__name__,
        said_at=event.time,
        entries=tuple(_entries(event)),
    )


def _entries(event: Heard[Any]) -> Sequence[Entry]:
    if isinstance(event.data, PLANNED):
        return _planned(event)
    if isinstance(event.data, WRITTEN):
        return _written(event)
    if isinstance(event.data, ILLUSTRATED):
        return _illustrated(event)
    if isinstance(event.data, PUBLISHED):
        return _published(event)
    if isinstance(event.data, OUTCOMES):
        return [*_made(event), *_item_done(event)]
    if isinstance(event.data, PAID):
        return _paid(event)
    if isinstance(event.data, AUTOMATED):
        return _automated(event)
    return ()


def _place(event: Heard[Any]) -> dict[str, Any]:
    """What all entries of an event that names a sector have."""
    return {"guard": event.version, "site_id": event.data.site_id, "sector_id": event.data.sector_id}


def _planned(event: Heard[Any]) -> list[Entry]:
    place = _place(event)
    match event.data:
        case planner.KeywordsChanged(keywords=keywords):
            return [
                Entry(
                    kind="keyword",
                    id=each.keyword_id,
                    text=each.keyword,
                    status=each.status,
                    parent_id=each.cluster_id,
                    archived=False,
                    **place,
                )
                for each in keywords
            ]
        case planner.KeywordsArchived(keyword_ids=ids):
            return [Entry(kind="keyword", id=id, archived=True, **place) for id in ids]
        case planner.ClustersChanged(clusters=clusters):
            return [_cluster(each.cluster_id, each.name, place) for each in clusters]
        case planner.ClustersArchived(cluster_ids=ids):
            return [Entry(kind="cluster", id=id, archived=True, **place) for id in ids]
        case planner.IdeasChanged(ideas=ideas):
            return [_idea(each.idea_id, each.title, each.status, place) for each in ideas]
        case planner.IdeasArchived(idea_ids=ids):
            return [Entry(kind="idea", id=id, archived=True, **place) for id in ids]
    return [_idea(each.idea_id, each.title, "queued", place) for each in event.data.ideas]


def _cluster(id: UUID, name: str, place: dict[str, Any]) -> Entry:
    return Entry(kind="cluster", id=id, text=name, archived=False, **place)


def _idea(id: UUID, title: str, status: str, place: dict[str, Any]) -> Entry:
    """An archived one stays so: the article of its task may be written later."""
    return Entry(kind="idea", id=id, text=title, status=status, **place)


def _written(event: Heard[Any]) -> list[Entry]:
    guard = event.version
    match event.data:
        case writer.TasksCreated(tasks=tasks) | writer.TasksChanged(tasks=tasks):
            place = _place(event)
            return [
                Entry(
                    kind="task",
                    id=each.task_id,
                    text=each.title,
                    status=each.status,
                    amount=each.word_count,
                    **place,
                )
                for each in tasks
            ]
        case writer.TasksArchived(task_ids=ids):
            return [Entry(kind="task", id=id, guard=guard, archived=True) for id in ids]
        case writer.TasksRestored(task_ids=ids):
            return [Entry(kind="task", id=id, guard=guard, archived=False) for id in ids]
        case writer.TaskStarted(task_id=id):
            return [Entry(kind="task", id=id, guard=guard, status="in_progress")]
        case writer.TaskCompleted(task_id=id):
            return [Entry(kind="task", id=id, guard=guard, status="completed")]
        case writer.TaskFailed(task_id=id):
            return [Entry(kind="task", id=id, guard=guard, status="failed")]
        case writer.ContentArchived(content_id=id):
            return [Entry(kind="content", id=id, guard=guard, archived=True)]
        case writer.ContentRestored(content_id=id):
            return [Entry(kind="content", id=id, guard=guard, archived=False)]
        case writer.ContentChanged(content_id=id, version=version, title=title, status=status, words=words):
            place = _place(event)
            return [
                Entry(
                    kind="content",
                    id=id,
                    text=title,
                    status=status,
                    amount=words,
                    text_version=version,
                    archived=False,
                    **place,
                )
            ]
    data = event.data
    status = "draft" if isinstance(data, writer.ContentRejected) else "review"
    return [
        Entry(
            kind="content",
            id=data.content_id,
            guard=guard,
            text=data.title,
            status=status,
            text_version=data.version,
        )
    ]


def _illustrated(event: Heard[Any]) -> list[Entry]:
    """Pictures but for what operations bring about. A failure is no status: what was made before stays."""
    guard = event.version
    match event.data:
        case writer.ImageAdded(image=image):
            return [Entry(kind="image", id=image.image_id, status="pending", **_place(event))]
        case writer.ImageChanged(image=image, status=status):
            return [Entry(kind="image", id=image.image_id, guard=guard, status=status, failed=0)]
        case writer.ImageFailed(image_id=id):
            return [Entry(kind="image", id=id, guard=guard, failed=1)]
        case writer.ImagesArchived(image_ids=ids):
            return [Entry(kind="image", id=id, guard=guard, archived=True) for id in ids]
    return [Entry(kind="image", id=id, guard=guard, archived=False) for id in event.data.image_ids]


def _published(event: Heard[Any]) -> list[Entry]:
    data = event.data
    live = isinstance(data, publisher.ContentPublished)
    return [
        Entry(
            kind="content",
            id=data.content_id,
            site_id=data.site_id,
            live_version=data.version if live else 0,
            live_guard=event.version,
        ),
        Entry(
            kind="publication",
            id=data.content_id,
            guard=event.version,
            site_id=data.site_id,
            status="published" if live else "unpublished",
        ),
    ]


def _made(event: Heard[Any]) -> list[Entry]:
    """What an operation has brought about."""
    place = _place(event)
    match event.data:
        case planner.KeywordsClustered(clusters=clusters):
            return [_cluster(each.cluster_id, each.name, place) for each in clusters]
        case planner.IdeasGenerated(ideas=ideas):
            return [_idea(each.idea_id, each.title, "new", place) for each in ideas]
        case writer.ContentGenerated(content_id=id, title=title, words=words, version=version):
            return [
                Entry(
                    kind="content",
                    id=id,
                    text=title,
                    status="draft",
                    amount=words,
                    text_version=version,
                    archived=False,
                    **place,
                )
            ]
        case writer.ImagePromptsGenerated(images=images):
            return [Entry(kind="image", id=each.image_id, status="pending", **place) for each in images]
    return [Entry(kind="image", id=event.data.image_id, status="generated", **place)]


def _item_done(event: Heard[Any]) -> list[Entry]:
    """A part of a long list has no charge: the last one has it, and is the outcome."""
    data = event.data
    if data.charge is None:
        return []
    return [
        Entry(
            kind="ai_item",
            id=stable_id(data.operation_id, data.item_id),
            guard=SUCCEEDED,
            site_id=data.site_id,
            sector_id=data.sector_id,
            parent_id=data.operation_id,
            label=_FUNCTIONS[type(data)],
            status="succeeded",
        )
    ]


def _paid(event: Heard[Any]) -> list[Entry]:
    data = event.data
    operation = Entry(kind="operation", id=data.operation_id, label=getattr(data, "function", None))
    if ended := _ended(data):
        return [msgspec.structs.replace(operation, guard=FAILED, status=ended)]
    match data:
        case operations.AIOperationRequested():
            place: dict[str, Any] = {"guard": RUNNING, "site_id": data.site_id, "sector_id": data.sector_id}
            whole = Entry(
                kind="operation",
                id=data.operation_id,
                label=data.function,
                status="requested",
                amount=len(data.items),
                **place,
            )
            return [
                whole,
                *(
                    Entry(
                        kind="ai_item",
                        id=stable_id(data.operation_id, each.item_id),
                        parent_id=data.operation_id,
                        label=data.function,
                        status="running",
                        **place,
                    )
                    for each in data.items
                ),
            ]
        case operations.AIOperationFailed(item_id=UUID() as item_id):
            return [operation, _item(data, item_id, guard=FAILED, status="failed")]
        case billing.CreditsDeducted(item_id=item_id):
            return [operation, _item(data, item_id, amount=data.amount)]
    return [operation]


def _ended(data: Any) -> str | None:
    """How all that is still open of an operation ends with this. Billing's refusal is also said by who asked."""
    match data:
        case operations.AIOperationFailed(item_id=None, error_code=code):
            return "refused" if code in operations.REFUSALS else "failed"
        case operations.AIOperationCancelled():
            return "cancelled"
        case billing.CreditsRefused():
            return "refused"
    return None


def _item(data: Any, item_id: UUID, **said: Any) -> Entry:
    return Entry(
        kind="ai_item",
        id=stable_id(data.operation_id, item_id),
        parent_id=data.operation_id,
        label=data.function,
        **said,
    )


def _automated(event: Heard[Any]) -> list[Entry]:
    data, guard = event.data, event.version
    match data:
        case planner.PipelineRunStarted():
            return [Entry(kind="run", id=data.run_id, status="running", **_place(event))]
        case planner.PipelineStageStarted(stage=stage, items=items):
            place = _place(event)
            return [
                Entry(kind="run", id=data.run_id, **(place | {"guard": 0})),
                _stage(data.run_id, stage, status="running", amount=len(items), failed=0, **place),
            ]
        case planner.PipelineStageFinished(stage=stage, items=items, failed=failed):
            return [
                Entry(kind="run", id=data.run_id),
                _stage(data.run_id, stage, guard=guard, status="finished", amount=items, failed=failed),
            ]
        case planner.PipelineRunPaused():
            status = "paused"
        case planner.PipelineRunResumed():
            status = "running"
        case planner.PipelineRunCancelled():
            status = "cancelled"
        case _:
            status = data.outcome
    return [Entry(kind="run", id=data.run_id, guard=guard, status=status)]


def _stage(run_id: UUID, stage: int, **said: Any) -> Entry:
    return Entry(kind="stage", id=stable_id(run_id, stage), parent_id=run_id, label=str(stage), **said)
