"""Content: draft → review → published, an approval pins a version, `published` is only ever heard."""

from uuid import UUID

import msgspec
from common.testing import given
from writer.content.decisions import (
    CONTENT,
    ApproveContent,
    ArchiveContent,
    ContentNotFound,
    ContentStatusConflict,
    EditContent,
    RecordPublished,
    RecordPublishFailed,
    RecordUnpublished,
    RejectContent,
    ReleaseContent,
    RestoreContent,
    SubmitContent,
    WriteContent,
)
from writer.content.events import (
    Content,
    ContentApproved,
    ContentArchived,
    ContentEdited,
    ContentEvent,
    ContentPublicationFailed,
    ContentPublished,
    ContentRejected,
    ContentRestored,
    ContentSubmitted,
    ContentUnpublished,
    ContentWritten,
)

from tests.unit.writer.writer_content_facts import (
    APPROVED,
    CHARGE,
    ID,
    OPERATION,
    ORIGIN,
    OTHER_RUN,
    PUBLICATION,
    PUBLISHED,
    RELEASE,
    RELEASED,
    RUN,
    SUBMITTED,
    TEXT,
    USAGE,
    USER,
    WRITTEN,
)

NEWER = msgspec.structs.replace(TEXT, title="Renting a forklift")
EDITED = ContentEdited(text_version=2, origin=ORIGIN, text=NEWER)
IN_REVIEW = (WRITTEN, SUBMITTED)
OUT = (WRITTEN, SUBMITTED, APPROVED, RELEASED, PUBLISHED)


def state_of(*events: ContentEvent) -> Content:
    state = given(CONTENT)(*events).state
    assert isinstance(state, Content)
    return state


def write(operation_id: UUID = OPERATION) -> WriteContent:
    return WriteContent(ID, ORIGIN, TEXT, operation_id, USAGE, CHARGE, RUN)


class TestWriting:
    def test_the_first_version_is_a_draft(self) -> None:
        given(CONTENT)().when(write()).then(WRITTEN)
        assert state_of(WRITTEN).status == "draft"

    def test_an_operation_writes_once(self) -> None:
        given(CONTENT)(WRITTEN).when(write()).then_nothing()

    def test_another_operation_writes_the_next_version(self) -> None:
        again = ContentWritten(
            content_id=ID,
            text_version=2,
            origin=ORIGIN,
            text=TEXT,
            operation_id=OTHER_RUN,
            usage=USAGE,
            charge=CHARGE,
            run_id=RUN,
        )
        given(CONTENT)(*OUT).when(write(OTHER_RUN)).then(again)
        state = state_of(*OUT, again)
        assert (state.status, state.published, state.is_approved) == ("draft", 1, False)

    def test_nothing_is_done_to_what_is_not_written(self) -> None:
        for command in (
            EditContent(TEXT),
            SubmitContent(),
            ApproveContent(),
            ArchiveContent(),
            RestoreContent(),
        ):
            given(CONTENT)().when(command).then_refused(ContentNotFound)

    def test_facts_without_a_beginning_change_nothing(self) -> None:
        assert given(CONTENT)(SUBMITTED).state == CONTENT.initial


class TestEditing:
    def test_an_edit_is_a_new_version(self) -> None:
        given(CONTENT)(WRITTEN).when(EditContent(NEWER)).then(EDITED)

    def test_the_same_text_is_no_edit(self) -> None:
        given(CONTENT)(WRITTEN).when(EditContent(TEXT, ORIGIN.cluster_id)).then_nothing()

    def test_another_cluster_is_an_edit(self) -> None:
        moved = msgspec.structs.replace(ORIGIN, cluster_id=UUID(int=99))
        given(CONTENT)(WRITTEN).when(EditContent(TEXT, UUID(int=99))).then(
            ContentEdited(text_version=2, origin=moved, text=TEXT)
        )

    def test_an_edit_voids_the_approval(self) -> None:
        assert not state_of(WRITTEN, SUBMITTED, APPROVED, EDITED).is_approved

    def test_what_is_published_stays_out_while_the_edit_is_a_draft(self) -> None:
        state = state_of(*OUT, EDITED)
        assert (state.status, state.published) == ("draft", 1)


class TestReview:
    def test_a_draft_is_submitted_once(self) -> None:
        given(CONTENT)(WRITTEN).when(SubmitContent(RUN)).then(SUBMITTED)
        given(CONTENT)(*IN_REVIEW).when(SubmitContent(RUN)).then_nothing()
        given(CONTENT)(*IN_REVIEW).when(SubmitContent()).then_nothing()

    def test_another_run_is_told_of_a_review_under_way(self) -> None:
        told = ContentSubmitted(text_version=1, title=TEXT.title, run_id=OTHER_RUN)
        given(CONTENT)(*IN_REVIEW).when(SubmitContent(OTHER_RUN)).then(told)
        assert state_of(*IN_REVIEW, told).run_id == OTHER_RUN

    def test_a_run_is_told_of_a_review_that_somebody_asked_for(self) -> None:
        by_hand = msgspec.structs.replace(SUBMITTED, run_id=None)
        given(CONTENT)(WRITTEN, by_hand).when(SubmitContent(RUN)).then(SUBMITTED)

    def test_published_content_needs_no_review_but_its_run_is_told_once(self) -> None:
        given(CONTENT)(*OUT).when(SubmitContent()).then_refused(ContentStatusConflict)
        given(CONTENT)(*OUT).when(SubmitContent(RUN)).then_nothing()
        told = msgspec.structs.replace(SUBMITTED, run_id=OTHER_RUN)
        given(CONTENT)(*OUT).when(SubmitContent(OTHER_RUN)).then(told)
        assert state_of(*OUT, told).status == "published"

    def test_an_approval_pins_the_version_and_keeps_the_run(self) -> None:
        given(CONTENT)(*IN_REVIEW).when(ApproveContent(USER)).then(APPROVED)
        assert state_of(*IN_REVIEW, APPROVED).approved == 1

    def test_a_run_approves_by_its_rule(self) -> None:
        by_rule = ContentApproved(text_version=1, title=TEXT.title, run_id=OTHER_RUN)
        given(CONTENT)(*IN_REVIEW).when(ApproveContent(run_id=OTHER_RUN)).then(by_rule)

    def test_approved_is_approved(self) -> None:
        given(CONTENT)(*IN_REVIEW, APPROVED).when(ApproveContent(USER)).then_nothing()

    def test_what_was_withdrawn_is_approved_and_released_anew(self) -> None:
        gone = ContentUnpublished(text_version=1)
        put_away = (ContentArchived(content_id=ID), ContentRestored(content_id=ID))
        for past in ((*OUT, gone), (*IN_REVIEW, APPROVED, *put_away)):
            given(CONTENT)(*past).when(ApproveContent(USER)).then(APPROVED)
            given(CONTENT)(*past, APPROVED).when(ApproveContent(USER)).then_nothing()
            given(CONTENT)(*past, RELEASED).when(ApproveContent(USER)).then_nothing()
        given(CONTENT)(*OUT, *put_away).when(ApproveContent(USER)).then_nothing()

    def test_a_person_approves_what_a_cancelled_run_had_approved(self) -> None:
        by_rule = (*IN_REVIEW, msgspec.structs.replace(APPROVED, user_id=None))
        command = ApproveContent(USER, instead_of_rule=True)
        given(CONTENT)(*by_rule).when(ApproveContent(USER)).then_nothing()
        given(CONTENT)(*by_rule).when(command).then(APPROVED)
        given(CONTENT)(*by_rule, APPROVED).when(command).then_nothing()
        given(CONTENT)(*by_rule, RELEASED).when(command).then_nothing()

    def test_a_draft_cannot_be_approved(self) -> None:
        given(CONTENT)(WRITTEN).when(ApproveContent(USER)).then_refused(ContentStatusConflict)

    def test_a_rejection_makes_a_draft_and_voids_the_approval(self) -> None:
        rejected = ContentRejected(text_version=1, title=TEXT.title, reason="dull")
        given(CONTENT)(*IN_REVIEW, APPROVED).when(RejectContent("dull")).then(rejected)
        state = state_of(*IN_REVIEW, APPROVED, rejected)
        assert (state.status, state.approved) == ("draft", None)

    def test_only_what_is_in_review_can_be_rejected(self) -> None:
        given(CONTENT)(WRITTEN).when(RejectContent("dull")).then_refused(ContentStatusConflict)


class TestRelease:
    def test_the_approved_version_is_released_once(self) -> None:
        command = ReleaseContent(RELEASE, 1, PUBLICATION)
        given(CONTENT)(*IN_REVIEW, APPROVED).when(command).then(RELEASED)
        given(CONTENT)(*IN_REVIEW, APPROVED, RELEASED).when(command).then_nothing()

    def test_a_version_without_approval_never_is(self) -> None:
        command = ReleaseContent(RELEASE, 1, PUBLICATION)
        given(CONTENT)(*IN_REVIEW).when(command).then_nothing()
        given(CONTENT)(*IN_REVIEW, APPROVED, EDITED).when(command).then_nothing()

    def test_archived_content_never_is(self) -> None:
        past = (*IN_REVIEW, APPROVED, ContentArchived(content_id=ID))
        given(CONTENT)(*past).when(ReleaseContent(RELEASE, 1, PUBLICATION)).then_nothing()

    def test_another_request_is_answered_too(self) -> None:
        given(CONTENT)(*OUT).when(ReleaseContent(OTHER_RUN, 1, PUBLICATION)).then(
            msgspec.structs.replace(RELEASED, release_id=OTHER_RUN)
        )


class TestWhatThePublisherSays:
    def test_published_once(self) -> None:
        command = RecordPublished(1, "7", "https://site/7", heard=4)
        said = msgspec.structs.replace(PUBLISHED, heard=4)
        given(CONTENT)(*OUT[:-1]).when(command).then(said)
        given(CONTENT)(*OUT[:-1], said).when(command).then_nothing()
        given(CONTENT)(*OUT).when(command).then_nothing()  # noted before it was noted what was heard
        assert state_of(*OUT).status == "published"

    def test_an_edit_made_meanwhile_stays_a_draft(self) -> None:
        state = state_of(*OUT[:-1], EDITED, PUBLISHED)
        assert (state.status, state.published) == ("draft", 1)

    def test_a_failure_is_kept_once_until_the_next_release(self) -> None:
        failed = ContentPublicationFailed(text_version=1, error_code="401", message="wrong password")
        command = RecordPublishFailed(1, "401", "wrong password", heard=3)
        given(CONTENT)(*OUT[:-1]).when(command).then(msgspec.structs.replace(failed, heard=3))
        given(CONTENT)(*OUT[:-1], failed).when(command).then_nothing()
        assert state_of(*OUT[:-1], failed, RELEASED).problem is None

    def test_unpublished_content_is_in_review_again(self) -> None:
        gone = ContentUnpublished(text_version=1)
        given(CONTENT)(*OUT).when(RecordUnpublished(1, 5)).then(msgspec.structs.replace(gone, heard=5))
        given(CONTENT)(*OUT, gone).when(RecordUnpublished(1, 5)).then_nothing()
        assert state_of(*OUT, gone).status == "review"
        assert state_of(*OUT, EDITED, gone).status == "draft"

    def test_what_it_said_before_changes_nothing_when_it_is_heard_again(self) -> None:
        past = (*OUT, ContentUnpublished(text_version=1, heard=5))
        given(CONTENT)(*past).when(RecordPublished(1, "7", "https://site/7", heard=4)).then_nothing()
        given(CONTENT)(*past).when(RecordPublishFailed(1, "401", "wrong password", heard=3)).then_nothing()
        again = RecordPublished(1, "8", "https://site/8", heard=6)
        written = ContentPublished(text_version=1, external_id="8", external_url="https://site/8", heard=6)
        given(CONTENT)(*past).when(again).then(written)
        given(CONTENT)(*past, written).when(RecordUnpublished(1, 5)).then_nothing()


class TestArchive:
    def test_archived_once_and_restored_once(self) -> None:
        archived, restored = ContentArchived(content_id=ID), ContentRestored(content_id=ID)
        given(CONTENT)(WRITTEN).when(ArchiveContent()).then(archived)
        given(CONTENT)(WRITTEN, archived).when(ArchiveContent()).then_nothing()
        given(CONTENT)(WRITTEN, archived).when(RestoreContent()).then(restored)
        given(CONTENT)(WRITTEN, archived, restored).when(RestoreContent()).then_nothing()

    def test_archived_content_cannot_be_worked_on(self) -> None:
        past = (*IN_REVIEW, ContentArchived(content_id=ID))
        for command in (EditContent(NEWER), SubmitContent(), ApproveContent(), RejectContent("")):
            given(CONTENT)(*past).when(command).then_refused(ContentNotFound)
