"""The gallery of an article: prompts, images, and what a run waits for."""

from uuid import UUID

import msgspec
from common.contracts.operations import Charge, ObjectRef, Usage
from common.testing import given
from writer.images.decisions import (
    GALLERY,
    AddImage,
    ArchiveImage,
    AwaitImages,
    EditImage,
    FailImage,
    ImageNotFound,
    RecordImage,
    RestoreImage,
    WritePrompts,
)
from writer.images.events import (
    Gallery,
    GalleryEvent,
    ImageAdded,
    ImageArchived,
    ImageChanged,
    ImageDraft,
    ImageFailed,
    ImageGenerated,
    ImagePromptsWritten,
    ImageRestored,
    ImagesAwaited,
)

CONTENT, SITE, SECTOR, RUN, OPERATION, OTHER, FIRST, SECOND, UNKNOWN = (UUID(int=n) for n in range(50, 59))
USAGE = Usage(provider="local", model="local", calls=1)
CHARGE = Charge(kind="image", units=1)
OBJECT = ObjectRef(sha256="ab", size=3, media_type="image/png")
DRAFTS = (
    ImageDraft(image_id=FIRST, image_type="featured", prompt="A yard", alt_text="Yard", position=0),
    ImageDraft(image_id=SECOND, image_type="in_article", prompt="A yard", alt_text="Yard", position=0),
)
WRITTEN = ImagePromptsWritten(
    content_id=CONTENT,
    site_id=SITE,
    sector_id=SECTOR,
    title="Forklifts",
    images=DRAFTS,
    operation_id=OPERATION,
    usage=USAGE,
    charge=CHARGE,
    run_id=RUN,
)
WRITE = WritePrompts(CONTENT, SITE, SECTOR, "Forklifts", DRAFTS, OPERATION, USAGE, CHARGE, RUN)
AWAITED = ImagesAwaited(run_id=RUN, image_ids=(FIRST, SECOND))


def generated(image_id: UUID, run_id: UUID | None = RUN) -> ImageGenerated:
    return ImageGenerated(
        content_id=CONTENT,
        site_id=SITE,
        sector_id=SECTOR,
        image_id=image_id,
        object=OBJECT,
        operation_id=OTHER,
        usage=USAGE,
        charge=CHARGE,
        run_id=run_id,
    )


def failed(image_id: UUID) -> ImageFailed:
    return ImageFailed(image_id=image_id, operation_id=OTHER, error_code="X", message="x", run_id=RUN)


def gallery(*events: GalleryEvent) -> Gallery:
    state = given(GALLERY)(*events).state
    assert isinstance(state, Gallery)
    return state


class TestPrompts:
    def test_an_operation_describes_once(self) -> None:
        given(GALLERY)().when(WRITE).then(WRITTEN)
        given(GALLERY)(WRITTEN).when(WRITE).then_nothing()

    def test_new_prompts_replace_what_was_not_made(self) -> None:
        again = msgspec.structs.replace(WRITTEN, operation_id=OTHER, images=())
        state = gallery(WRITTEN, generated(FIRST), again)
        assert [image.archived for image in state.images.values()] == [False, True]
        command = WritePrompts(CONTENT, SITE, SECTOR, "Forklifts", (), OTHER, USAGE, CHARGE, RUN)
        archived = ImageArchived(image_id=SECOND)
        given(GALLERY)(WRITTEN, generated(FIRST)).when(command).then(archived, again)
        given(GALLERY)(WRITTEN, generated(FIRST), archived).when(command).then(again)

    def test_one_is_added_by_hand_once(self) -> None:
        command = AddImage(CONTENT, SITE, SECTOR, "Forklifts", DRAFTS[0])
        added = ImageAdded(
            content_id=CONTENT, site_id=SITE, sector_id=SECTOR, title="Forklifts", image=DRAFTS[0]
        )
        given(GALLERY)().when(command).then(added)
        given(GALLERY)(added).when(command).then_nothing()

    def test_another_text_keeps_the_picture_another_prompt_does_not(self) -> None:
        made = (WRITTEN, generated(FIRST))
        other_text = msgspec.structs.replace(DRAFTS[0], alt_text="A yard at night")
        other_prompt = msgspec.structs.replace(DRAFTS[0], prompt="A yard at night")
        given(GALLERY)(*made).when(EditImage(FIRST, alt_text="A yard at night")).then(
            ImageChanged(image=other_text, status="generated")
        )
        changed = ImageChanged(image=other_prompt, status="pending")
        given(GALLERY)(*made).when(EditImage(FIRST, prompt="A yard at night")).then(changed)
        given(GALLERY)(*made).when(EditImage(FIRST, prompt="A yard")).then_nothing()
        assert gallery(*made, changed).images[FIRST].status == "pending"


class TestImages:
    def test_an_operation_makes_it_once(self) -> None:
        command = RecordImage(FIRST, OBJECT, OTHER, USAGE, CHARGE, RUN)
        given(GALLERY)(WRITTEN).when(command).then(generated(FIRST))
        given(GALLERY)(WRITTEN, generated(FIRST)).when(command).then_nothing()

    def test_an_operation_fails_it_once(self) -> None:
        command = FailImage(FIRST, OTHER, "X", "x", RUN)
        given(GALLERY)(WRITTEN).when(command).then(failed(FIRST))
        given(GALLERY)(WRITTEN, failed(FIRST)).when(command).then_nothing()

    def test_what_was_made_stays_when_making_it_anew_fails(self) -> None:
        made = (WRITTEN, generated(FIRST))
        image = gallery(*made, failed(FIRST)).images[FIRST]
        assert (image.status, image.object) == ("generated", OBJECT)
        described_anew = ImageChanged(image=DRAFTS[0], status="pending")
        assert gallery(*made, described_anew, failed(FIRST)).images[FIRST].status == "failed"

    def test_what_is_not_there_is_not_found(self) -> None:
        given(GALLERY)().when(ArchiveImage(FIRST)).then_refused(ImageNotFound)
        given(GALLERY)(WRITTEN).when(ArchiveImage(UNKNOWN)).then_refused(ImageNotFound)

    def test_archived_once_and_restored_once(self) -> None:
        archived, restored = ImageArchived(image_id=FIRST), ImageRestored(image_id=FIRST)
        given(GALLERY)(WRITTEN).when(ArchiveImage(FIRST)).then(archived)
        given(GALLERY)(WRITTEN, archived).when(ArchiveImage(FIRST)).then_nothing()
        given(GALLERY)(WRITTEN, archived).when(EditImage(FIRST, "x")).then_refused(ImageNotFound)
        given(GALLERY)(WRITTEN, archived).when(RestoreImage(FIRST)).then(restored)
        given(GALLERY)(WRITTEN, archived, restored).when(RestoreImage(FIRST)).then_nothing()

    def test_facts_without_a_beginning_change_nothing(self) -> None:
        assert given(GALLERY)(AWAITED).state == GALLERY.initial


class TestWhatARunWaitsFor:
    def test_awaited_once(self) -> None:
        command = AwaitImages(RUN, (FIRST, SECOND))
        given(GALLERY)(WRITTEN).when(command).then(AWAITED)
        given(GALLERY)(WRITTEN, AWAITED).when(command).then_nothing()

    def test_it_waits_until_the_last_is_made_or_failed(self) -> None:
        assert gallery(WRITTEN, AWAITED, generated(FIRST)).waits_for(RUN)
        assert not gallery(WRITTEN, AWAITED, generated(FIRST), failed(SECOND)).waits_for(RUN)

    def test_an_image_made_by_hand_is_not_what_it_waits_for(self) -> None:
        assert gallery(WRITTEN, AWAITED, generated(FIRST, None), generated(SECOND, None)).waits_for(RUN)
        assert not gallery(WRITTEN, AWAITED).waits_for(None)
