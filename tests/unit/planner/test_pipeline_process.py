"""The pipeline's decisions: whole runs told as facts, without I/O."""

import random
from dataclasses import dataclass
from uuid import UUID

import pytest
from common.ai.operations.steps import pipeline_operation_id
from common.contracts.planner import Stage
from common.eventsourcing.event import Event
from common.ids import stable_id
from common.testing import given
from planner.automation.events import (
    ArticleDropped,
    ArticleReviewed,
    Inherited,
    NoRun,
    Run,
    RunCancelled,
    RunFinished,
    RunPaused,
    RunResumed,
    RunSettings,
    RunStarted,
    StageFinished,
    StageItemCharged,
    StageItemDone,
    StageItemFailed,
    StageStarted,
    evolve,
)
from planner.automation.planning import share_out
from planner.automation.process import (
    RUN,
    CancelRun,
    ChargeOperation,
    CompleteItem,
    DropArticle,
    FailItem,
    FailOperation,
    PauseRun,
    ResumeRun,
    ReviewArticle,
    RunCommand,
    RunNotFound,
    RunStatusConflict,
    StartRun,
    StartStage,
    cap,
    operation_of,
    own_items,
    retry,
)

RUN_ID, SITE, SECTOR = (UUID(int=n) for n in (1, 2, 3))


def ids(kind: str, count: int) -> tuple[UUID, ...]:
    return tuple(stable_id(kind, n) for n in range(count))


IDEAS, TASKS, ARTICLES = ids("idea", 2), ids("task", 2), ids("article", 2)
IMAGES = {article: tuple(stable_id(article, n) for n in range(2)) for article in ARTICLES}
A, B = ARTICLES
IMAGES_A, IMAGES_B = IMAGES[A], IMAGES[B]


def run_started(**settings: object) -> RunStarted:
    return RunStarted(site_id=SITE, sector_id=SECTOR, settings=RunSettings(**settings))  # type: ignore[arg-type]


def stage_started(stage: Stage, *items: UUID, auto_approve: bool = False) -> StageStarted:
    return StageStarted(
        stage=stage, site_id=SITE, sector_id=SECTOR, items=items, auto_approve=auto_approve, user_id=None
    )


def charge(stage: Stage, item: UUID, amount: int = 1_000) -> ChargeOperation:
    return ChargeOperation(RUN_ID, operation_of(RUN_ID, stage, item), amount)


def fail_operation(stage: Stage, item: UUID) -> FailOperation:
    return FailOperation(RUN_ID, operation_of(RUN_ID, stage, item), "X", "x")


def empty(*stages: Stage) -> tuple[Event, ...]:
    return tuple(
        fact for n in stages for fact in (stage_started(n), StageFinished(n, items=0, failed=0, credits=0))
    )


def finished(stage: Stage, results: dict[UUID, tuple[UUID, ...]], *, paid: bool = True) -> tuple[Event, ...]:
    """A stage all of whose items were done."""
    facts: list[Event] = [stage_started(stage, *results)]
    for item, made in results.items():
        facts.append(StageItemDone(stage, item, made))
        if paid:
            facts.append(StageItemCharged(stage, item, 1_000))
    credits = 1_000 * len(results) if paid else 0
    return (*facts, StageFinished(stage, items=len(results), failed=0, credits=credits))


BEGUN = (run_started(), *empty(1, 2))
TASKED = (*BEGUN, *finished(3, {i: (t,) for i, t in zip(IDEAS, TASKS, strict=True)}, paid=False))
WRITTEN = (*TASKED, *finished(4, {t: (c,) for t, c in zip(TASKS, ARTICLES, strict=True)}))
PROMPTED = (*WRITTEN, *finished(5, IMAGES))
ILLUSTRATING = (*PROMPTED, stage_started(6, *IMAGES_A, *IMAGES_B))


@dataclass
class Story:
    """A run that is driven as the reactions drive it."""

    facts: list[Event]

    @property
    def run(self) -> Run:
        run = RUN.fold(self.facts)
        assert isinstance(run, Run)
        return run

    def tell(self, *commands: RunCommand) -> "Story":
        for command in commands:
            self.facts += RUN.decide(command, RUN.fold(self.facts))
            while (stage := self.run.next_stage) is not None and stage > 3:
                self.facts += RUN.decide(StartStage(stage, own_items(self.run, stage)), self.run)
        return self


OUTCOMES: tuple[tuple[RunCommand, ...], ...] = (
    tuple(CompleteItem(3, i, (t,)) for i, t in zip(IDEAS, TASKS, strict=True)),
    (
        *(CompleteItem(4, t, (c,)) for t, c in zip(TASKS, ARTICLES, strict=True)),
        *(charge(4, task) for task in TASKS),
    ),
    (*(CompleteItem(5, c, IMAGES[c]) for c in ARTICLES), *(charge(5, article) for article in ARTICLES)),
    (
        *(CompleteItem(6, image) for image in (*IMAGES_A, *IMAGES_B)),
        *(charge(6, image) for image in (*IMAGES_A, *IMAGES_B)),
        *(ReviewArticle(article) for article in ARTICLES),
    ),
    tuple(CompleteItem(7, article) for article in ARTICLES),
)


class TestAWholeRun:
    def test_ends_completed_with_its_credits(self) -> None:
        story = Story([*BEGUN, stage_started(3, *IDEAS)])
        for outcomes in OUTCOMES:
            story.tell(*outcomes)
        assert story.run.status == "completed"
        assert story.run.spent == 8_000
        assert [fact for fact in story.facts if isinstance(fact, StageFinished)][2:] == [
            StageFinished(3, items=2, failed=0, credits=0),
            StageFinished(4, items=2, failed=0, credits=2_000),
            StageFinished(5, items=2, failed=0, credits=2_000),
            StageFinished(6, items=4, failed=0, credits=4_000),
            StageFinished(7, items=2, failed=0, credits=0),
        ]

    @pytest.mark.parametrize("seed", range(20))
    def test_is_the_same_whatever_comes_twice_or_in_another_order(self, seed: int) -> None:
        shuffled = random.Random(seed)
        story = Story([*BEGUN, stage_started(3, *IDEAS)])
        for outcomes in OUTCOMES:
            story.tell(*shuffled.sample(outcomes * 2, 2 * len(outcomes)))
        heard = [command for outcomes in OUTCOMES for command in outcomes]
        story.tell(*shuffled.sample(heard, len(heard)))
        assert story.run.status == "completed"
        assert story.run.spent == 8_000
        assert {work.stage: len(work.done) for work in story.run.stages[2:]} == {3: 2, 4: 2, 5: 2, 6: 4, 7: 2}

    def test_goes_on_without_what_failed(self) -> None:
        story = Story([*BEGUN, stage_started(3, *IDEAS)]).tell(*OUTCOMES[0])
        story.tell(FailItem(4, TASKS[0], "X", "x"), CompleteItem(4, TASKS[1], (B,)), charge(4, TASKS[1]))
        story.tell(CompleteItem(5, B, IMAGES_B), charge(5, B))
        assert story.run.work is not None
        assert story.run.work.items == IMAGES_B
        story.tell(fail_operation(6, IMAGES_B[0]), CompleteItem(6, IMAGES_B[1]), charge(6, IMAGES_B[1]))
        story.tell(ReviewArticle(B), CompleteItem(7, B))
        assert story.run.status == "completed"

    def test_stops_when_more_than_half_fail(self) -> None:
        given(RUN)(*WRITTEN, stage_started(5, *ARTICLES), StageItemFailed(5, A, "X", "x")).when(
            fail_operation(5, B)
        ).then(
            StageItemFailed(5, B, "X", "x"),
            StageFinished(5, items=2, failed=2, credits=0),
            RunFinished("failed", "2 of 2 items failed in stage 5"),
        )


class TestStarting:
    def test_starts_once(self) -> None:
        given(RUN)().when(StartRun(run_started())).then(run_started())
        given(RUN)(run_started()).when(StartRun(run_started())).then_nothing()

    def test_nothing_else_is_possible_before(self) -> None:
        given(RUN)().when(PauseRun()).then_refused(RunNotFound)
        assert evolve(NoRun(), RunPaused()) == NoRun()

    def test_a_stage_starts_when_its_turn_has_come(self) -> None:
        given(RUN)(run_started()).when(StartStage(1, (SECTOR,))).then(stage_started(1, SECTOR))
        given(RUN)(run_started()).when(StartStage(2, ())).then_nothing()
        given(RUN)(run_started(), stage_started(1, SECTOR)).when(StartStage(1, (SECTOR,))).then_nothing()

    def test_a_stage_without_items_is_over_at_once(self) -> None:
        given(RUN)(run_started()).when(StartStage(1, ())).then(*empty(1))
        given(RUN)(run_started(), *empty(1, 2, 3, 4, 5, 6)).when(StartStage(7, ())).then(
            *empty(7), RunFinished("completed")
        )

    def test_no_paid_stage_starts_once_the_budget_is_spent(self) -> None:
        facts = (run_started(budget=2_000), *empty(1, 2, 3), *WRITTEN[len(TASKED) :])
        given(RUN)(*facts).when(StartStage(5, ARTICLES)).then(
            RunFinished("failed", "the budget was spent before stage 5")
        )
        given(RUN)(*facts).when(StartStage(5, ())).then(*empty(5))
        given(RUN)(run_started(budget=1)).when(StartStage(1, (SECTOR,))).then(stage_started(1, SECTOR))


class TestOutcomes:
    def test_a_stage_waits_for_the_price_of_what_was_made(self) -> None:
        facts = (*TASKED, stage_started(4, TASKS[0]))
        given(RUN)(*facts).when(CompleteItem(4, TASKS[0], (A,))).then(StageItemDone(4, TASKS[0], (A,)))
        given(RUN)(*facts, StageItemDone(4, TASKS[0], (A,))).when(charge(4, TASKS[0])).then(
            StageItemCharged(4, TASKS[0], 1_000), StageFinished(4, items=1, failed=0, credits=1_000)
        )

    def test_what_nobody_waits_for_is_nothing(self) -> None:
        writing = given(RUN)(*TASKED, stage_started(4, *TASKS))
        writing.when(CompleteItem(3, IDEAS[0])).then_nothing()
        writing.when(CompleteItem(4, A)).then_nothing()
        writing.when(FailItem(5, TASKS[0], "X", "x")).then_nothing()
        writing.when(fail_operation(5, A)).then_nothing()
        writing.when(charge(5, A)).then_nothing()
        given(RUN)(*TASKED).when(CompleteItem(4, TASKS[0])).then_nothing()

    def test_an_item_ends_once(self) -> None:
        failed = given(RUN)(*TASKED, stage_started(4, *TASKS), StageItemFailed(4, TASKS[0], "X", "x"))
        failed.when(FailItem(4, TASKS[0], "Y", "y")).then_nothing()
        failed.when(fail_operation(4, TASKS[0])).then_nothing()
        failed.when(CompleteItem(4, TASKS[0], (A,))).then_nothing()

    def test_a_price_is_taken_once(self) -> None:
        given(RUN)(*TASKED, stage_started(4, *TASKS), StageItemCharged(4, TASKS[0], 5)).when(
            charge(4, TASKS[0])
        ).then_nothing()

    def test_operations_are_those_of_the_other_services(self) -> None:
        assert operation_of(RUN_ID, 4, TASKS[0]) == pipeline_operation_id(RUN_ID, 4, TASKS[0])

    def test_stage_6_waits_until_its_articles_are_in_review(self) -> None:
        done = [StageItemDone(6, image) for image in (*IMAGES_A, *IMAGES_B)]
        paid = [StageItemCharged(6, image, 1) for image in (*IMAGES_A, *IMAGES_B)]
        waiting = given(RUN)(*ILLUSTRATING, *done, *paid, ArticleReviewed(A))
        waiting.when(ReviewArticle(A)).then_nothing()
        waiting.when(ReviewArticle(B)).then(
            ArticleReviewed(B), StageFinished(6, items=4, failed=0, credits=4)
        )

    def test_an_archived_article_is_waited_for_no_more(self) -> None:
        given(RUN)(*WRITTEN, stage_started(5, *ARTICLES)).when(DropArticle(A)).then(
            ArticleDropped(A), StageItemFailed(5, A, "ARCHIVED", "the article was archived")
        )
        given(RUN)(*ILLUSTRATING).when(DropArticle(A)).then(ArticleDropped(A))
        given(RUN)(*ILLUSTRATING, ArticleDropped(A)).when(DropArticle(A)).then_nothing()
        story = Story([*ILLUSTRATING]).tell(DropArticle(A), ReviewArticle(B))
        for image in (*IMAGES_A, *IMAGES_B):
            story.tell(CompleteItem(6, image), charge(6, image))
        assert story.run.work is not None
        assert (story.run.work.stage, story.run.work.items) == (7, (B,))

    def test_the_images_of_an_archived_article_are_not_made(self) -> None:
        story = Story([*WRITTEN, stage_started(5, *ARTICLES)])
        story.tell(CompleteItem(5, A, IMAGES_A), charge(5, A), DropArticle(A))
        story.tell(CompleteItem(5, B, IMAGES_B), charge(5, B))
        assert story.run.work is not None
        assert (story.run.work.stage, story.run.work.items) == (6, IMAGES_B)

    def test_images_refused_as_archived_drop_their_article(self) -> None:
        first, second = (
            FailOperation(RUN_ID, operation_of(RUN_ID, 6, image), "ARCHIVED", "x") for image in IMAGES_A
        )
        failed = StageItemFailed(6, IMAGES_A[0], "ARCHIVED", "x")
        given(RUN)(*ILLUSTRATING).when(first).then(failed, ArticleDropped(A))
        given(RUN)(*ILLUSTRATING, failed, ArticleDropped(A)).when(second).then(
            StageItemFailed(6, IMAGES_A[1], "ARCHIVED", "x")
        )


class TestSteering:
    def test_pause_and_resume(self) -> None:
        given(RUN)(run_started()).when(PauseRun()).then(RunPaused())
        given(RUN)(run_started(), RunPaused()).when(PauseRun()).then_nothing()
        given(RUN)(run_started(), RunPaused()).when(ResumeRun()).then(RunResumed())
        given(RUN)(run_started()).when(ResumeRun()).then_nothing()

    def test_cancel(self) -> None:
        given(RUN)(run_started()).when(CancelRun()).then(RunCancelled())
        given(RUN)(run_started(), RunPaused()).when(CancelRun()).then(RunCancelled())
        given(RUN)(run_started(), RunCancelled()).when(CancelRun()).then_nothing()

    @pytest.mark.parametrize("command", [PauseRun(), ResumeRun(), CancelRun()])
    def test_a_run_that_has_ended_cannot_be_steered(self, command: RunCommand) -> None:
        given(RUN)(run_started(), RunFinished("completed")).when(command).then_refused(RunStatusConflict)

    def test_outcomes_count_while_paused_but_nothing_starts(self) -> None:
        paused = (run_started(), stage_started(1, SECTOR), RunPaused(), StageItemCharged(1, SECTOR, 9))
        given(RUN)(*paused).when(CompleteItem(1, SECTOR)).then(
            StageItemDone(1, SECTOR), StageFinished(1, items=1, failed=0, credits=9)
        )
        over = (*paused, StageItemDone(1, SECTOR), StageFinished(1, items=1, failed=0, credits=9))
        given(RUN)(*over).when(StartStage(2, ())).then_nothing()
        given(RUN)(*over, RunResumed()).when(StartStage(2, ())).then(*empty(2))

    def test_a_cancelled_run_notes_late_outcomes_and_ends_nothing(self) -> None:
        given(RUN)(run_started(), stage_started(1, SECTOR), RunCancelled()).when(
            FailItem(1, SECTOR, "CANCELLED", "x")
        ).then(StageItemFailed(1, SECTOR, "CANCELLED", "x"))


class TestItems:
    def test_articles_and_caps_limit_a_stage(self) -> None:
        run = Story([run_started(articles=3, caps={3: 9, 4: 1})]).run
        assert [cap(run, stage) for stage in (3, 4, 5)] == [3, 1, 5_000]

    def test_images_per_article_takes_the_first_ones(self) -> None:
        story = Story([run_started(images_per_article=1), *PROMPTED[1:]])
        assert own_items(story.run, 6) == (IMAGES_A[0], IMAGES_B[0])

    @pytest.mark.parametrize(
        ("needed", "per_cluster", "expected"),
        [
            (None, None, [3, 3, 3, 3]),
            (None, 50, [20, 20, 20, 20]),
            (10, None, [3, 3, 2, 2]),
            (4, 2, [2, 2]),
            (100, 2, [2, 2, 2, 2]),
            (100, None, [20, 20, 20, 20]),
            (1, None, [1]),
            (0, None, []),
        ],
    )
    def test_ideas_are_shared_out(
        self, needed: int | None, per_cluster: int | None, expected: list[int]
    ) -> None:
        clusters = ids("cluster", 4)
        shared = share_out(clusters, needed=needed, per_cluster=per_cluster)
        assert shared == dict(zip(clusters, expected, strict=False))


class TestRetry:
    def test_is_for_runs_that_have_ended_and_owe_something(self) -> None:
        with pytest.raises(RunStatusConflict, match="running"):
            retry(RUN_ID, Story([run_started()]).run, None, None)
        done = Story([run_started(), *empty(1, 2, 3, 4, 5, 6, 7), RunFinished("completed")]).run
        with pytest.raises(RunStatusConflict, match="Nothing failed in this run"):
            retry(RUN_ID, done, None, None)
        with pytest.raises(RunStatusConflict, match="Nothing failed in stage 5"):
            retry(RUN_ID, done, 5, None)
        early = Story([run_started(), RunCancelled()]).run
        with pytest.raises(RunStatusConflict, match="never came to stage 4"):
            retry(RUN_ID, early, 4, None)
        assert retry(RUN_ID, early, None, None).first_stage == 1

    def test_of_the_first_stages_looks_at_the_sector_anew(self) -> None:
        run = Story([run_started(), stage_started(1, SECTOR), RunCancelled()]).run
        started = retry(RUN_ID, run, None, None)
        assert (started.first_stage, started.inherited, started.retry_of) == (1, None, RUN_ID)

    def test_goes_on_where_the_budget_ended(self) -> None:
        run = Story([*WRITTEN, RunFinished("failed", "the budget was spent")]).run
        started = retry(RUN_ID, run, None, None)
        assert started.first_stage == 5
        assert started.inherited == Inherited(items=ARTICLES)

    def test_takes_along_what_a_stopped_stage_had_done(self) -> None:
        facts = (*TASKED, stage_started(4, *TASKS), StageItemDone(4, TASKS[1], (B,)), RunCancelled())
        started = retry(RUN_ID, Story([*facts]).run, 4, None)
        assert started.inherited == Inherited(items=(TASKS[0],), results={TASKS[1]: (B,)})
        story = Story([started]).tell(StartStage(4, (TASKS[0],)), CompleteItem(4, TASKS[0], (A,)))
        story.tell(charge(4, TASKS[0]))
        assert story.run.work is not None
        assert (story.run.work.stage, story.run.work.items) == (5, (B, A))

    def test_leaves_alone_what_the_run_went_on_with(self) -> None:
        failed = (stage_started(4, *TASKS), StageItemFailed(4, TASKS[0], "X", "x"))
        done = (StageItemDone(4, TASKS[1], (B,)), StageItemCharged(4, TASKS[1], 1))
        over = (StageFinished(4, items=2, failed=1, credits=1), *empty(5, 6, 7), RunFinished("completed"))
        started = retry(RUN_ID, Story([*TASKED, *failed, *done, *over]).run, None, None)
        assert (started.first_stage, started.inherited) == (4, Inherited(items=(TASKS[0],)))

    def test_of_images_knows_their_articles(self) -> None:
        facts = (*ILLUSTRATING, StageItemDone(6, IMAGES_A[0]), ArticleReviewed(B), RunCancelled())
        started = retry(RUN_ID, Story([*facts]).run, None, None)
        story = Story([started])
        assert own_items(story.run, 6) == (IMAGES_A[1], *IMAGES_B)
        story.tell(StartStage(6, own_items(story.run, 6)), ReviewArticle(A))
        for image in (IMAGES_A[1], *IMAGES_B):
            story.tell(CompleteItem(6, image), charge(6, image))
        assert story.run.work is not None
        assert (story.run.work.stage, story.run.work.items) == (7, (A, B))

    def test_of_images_leaves_out_those_of_an_archived_article(self) -> None:
        facts = (*ILLUSTRATING, StageItemDone(6, IMAGES_B[0]), ArticleDropped(A), RunCancelled())
        started = retry(RUN_ID, Story([*facts]).run, None, None)
        assert started.inherited is not None
        assert (started.inherited.items, started.inherited.dropped) == ((IMAGES_B[1],), (A,))
        story = Story([started])
        story.tell(StartStage(6, own_items(story.run, 6)), ReviewArticle(B))
        story.tell(CompleteItem(6, IMAGES_B[1]), charge(6, IMAGES_B[1]))
        assert story.run.work is not None
        assert (story.run.work.stage, story.run.work.items) == (7, (B,))
        given(RUN)(started).when(DropArticle(A)).then_nothing()
