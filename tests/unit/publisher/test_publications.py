"""Publications: every request answered, every step once, the newest version counts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
from common.testing import given
from publisher.publications.decisions import (
    PUBLICATION,
    ChooseTarget,
    EndSending,
    FailPublication,
    PublicationNotFound,
    PublicationStatusConflict,
    RecordGone,
    RecordMedium,
    RecordPost,
    RecordTerm,
    RecordUnpublished,
    RefuseSending,
    RequestPublication,
    RetryPublication,
    StartMedium,
    StartPost,
)
from publisher.publications.events import (
    PostGone,
    PostUnpublished,
    Publication,
    PublicationConfirmed,
    PublicationRetried,
    SendingEnded,
    SendingRefused,
    TargetChosen,
    medium_key,
)

from tests.unit.publisher.publication_facts import (
    CHOSEN,
    CONTENT,
    ENSURED,
    FAILED,
    FIRST,
    IMAGE,
    MEDIUM,
    MEDIUM_ENDED,
    MEDIUM_STARTED,
    MEDIUM_UPLOADED,
    NEWER,
    NOON,
    ORDER,
    OTHER_RUN,
    POST,
    POST_ENDED,
    POST_STARTED,
    REQUESTED,
    REQUESTED_NEWER,
    SECOND,
    SITE,
    TERM,
    post_published,
)

OUT = (REQUESTED, CHOSEN, POST_STARTED, post_published())
FOLDER, BLOG = "folder:", "wordpress:https://blog.example"
RECORD_POST = RecordPost(1, "p1", "https://site/p1")


def state_of(*events: Any) -> Publication:
    state = given(PUBLICATION)(*events).state
    assert isinstance(state, Publication)
    return state


class TestRequests:
    def test_the_first_is_taken_once(self) -> None:
        given(PUBLICATION)().when(RequestPublication(FIRST, ORDER, FOLDER)).then(REQUESTED)
        given(PUBLICATION)(REQUESTED).when(RequestPublication(FIRST, ORDER, FOLDER)).then_nothing()

    def test_a_newer_version_takes_its_place(self) -> None:
        given(PUBLICATION)(*OUT).when(RequestPublication(SECOND, NEWER, FOLDER)).then(REQUESTED_NEWER)
        assert state_of(*OUT, REQUESTED_NEWER).status == "requested"

    def test_an_older_version_does_not(self) -> None:
        given(PUBLICATION)(REQUESTED_NEWER).when(RequestPublication(FIRST, ORDER, FOLDER)).then_nothing()

    def test_what_is_out_is_confirmed_once_to_each_request(self) -> None:
        again = msgspec.structs.replace(ORDER, run_id=OTHER_RUN)
        confirmed = PublicationConfirmed(
            request_id=SECOND,
            content_id=CONTENT,
            version=1,
            site_id=SITE,
            external_id="p1",
            external_url="https://site/p1",
            run_id=OTHER_RUN,
        )
        given(PUBLICATION)(*OUT).when(RequestPublication(SECOND, again, FOLDER)).then(confirmed)
        given(PUBLICATION)(*OUT, confirmed).when(RequestPublication(SECOND, again, FOLDER)).then_nothing()

    def test_what_is_out_elsewhere_is_published_here(self) -> None:
        requested = msgspec.structs.replace(REQUESTED, request_id=SECOND)
        given(PUBLICATION)(*OUT).when(RequestPublication(SECOND, ORDER, BLOG)).then(requested)
        there = (*OUT, requested, TargetChosen(target=f"{BLOG}2"), POST_STARTED, post_published())
        third = msgspec.structs.replace(REQUESTED, request_id=OTHER_RUN)
        for target in (BLOG, FOLDER):
            given(PUBLICATION)(*there).when(RequestPublication(OTHER_RUN, ORDER, target)).then(third)

    def test_what_was_taken_back_is_published_again(self) -> None:
        gone = PostUnpublished(content_id=CONTENT, version=1, site_id=SITE)
        requested = msgspec.structs.replace(REQUESTED, request_id=SECOND)
        given(PUBLICATION)(*OUT, gone).when(RequestPublication(SECOND, ORDER, FOLDER)).then(requested)
        given(PUBLICATION)(*OUT, gone, requested).when(RECORD_POST).then(post_published())

    def test_nothing_is_done_without_a_request(self) -> None:
        for command in (
            RetryPublication(),
            ChooseTarget("x"),
            StartPost(),
            RECORD_POST,
            RecordUnpublished(1),
        ):
            given(PUBLICATION)().when(command).then_refused(PublicationNotFound)
        assert given(PUBLICATION)(CHOSEN).state == PUBLICATION.initial


class TestSteps:
    def test_the_target_is_chosen_once(self) -> None:
        given(PUBLICATION)(REQUESTED).when(ChooseTarget("folder:/site")).then(CHOSEN)
        given(PUBLICATION)(REQUESTED, CHOSEN).when(ChooseTarget("folder:/site")).then_nothing()

    def test_another_target_is_asked_for_what_was_placed_or_is_on_its_way(self) -> None:
        past = (REQUESTED, CHOSEN, ENSURED, MEDIUM_STARTED, MEDIUM_UPLOADED, POST_STARTED)
        for moved in (TargetChosen(target=BLOG),), (TargetChosen(target=BLOG), CHOSEN):
            state = state_of(*past, *moved)
            assert (dict(state.terms), dict(state.media), state.post) == ({}, {}, None)
            assert dict(state.started) == {POST: None}
            assert state.look_first
        assert not state_of(*past).look_first

    def test_what_was_deleted_at_its_site_is_looked_for_and_made_anew(self) -> None:
        gone = PostGone(external_id="p1")
        past = (REQUESTED, CHOSEN, ENSURED, MEDIUM_UPLOADED, POST_STARTED, post_published(), REQUESTED_NEWER)
        given(PUBLICATION)(*past).when(RecordGone("p1")).then(gone)
        given(PUBLICATION)(*past).when(RecordGone("p0")).then_nothing()
        given(PUBLICATION)(*past, gone).when(RecordGone("p1")).then_nothing()
        given(PUBLICATION)(*past, gone).when(StartPost()).then(POST_STARTED)
        state = state_of(*past, gone)
        assert (state.terms, state.media, state.look_first) == ({}, {}, True)

    def test_a_term_is_recorded_once(self) -> None:
        given(PUBLICATION)(REQUESTED).when(RecordTerm(TERM, "t1")).then(ENSURED)
        given(PUBLICATION)(REQUESTED, ENSURED).when(RecordTerm(TERM, "t1")).then_nothing()

    def test_only_one_may_send_a_medium(self) -> None:
        given(PUBLICATION)(REQUESTED).when(StartMedium(MEDIUM)).then(MEDIUM_STARTED)
        given(PUBLICATION)(REQUESTED, MEDIUM_STARTED).when(StartMedium(MEDIUM)).then_nothing()
        given(PUBLICATION)(REQUESTED, MEDIUM_STARTED, MEDIUM_UPLOADED).when(
            StartMedium(MEDIUM)
        ).then_nothing()

    def test_a_medium_is_recorded_once(self) -> None:
        command = RecordMedium(MEDIUM, "m1", "https://site/m1.png")
        given(PUBLICATION)(REQUESTED, MEDIUM_STARTED).when(command).then(MEDIUM_UPLOADED)
        given(PUBLICATION)(REQUESTED, MEDIUM_STARTED, MEDIUM_UPLOADED).when(command).then_nothing()

    def test_an_image_made_anew_is_another_medium(self) -> None:
        other = msgspec.structs.replace(IMAGE.object, sha256="c" * 64)
        assert medium_key(msgspec.structs.replace(IMAGE, object=other)) != MEDIUM

    def test_only_one_may_send_the_post(self) -> None:
        given(PUBLICATION)(REQUESTED).when(StartPost()).then(POST_STARTED)
        given(PUBLICATION)(REQUESTED, POST_STARTED).when(StartPost()).then_nothing()
        given(PUBLICATION)(*OUT, REQUESTED_NEWER).when(StartPost()).then_nothing()

    def test_what_was_refused_may_be_sent_again(self) -> None:
        refused = SendingRefused(key=POST)
        given(PUBLICATION)(REQUESTED, POST_STARTED).when(RefuseSending(POST)).then(refused)
        given(PUBLICATION)(REQUESTED, POST_STARTED, refused).when(RefuseSending(POST)).then_nothing()
        given(PUBLICATION)(REQUESTED, POST_STARTED, refused).when(StartPost()).then(POST_STARTED)

    def test_sending_ends_once_and_at_its_latest(self) -> None:
        given(PUBLICATION)(REQUESTED).when(EndSending(POST, NOON)).then_nothing()
        past = (REQUESTED, POST_STARTED)
        given(PUBLICATION)(*past).when(EndSending(POST, NOON)).then(POST_ENDED)
        for at in (NOON, NOON - timedelta(seconds=1)):
            given(PUBLICATION)(*past, POST_ENDED).when(EndSending(POST, at)).then_nothing()
        later = SendingEnded(key=POST, at=NOON + timedelta(seconds=1))
        given(PUBLICATION)(*past, POST_ENDED).when(EndSending(POST, later.at)).then(later)

    def test_what_ended_and_left_no_trace_is_sent_again_by_one(self) -> None:
        for started, ended, again, unheard in (
            (POST_STARTED, POST_ENDED, StartPost(NOON), StartPost(NOON - timedelta(seconds=1))),
            (MEDIUM_STARTED, MEDIUM_ENDED, StartMedium(MEDIUM, NOON), StartMedium(MEDIUM)),
        ):
            past = (REQUESTED, started)
            given(PUBLICATION)(*past).when(again).then_nothing()
            given(PUBLICATION)(*past, ended).when(again).then(started)
            given(PUBLICATION)(*past, ended).when(unheard).then_nothing()
            given(PUBLICATION)(*past, ended, started).when(again).then_nothing()

    def test_what_is_there_is_not_sent_again(self) -> None:
        post = (REQUESTED, POST_STARTED, POST_ENDED, post_published(), REQUESTED_NEWER)
        given(PUBLICATION)(*post).when(StartPost(NOON)).then_nothing()
        medium = (REQUESTED, MEDIUM_STARTED, MEDIUM_ENDED, MEDIUM_UPLOADED)
        given(PUBLICATION)(*medium).when(StartMedium(MEDIUM, NOON)).then_nothing()


class TestOutcome:
    def test_the_post_is_recorded_once_and_answers_its_run(self) -> None:
        given(PUBLICATION)(REQUESTED, POST_STARTED).when(RECORD_POST).then(post_published())
        given(PUBLICATION)(*OUT).when(RECORD_POST).then_nothing()

    def test_an_overtaken_version_leaves_the_newer_one_to_do(self) -> None:
        past = (REQUESTED, POST_STARTED, REQUESTED_NEWER)
        overtaken = post_published(run_id=OTHER_RUN)
        given(PUBLICATION)(*past).when(RECORD_POST).then(overtaken)
        given(PUBLICATION)(*past, overtaken).when(RECORD_POST).then_nothing()
        state = state_of(*past, overtaken)
        assert (state.status, state.post is not None) == ("requested", True)

    def test_the_newer_version_is_out_then(self) -> None:
        done = post_published(2, OTHER_RUN)
        given(PUBLICATION)(*OUT, REQUESTED_NEWER).when(RecordPost(2, "p1", "https://site/p1")).then(done)
        assert state_of(*OUT, REQUESTED_NEWER, done).status == "published"

    def test_a_failure_is_said_once_with_its_run(self) -> None:
        command = FailPublication("wrong_password", "401", "Enter it again.", 1)
        given(PUBLICATION)(REQUESTED).when(command).then(FAILED)
        given(PUBLICATION)(REQUESTED, FAILED).when(command).then_nothing()
        given(PUBLICATION)(*OUT).when(command).then_nothing()

    def test_only_the_version_that_was_tried_fails(self) -> None:
        tried = FailPublication("wrong_password", "401", "Enter it again.", 2)
        given(PUBLICATION)(REQUESTED).when(tried).then_nothing()
        given(PUBLICATION)(REQUESTED).when(replace(tried, version=None)).then(FAILED)

    def test_a_failed_one_is_tried_again_once(self) -> None:
        given(PUBLICATION)(REQUESTED, FAILED).when(RetryPublication()).then(PublicationRetried())
        given(PUBLICATION)(REQUESTED, FAILED, PublicationRetried()).when(RetryPublication()).then_nothing()
        given(PUBLICATION)(*OUT).when(RetryPublication()).then_refused(PublicationStatusConflict)

    def test_it_is_taken_back_once(self) -> None:
        gone = PostUnpublished(content_id=CONTENT, version=1, site_id=SITE)
        given(PUBLICATION)(*OUT).when(RecordUnpublished(1)).then(gone)
        given(PUBLICATION)(*OUT, gone).when(RecordUnpublished(1)).then_nothing()
        given(PUBLICATION)(REQUESTED, FAILED).when(RecordUnpublished(1)).then_refused(
            PublicationStatusConflict
        )

    def test_what_is_out_is_taken_back_also_when_its_successor_failed(self) -> None:
        gone = PostUnpublished(content_id=CONTENT, version=1, site_id=SITE)
        past = (*OUT, REQUESTED_NEWER, FAILED)
        given(PUBLICATION)(*past).when(RecordUnpublished(1)).then(gone)

    def test_nothing_is_taken_back_while_it_is_on_its_way(self) -> None:
        for past in ((REQUESTED,), (*OUT, REQUESTED_NEWER)):
            given(PUBLICATION)(*past).when(RecordUnpublished(1)).then_refused(PublicationStatusConflict)

    def test_a_newer_version_that_went_out_meanwhile_stays(self) -> None:
        past = (*OUT, REQUESTED_NEWER, post_published(2, OTHER_RUN))
        given(PUBLICATION)(*past).when(RecordUnpublished(1)).then_refused(PublicationStatusConflict)
