"""What the views over all services make of an event and of a text."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from common.contracts import Contract, billing, operations, planner, publisher, writer
from common.contracts.operations import Charge, OperationItem, Usage
from common.ids import new_id, stable_id
from common.messaging.envelope import Heard
from common.testing import given
from gateway.activity.reactions import notes
from gateway.notifications.reactions import notices
from gateway.overview.decisions import OVERVIEW, See
from gateway.overview.events import EntriesSeen, Entry
from gateway.overview.sights import FAILED, NOTED, RUNNING, SEEN, SUCCEEDED, sight_of
from gateway.overview.words import LONGEST_WORD, MOST_WORDS, marked, neighbours, words_of

from tests.support import events
from tests.support.golden import example
from tests.support.misspellings import HOW_MANY, MISTAKES, labelled, misspellings

SITE, SECTOR, A, B, RUN = (new_id() for _ in range(5))
PLACE: dict[str, Any] = {"site_id": SITE, "sector_id": SECTOR}
NOW = datetime(2026, 11, 21, tzinfo=UTC)
USAGE = Usage(provider="local", model="local")
CHARGE = Charge(kind="ideas", units=1)


def heard(data: Contract, version: int = 7) -> Heard[Any]:
    return events.heard(A, data, version, time=NOW)


def said(data: Contract) -> tuple[Entry, ...]:
    return sight_of(heard(data)).entries


class TestAnEvent:
    sight = EntriesSeen(source="planner", name="KeywordsChanged", said_at=NOW, entries=())

    def test_is_seen_once(self) -> None:
        given(OVERVIEW)().when(See(self.sight)).then(self.sight)
        given(OVERVIEW)(self.sight).when(See(self.sight)).then_nothing()

    def test_is_seen_again_where_more_of_it_is_understood(self) -> None:
        more = msgspec.structs.replace(self.sight, entries=(Entry(kind="keyword", id=A),))
        given(OVERVIEW)(self.sight).when(See(more)).then(more)
        given(OVERVIEW)(self.sight, more).when(See(more)).then_nothing()

    @pytest.mark.parametrize("contract", SEEN, ids=lambda contract: contract.__name__)
    def test_of_every_kind_is_about_something_or_noted(self, contract: type[Contract]) -> None:
        made: Any = contract
        sight = sight_of(heard(cast("Contract", example(made))))
        assert bool(sight.entries) is (contract not in NOTED)
        assert (sight.source, sight.name, sight.said_at) == ("planner", contract.__name__, NOW)
        assert msgspec.json.decode(msgspec.json.encode(sight), type=EntriesSeen) == sight

    def test_counts_for_all_that_say_as_of_which_position_they_speak(self) -> None:
        assert notes.contracts | notices.contracts <= set(SEEN)


class TestWhatThePlannerSays:
    def test_a_keyword(self) -> None:
        item = planner.KeywordItem(keyword_id=A, keyword="crane", status="mapped", cluster_id=B)
        (entry,) = said(planner.KeywordsChanged(keywords=(item,), **PLACE))
        named: dict[str, Any] = {"text": "crane", "status": "mapped", "parent_id": B, "archived": False}
        assert entry == Entry(kind="keyword", id=A, guard=7, **named, **PLACE)

    def test_what_is_archived_keeps_its_text(self) -> None:
        for contract, kind in (
            (planner.KeywordsArchived(keyword_ids=(A,), **PLACE), "keyword"),
            (planner.ClustersArchived(cluster_ids=(A,), **PLACE), "cluster"),
            (planner.IdeasArchived(idea_ids=(A,), **PLACE), "idea"),
        ):
            (entry,) = said(contract)
            assert (entry.kind, entry.id, entry.archived, entry.text) == (kind, A, True, None)

    def test_a_queued_idea(self) -> None:
        idea = planner.IdeaItem(
            idea_id=A,
            cluster_id=B,
            title="How",
            description="",
            content_type="post",
            content_structure="guide",
            target_keywords=(),
            word_count=900,
        )
        (entry,) = said(planner.IdeasQueued(ideas=(idea,), **PLACE))
        assert (entry.text, entry.status, entry.archived) == ("How", "queued", None)

    def test_how_a_run_goes(self) -> None:
        statuses = [
            said(contract)[0].status
            for contract in (
                planner.PipelineRunStarted(run_id=RUN, auto_approve=False, **PLACE),
                planner.PipelineRunPaused(run_id=RUN),
                planner.PipelineRunResumed(run_id=RUN),
                planner.PipelineRunCancelled(run_id=RUN),
                planner.PipelineRunFinished(run_id=RUN, outcome="failed"),
            )
        ]
        assert statuses == ["running", "paused", "running", "cancelled", "failed"]

    def test_a_stage_of_a_run(self) -> None:
        started = said(planner.PipelineStageStarted(run_id=RUN, stage=4, items=(A, B), **PLACE))[1]
        finished = said(planner.PipelineStageFinished(run_id=RUN, stage=4, items=2, failed=1, credits=5))[1]
        assert started.id == finished.id == stable_id(RUN, 4)
        assert (started.status, started.amount, started.failed) == ("running", 2, 0)
        assert (finished.status, finished.amount, finished.failed) == ("finished", 2, 1)
        assert started.parent_id == finished.parent_id == RUN


class TestWhatTheWriterSays:
    @pytest.mark.parametrize(
        ("contract", "status"),
        [
            (writer.ContentSubmittedForReview(content_id=A, version=3, title="T"), "review"),
            (writer.ContentApproved(content_id=A, version=3, title="T"), "review"),
            (writer.ContentRejected(content_id=A, version=3, title="T", reason=""), "draft"),
        ],
    )
    def test_where_an_article_stands(self, contract: Contract, status: str) -> None:
        (entry,) = said(contract)
        assert (entry.status, entry.text, entry.text_version) == (status, "T", 3)

    def test_an_article_that_is_written(self) -> None:
        written = cast("Contract", example(cast("Any", writer.ContentGenerated)))
        for version in (None, 4):
            entry, _ = said(msgspec.structs.replace(written, version=version))
            assert (entry.status, entry.text_version, entry.archived) == ("draft", version, False)

    def test_an_archived_article_comes_back(self) -> None:
        assert said(writer.ContentArchived(content_id=A))[0].archived is True
        assert said(writer.ContentRestored(content_id=A))[0].archived is False

    @pytest.mark.parametrize(
        ("contract", "status"),
        [
            (writer.TaskStarted(task_id=A, operation_id=B), "in_progress"),
            (writer.TaskCompleted(task_id=A, content_id=B), "completed"),
            (writer.TaskFailed(task_id=A, operation_id=B, error_code="X", message=""), "failed"),
        ],
    )
    def test_how_far_a_task_is(self, contract: Contract, status: str) -> None:
        assert said(contract) == (Entry(kind="task", id=A, guard=7, status=status),)

    def test_a_made_image(self) -> None:
        prompts = writer.ImagePromptsGenerated(
            operation_id=B,
            item_id=A,
            content_id=A,
            images=(writer.ImageItem(image_id=A, image_type="featured", alt_text="", position=0),),
            usage=USAGE,
            charge=CHARGE,
            **PLACE,
        )
        assert [(entry.kind, entry.status) for entry in said(prompts)] == [
            ("image", "pending"),
            ("ai_item", "succeeded"),
        ]

    def test_a_picture(self) -> None:
        item = writer.ImageItem(image_id=A, image_type="featured", alt_text="", position=0)
        (added,) = said(writer.ImageAdded(content_id=B, image=item, **PLACE))
        assert added == Entry(kind="image", id=A, guard=7, status="pending", **PLACE)
        (changed,) = said(writer.ImageChanged(content_id=B, image=item, status="generated"))
        assert (changed.status, changed.failed) == ("generated", 0)
        (failed,) = said(
            writer.ImageFailed(content_id=B, image_id=A, operation_id=RUN, error_code="X", message="")
        )
        assert (failed.status, failed.failed) == (None, 1), "what was made before stays"
        (archived,) = said(writer.ImagesArchived(content_id=B, image_ids=(A,)))
        (restored,) = said(writer.ImagesRestored(content_id=B, image_ids=(A,)))
        assert (archived.archived, restored.archived) == (True, False)


class TestWhatThePublisherSays:
    def test_a_publication_is_compared_by_itself(self) -> None:
        published = publisher.ContentPublished(
            content_id=A, version=2, site_id=SITE, external_id="1", external_url="u"
        )
        content, publication = said(published)
        assert (content.guard, content.live_version, content.live_guard) == (0, 2, 7)
        assert (publication.kind, publication.status) == ("publication", "published")

    def test_what_is_taken_down_is_not_live(self) -> None:
        content, publication = said(publisher.ContentUnpublished(content_id=A, version=2, site_id=SITE))
        assert (content.live_version, publication.status) == (0, "unpublished")


class TestAPaidOperation:
    def test_its_items_run_until_their_outcome(self) -> None:
        items = tuple(OperationItem(item_id=id, charge=CHARGE) for id in (A, B))
        requested = said(
            operations.AIOperationRequested(
                operation_id=RUN, function="generate_ideas", items=items, maximum=1, **PLACE
            )
        )
        outcome = said(
            planner.IdeasGenerated(operation_id=RUN, item_id=B, ideas=(), usage=USAGE, charge=CHARGE, **PLACE)
        )
        failed = said(
            operations.AIOperationFailed(
                operation_id=RUN, function="generate_ideas", item_id=B, error_code="X", message=""
            )
        )
        assert [entry.kind for entry in requested] == ["operation", "ai_item", "ai_item"]
        assert requested[2].id == outcome[0].id == failed[1].id
        assert RUNNING == requested[2].guard < failed[1].guard == FAILED < outcome[0].guard == SUCCEEDED

    def test_a_part_of_a_long_list_is_no_outcome(self) -> None:
        part = planner.KeywordsClustered(
            operation_id=RUN, item_id=A, clusters=(), unclustered=0, usage=USAGE, charge=None, **PLACE
        )
        assert said(part) == ()

    def test_what_an_item_cost(self) -> None:
        deducted = billing.CreditsDeducted(
            operation_id=RUN, item_id=A, function="generate_ideas", amount=2_000, balance=0, available=0
        )
        assert (said(deducted)[1].amount, said(deducted)[1].status) == (2_000, None)

    @pytest.mark.parametrize(
        ("contract", "ended"),
        [
            (
                operations.AIOperationFailed(
                    operation_id=RUN, function="auto_cluster", item_id=None, error_code="X", message=""
                ),
                "failed",
            ),
            (
                operations.AIOperationFailed(
                    operation_id=RUN,
                    function="auto_cluster",
                    item_id=None,
                    error_code="INSUFFICIENT_CREDITS",
                    message="",
                ),
                "refused",
            ),
            (
                operations.AIOperationFailed(
                    operation_id=RUN,
                    function="auto_cluster",
                    item_id=None,
                    error_code="PLAN_LIMIT_REACHED",
                    message="",
                ),
                "refused",
            ),
            (
                operations.AIOperationCancelled(operation_id=RUN, function="auto_cluster", reason=""),
                "cancelled",
            ),
            (billing.CreditsRefused(operation_id=RUN, needed=2, available=1), "refused"),
        ],
    )
    def test_ends_with_what_is_still_open(self, contract: Contract, ended: str) -> None:
        (operation,) = said(contract)
        assert (operation.kind, operation.id, operation.guard) == ("operation", RUN, FAILED)
        assert operation.status == ended


class TestWords:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("Crane-Financing: 100%, crane", ["crane", "financing", "100"]),
            ("Café CAFÉ cafe\u0301", ["cafe"]),
            ("ＡＩ　Straße", ["ai", "strasse"]),
            ("设备 loan融资", ["设", "备", "loan", "融", "资"]),
            ("кран аренда", ["кран", "аренда"]),
            ("… — '|&!:* \x00", []),
        ],
    )
    def test_are_alike_in_every_spelling_of_a_script(self, text: str, words: list[str]) -> None:
        assert words_of(text) == words

    def test_have_bounds(self) -> None:
        assert words_of("x" * 1_000) == ["x" * LONGEST_WORD]
        assert len(words_of(" ".join(str(n) for n in range(1_000)))) == MOST_WORDS

    def test_one_mistake_apart_share_a_key(self) -> None:
        for typed in ("laon", "lon", "loaan", "losn", "lloan"):
            assert set(neighbours(typed)) & set(neighbours("loan")), typed
        assert not set(neighbours("crane")) & set(neighbours("loan"))
        assert neighbours("seo") == ["seo"]

    def test_are_marked_in_a_text_that_is_escaped(self) -> None:
        text = marked("<b>Crane</b> & CRÄNE hire", lambda word: word == "crane")
        assert text == "&lt;b&gt;<mark>Crane</mark>&lt;/b&gt; &amp; <mark>CRÄNE</mark> hire"


class TestTheMisspellings:
    def test_are_what_the_samples_and_the_seed_give(self) -> None:
        assert labelled() == misspellings()

    def test_have_as_many_of_each_mistake(self) -> None:
        made = [mistake for _, _, mistake in labelled()]
        assert {mistake: made.count(mistake) for mistake in MISTAKES} == dict.fromkeys(
            MISTAKES, HOW_MANY // len(MISTAKES)
        )
