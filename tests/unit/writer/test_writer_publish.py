"""What the writer says in public: each fact's contract, and silence for the rest."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from common.contracts import Contract
from common.contracts import writer as public
from common.contracts.operations import ObjectRef
from common.eventsourcing.event import Event, Meta, Recorded
from common.ids import new_id
from writer.app import SERVICE
from writer.content import events as content
from writer.images import events as images
from writer.publish import publish
from writer.tasks import events as tasks
from writer.taxonomies import events as taxonomies

from tests.unit.writer.test_writer_images import WRITTEN as PROMPTS
from tests.unit.writer.test_writer_images import failed, generated
from tests.unit.writer.test_writer_tasks import CREATED, DETAILS, OPERATION, RUN, SECTOR, SITE
from tests.unit.writer.test_writer_terms import ADDED, RENAMED
from tests.unit.writer.writer_content_facts import APPROVED, ID, PUBLISHED, RELEASED, SUBMITTED, TEXT, WRITTEN

PICTURED = images.ImageAdded(
    content_id=ID, site_id=SITE, sector_id=SECTOR, title="Forklifts", image=PROMPTS.images[0]
)


def said(event: Event, category: str = "content", id: UUID = ID) -> Contract | None:
    fact = Recorded(1, UUID(int=1), f"{category}-{id}", 1, new_id(), event, Meta(), datetime.now(UTC))
    return publish(fact)


def test_a_task() -> None:
    created = said(CREATED, "task", UUID(int=77))
    assert isinstance(created, public.TasksCreated)
    assert (created.run_id, created.tasks[0].task_id) == (RUN, UUID(int=77))
    assert created.tasks[0].title == DETAILS.title
    joined = said(tasks.TaskJoinedRun(SITE, SECTOR, DETAILS, "completed", RUN), "task")
    assert isinstance(joined, public.TasksCreated)
    assert joined.tasks[0].status == "completed"
    changed = said(tasks.TaskChanged(SITE, SECTOR, DETAILS, "completed"), "task")
    assert isinstance(changed, public.TasksChanged)
    failure = said(tasks.TaskFailed(OPERATION, "X", "x", RUN), "task", UUID(int=77))
    assert failure == public.TaskFailed(
        task_id=UUID(int=77), operation_id=OPERATION, error_code="X", message="x", run_id=RUN
    )
    started = said(tasks.TaskStarted(OPERATION, RUN), "task", UUID(int=77))
    assert started == public.TaskStarted(task_id=UUID(int=77), operation_id=OPERATION, run_id=RUN)
    completed = said(tasks.TaskCompleted(ID), "task", UUID(int=77))
    assert completed == public.TaskCompleted(task_id=UUID(int=77), content_id=ID)


def test_generated_content_carries_what_is_charged() -> None:
    contract = said(WRITTEN)
    assert isinstance(contract, public.ContentGenerated)
    assert contract.item_id == contract.task_id == WRITTEN.origin.task_id
    assert (contract.words, contract.charge.units, contract.run_id) == (900, 900, WRITTEN.run_id)
    assert contract.version == WRITTEN.text_version


def test_the_approved_version_is_what_is_ready_to_publish() -> None:
    contract = said(RELEASED)
    assert isinstance(contract, public.ContentReadyToPublish)
    assert contract.version == RELEASED.text_version
    for name in ("title", "slug", "excerpt", "meta_title", "meta_description", "primary_keyword"):
        assert getattr(contract, name) == getattr(TEXT, name)
    assert contract.body == ObjectRef(sha256="ab", size=3, media_type="text/html")
    assert contract.run_id == RELEASED.publication.run_id


@pytest.mark.parametrize(
    ("event", "contract"),
    [
        (content.ContentEdited(text_version=2, origin=WRITTEN.origin, text=TEXT), public.ContentChanged),
        (SUBMITTED, public.ContentSubmittedForReview),
        (APPROVED, public.ContentApproved),
        (content.ContentRejected(text_version=1, title="t", reason="dull"), public.ContentRejected),
        (content.ContentArchived(content_id=ID), public.ContentArchived),
        (content.ContentRestored(content_id=ID), public.ContentRestored),
        (PROMPTS, public.ImagePromptsGenerated),
        (generated(UUID(int=9)), public.ImagesGenerated),
        (ADDED, public.TaxonomyTermsChanged),
        (RENAMED, public.TaxonomyTermsChanged),
        (PUBLISHED, None),
        (failed(UUID(int=9)), public.ImageFailed),
        (PICTURED, public.ImageAdded),
        (images.ImageChanged(image=PICTURED.image, status="pending"), public.ImageChanged),
        (images.ImageArchived(image_id=ID), public.ImagesArchived),
        (images.ImageRestored(image_id=ID), public.ImagesRestored),
        (images.ImagesAwaited(run_id=ID, image_ids=()), None),
        (tasks.TaskArchived(), public.TasksArchived),
        (tasks.TaskRestored(), public.TasksRestored),
    ],
)
def test_each_fact_has_its_contract(event: Event, contract: type[Contract] | None) -> None:
    found = said(event)
    assert found is None if contract is None else isinstance(found, contract)


def test_every_fact_can_be_stored_and_read_again() -> None:
    for event in (CREATED, WRITTEN, RELEASED, PROMPTS, generated(ID), ADDED):
        stored = msgspec.json.encode(event)
        assert SERVICE.model.types.decode_json(type(event).__name__, stored) == event


def test_what_is_said_here_is_the_writers_to_say() -> None:
    from common.contracts import spec_of

    for event in (CREATED, WRITTEN, RELEASED, PROMPTS, generated(ID), ADDED):
        contract = said(event)
        assert contract is not None
        assert "writer" in spec_of(type(contract)).by


def test_terms_of_a_fact_are_its_own() -> None:
    contract = said(taxonomies.TermRenamed(term_id=ID, site_id=SITE, taxonomy="tag", name="n", slug="s"))
    assert contract == public.TaxonomyTermsChanged(
        site_id=SITE, terms=(public.TermItem(term_id=ID, taxonomy="tag", name="n", slug="s"),)
    )
