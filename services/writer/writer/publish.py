"""Which facts of the writer are said in public, and how."""

from common.ai.operations.publish import publish_operation
from common.contracts import Contract
from common.contracts import writer as public
from common.eventsourcing.decider import StreamName
from common.eventsourcing.event import Event, Recorded
from common.export.publish import publish_part

from writer.content import events as content
from writer.images import events as images
from writer.tasks import events as tasks
from writer.taxonomies import events as taxonomies


def publish(fact: Recorded[Event]) -> Contract | None:
    """The contract of a fact; None for what stays inside."""
    match fact.event:
        case taxonomies.TermAdded() | taxonomies.TermRenamed() as event:
            term = public.TermItem(
                term_id=event.term_id, taxonomy=event.taxonomy, name=event.name, slug=event.slug
            )
            return public.TaxonomyTermsChanged(site_id=event.site_id, terms=(term,))
        case event:
            return (
                _task(fact, event)
                or _content(fact, event)
                or _image(fact, event)
                or publish_operation(fact)
                or publish_part(event)
            )


def _task(fact: Recorded[Event], event: Event) -> Contract | None:
    task_id = StreamName.parse(fact.stream).id
    match event:
        case tasks.TaskCreated(site_id, sector_id, details, run_id):
            items = (_task_item(fact, details, "queued"),)
            return public.TasksCreated(site_id=site_id, sector_id=sector_id, tasks=items, run_id=run_id)
        case tasks.TaskJoinedRun(site_id, sector_id, details, status, run_id):
            items = (_task_item(fact, details, status),)
            return public.TasksCreated(site_id=site_id, sector_id=sector_id, tasks=items, run_id=run_id)
        case tasks.TaskChanged(site_id, sector_id, details, status):
            items = (_task_item(fact, details, status),)
            return public.TasksChanged(site_id=site_id, sector_id=sector_id, tasks=items)
        case tasks.TaskStarted(operation_id, run_id):
            return public.TaskStarted(task_id=task_id, operation_id=operation_id, run_id=run_id)
        case tasks.TaskCompleted(content_id):
            return public.TaskCompleted(task_id=task_id, content_id=content_id)
        case tasks.TaskFailed(operation_id, error_code, message, run_id):
            return public.TaskFailed(
                task_id=task_id,
                operation_id=operation_id,
                error_code=error_code,
                message=message,
                run_id=run_id,
            )
        case tasks.TaskArchived():
            return public.TasksArchived(task_ids=(task_id,))
        case tasks.TaskRestored():
            return public.TasksRestored(task_ids=(task_id,))
        case _:
            return None


def _task_item(
    fact: Recorded[Event], details: tasks.TaskDetails, status: public.TaskStatus
) -> public.TaskItem:
    return public.TaskItem(
        task_id=StreamName.parse(fact.stream).id,
        title=details.title,
        cluster_id=details.cluster_id,
        idea_id=details.idea_id,
        content_type=details.content_type,
        content_structure=details.content_structure,
        word_count=details.word_count,
        status=status,
    )


def _content(fact: Recorded[Event], event: Event) -> Contract | None:
    content_id = StreamName.parse(fact.stream).id
    match event:
        case content.ContentWritten():
            return public.ContentGenerated(
                operation_id=event.operation_id,
                item_id=event.origin.task_id,
                site_id=event.origin.site_id,
                sector_id=event.origin.sector_id,
                task_id=event.origin.task_id,
                content_id=content_id,
                title=event.text.title,
                words=event.text.body.words,
                usage=event.usage,
                charge=event.charge,
                run_id=event.run_id,
                version=event.text_version,
            )
        case content.ContentEdited():
            return public.ContentChanged(
                content_id=content_id,
                site_id=event.origin.site_id,
                sector_id=event.origin.sector_id,
                version=event.text_version,
                title=event.text.title,
                status="draft",
                words=event.text.body.words,
            )
        case content.ContentSubmitted():
            return public.ContentSubmittedForReview(
                content_id=content_id, version=event.text_version, title=event.title, run_id=event.run_id
            )
        case content.ContentApproved():
            return public.ContentApproved(
                content_id=content_id,
                version=event.text_version,
                title=event.title,
                user_id=event.user_id,
                run_id=event.run_id,
            )
        case content.ContentRejected():
            return public.ContentRejected(
                content_id=content_id, version=event.text_version, title=event.title, reason=event.reason
            )
        case content.ContentReleased():
            return _ready(event)
        case content.ContentArchived():
            return public.ContentArchived(content_id=content_id)
        case content.ContentRestored():
            return public.ContentRestored(content_id=content_id)
        case _:
            return None


def _ready(event: content.ContentReleased) -> public.ContentReadyToPublish:
    return public.ContentReadyToPublish(
        content_id=event.content_id,
        version=event.text_version,
        site_id=event.origin.site_id,
        sector_id=event.origin.sector_id,
        content_type=event.origin.content_type,
        title=event.title,
        slug=event.slug,
        excerpt=event.excerpt,
        body=event.publication.body,
        meta_title=event.meta_title,
        meta_description=event.meta_description,
        primary_keyword=event.primary_keyword,
        terms=event.publication.terms,
        images=event.publication.images,
        integration_id=event.publication.integration_id,
        run_id=event.publication.run_id,
    )


def _image(fact: Recorded[Event], event: Event) -> Contract | None:
    content_id = StreamName.parse(fact.stream).id
    match event:
        case images.ImagePromptsWritten():
            return public.ImagePromptsGenerated(
                operation_id=event.operation_id,
                item_id=event.content_id,
                site_id=event.site_id,
                sector_id=event.sector_id,
                content_id=event.content_id,
                images=tuple(_image_item(draft) for draft in event.images),
                usage=event.usage,
                charge=event.charge,
                run_id=event.run_id,
            )
        case images.ImageGenerated():
            return public.ImagesGenerated(
                operation_id=event.operation_id,
                item_id=event.image_id,
                site_id=event.site_id,
                sector_id=event.sector_id,
                content_id=event.content_id,
                image_id=event.image_id,
                image=event.object,
                usage=event.usage,
                charge=event.charge,
                run_id=event.run_id,
            )
        case images.ImageAdded():
            return public.ImageAdded(
                content_id=event.content_id,
                site_id=event.site_id,
                sector_id=event.sector_id,
                image=_image_item(event.image),
            )
        case images.ImageChanged(image=draft, status=status):
            return public.ImageChanged(content_id=content_id, image=_image_item(draft), status=status)
        case images.ImageFailed():
            return public.ImageFailed(
                content_id=content_id,
                image_id=event.image_id,
                operation_id=event.operation_id,
                error_code=event.error_code,
                message=event.message,
                run_id=event.run_id,
            )
        case images.ImageArchived(image_id=id):
            return public.ImagesArchived(content_id=content_id, image_ids=(id,))
        case images.ImageRestored(image_id=id):
            return public.ImagesRestored(content_id=content_id, image_ids=(id,))
        case _:
            return None


def _image_item(draft: images.ImageDraft) -> public.ImageItem:
    return public.ImageItem(
        image_id=draft.image_id,
        image_type=draft.image_type,
        alt_text=draft.alt_text,
        position=draft.position,
    )
