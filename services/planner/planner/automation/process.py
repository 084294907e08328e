"""The pipeline as a process manager: what was heard comes in as commands, what the run does next comes out as facts.

No I/O, no clock. Outcomes may come twice, in any order within a stage, and for items nobody waits for any more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.contracts.operations import Millicredits
from common.contracts.planner import Stage
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes
from common.ids import stable_id

from planner.automation.events import (
    ArticleDropped,
    ArticleReviewed,
    Inherited,
    NoRun,
    Run,
    RunCancelled,
    RunEvent,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    RunState,
    StageFinished,
    StageItemCharged,
    StageItemDone,
    StageItemFailed,
    StageStarted,
    StageWork,
    evolve,
)

PAID: frozenset[Stage] = frozenset({1, 2, 4, 5, 6})
LAST_STAGE: Stage = 7
MOST_ITEMS = 5_000
"""A stage's: their ids are said in one message of at most 256 kB."""
ARCHIVED = "ARCHIVED"
"""Why an item failed whose article is archived; the writer says so too of images that it is asked for."""


class RunNotFound(DomainError):
    """There is no such run."""

    code = "NOT_FOUND"
    status = 404


class RunStatusConflict(DomainError):
    """The run's status does not allow that."""

    code = "INVALID_TRANSITION"


@dataclass(frozen=True)
class StartRun:
    started: RunStarted


@dataclass(frozen=True)
class StartStage:
    """With the items that the sector has for it (stages 1 to 3) or that the run itself made (`own_items`)."""

    stage: Stage
    items: tuple[UUID, ...]


@dataclass(frozen=True)
class CompleteItem:
    stage: Stage
    item_id: UUID
    results: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class FailItem:
    stage: Stage
    item_id: UUID
    error_code: str
    message: str


@dataclass(frozen=True)
class FailOperation:
    """A paid operation ended without a result."""

    run_id: UUID
    operation_id: UUID
    error_code: str
    message: str


@dataclass(frozen=True)
class ChargeOperation:
    """What an operation's item cost."""

    run_id: UUID
    operation_id: UUID
    amount: Millicredits


@dataclass(frozen=True)
class ReviewArticle:
    content_id: UUID


@dataclass(frozen=True)
class DropArticle:
    content_id: UUID


@dataclass(frozen=True)
class PauseRun:
    """Start no further stage."""


@dataclass(frozen=True)
class ResumeRun:
    """Go on."""


@dataclass(frozen=True)
class CancelRun:
    """End it now."""


RunCommand = (
    StartRun
    | StartStage
    | CompleteItem
    | FailItem
    | FailOperation
    | ChargeOperation
    | ReviewArticle
    | DropArticle
    | PauseRun
    | ResumeRun
    | CancelRun
)


def decide(command: RunCommand, state: RunState) -> Sequence[RunEvent]:
    if isinstance(command, StartRun):
        return [command.started] if isinstance(state, NoRun) else []
    if isinstance(state, NoRun):
        raise RunNotFound("This run does not exist or is not yours.")
    match command:
        case StartStage(stage, items):
            return _start(state, stage, items)
        case PauseRun() | ResumeRun() | CancelRun():
            return _steer(command, state)
        case _:
            return _settled(state, _heard(command, state))


def _start(run: Run, stage: Stage, items: tuple[UUID, ...]) -> Sequence[RunEvent]:
    if run.next_stage != stage:
        return []
    budget = run.started.settings.budget
    if budget is not None and stage in PAID and items and run.spent >= budget:
        return [RunFinished("failed", f"the budget was spent before stage {stage}")]
    started = StageStarted(
        stage=stage,
        site_id=run.started.site_id,
        sector_id=run.started.sector_id,
        items=items,
        auto_approve=run.started.settings.auto_approve,
        user_id=run.started.user_id,
    )
    return _settled(run, [started])


def _steer(command: PauseRun | ResumeRun | CancelRun, run: Run) -> Sequence[RunEvent]:
    match command:
        case PauseRun():
            if run.status == "paused":
                return []
            if run.status == "running":
                return [RunPaused()]
            raise RunStatusConflict(f"A run that is {run.status} cannot be paused.")
        case ResumeRun():
            if run.status == "running":
                return []
            if run.status == "paused":
                return [RunResumed()]
            raise RunStatusConflict(f"A run that is {run.status} cannot be resumed.")
        case CancelRun():
            if run.status == "cancelled":
                return []
            if run.is_open:
                return [RunCancelled()]
            raise RunStatusConflict(f"A run that is {run.status} cannot be cancelled.")
    assert_never(command)


Heard = CompleteItem | FailItem | FailOperation | ChargeOperation | ReviewArticle | DropArticle


def _heard(command: Heard, run: Run) -> list[RunEvent]:
    """What an outcome means to the stage in work; nothing when nobody waits for it."""
    work = run.work
    if work is None:
        return []
    match command:
        case ChargeOperation(run_id, operation_id, amount):
            paid = _item_of(run_id, work, operation_id)
            known = paid is None or paid in work.charges
            return [] if known else [StageItemCharged(work.stage, paid, amount)]  # type: ignore[arg-type]
        case ReviewArticle(content_id):
            return [] if content_id in run.in_review else [ArticleReviewed(content_id)]
        case DropArticle(content_id):
            return _dropped(content_id, run, work)
        case CompleteItem(stage, item_id, results):
            waited = stage == work.stage and item_id in _open_items(work)
            return [StageItemDone(stage, item_id, results)] if waited else []
        case FailItem(stage, item_id, error_code, message):
            waited = stage == work.stage and item_id in _open_items(work)
            return [StageItemFailed(stage, item_id, error_code, message)] if waited else []
        case FailOperation(run_id, operation_id, error_code, message):
            failed = _item_of(run_id, work, operation_id)
            if failed is None or failed not in _open_items(work):
                return []
            events: list[RunEvent] = [StageItemFailed(work.stage, failed, error_code, message)]
            article = run.contents.get(failed, failed)
            if error_code == ARCHIVED and article not in run.dropped:
                events.append(ArticleDropped(article))
            return events
    assert_never(command)


def _dropped(content_id: UUID, run: Run, work: StageWork) -> list[RunEvent]:
    if content_id in run.dropped:
        return []
    events: list[RunEvent] = [ArticleDropped(content_id)]
    if work.stage in (5, 7) and content_id in _open_items(work):
        events.append(StageItemFailed(work.stage, content_id, ARCHIVED, "the article was archived"))
    return events


def _settled(run: Run, events: list[RunEvent]) -> list[RunEvent]:
    """The events, and what the run decides when they end its stage."""
    after: RunState = run
    for event in events:
        after = evolve(after, event)
    assert isinstance(after, Run)
    work = after.work
    if not events or work is None or not after.is_open or not _is_complete(after, work):
        return events
    failed = len(work.failed)
    events = [*events, StageFinished(work.stage, len(work.items), failed, work.credits)]
    if 2 * failed > len(work.items):
        reason = f"{failed} of {len(work.items)} items failed in stage {work.stage}"
        return [*events, RunFinished("failed", reason)]
    if work.stage == LAST_STAGE:
        return [*events, RunFinished("completed")]
    return events


def _is_complete(run: Run, work: StageWork) -> bool:
    """Every item has its outcome, every result its price, and the articles of stage 6 wait for approval.

    Waiting for the prices makes a stage's credits final when it finishes.
    """
    if _open_items(work) or (work.stage in PAID and not work.done.keys() <= work.charges.keys()):
        return False
    if work.stage != 6:
        return True
    return _articles(run, work.items) <= {*run.in_review, *run.dropped}


def _open_items(work: StageWork) -> set[UUID]:
    return {id for id in work.items if id not in work.done and id not in work.failed}


def _articles(run: Run, images: Iterable[UUID]) -> set[UUID]:
    return {run.contents[image] for image in images}


def _item_of(run_id: UUID, work: StageWork, operation_id: UUID) -> UUID | None:
    """The item that an operation of the stage in work is for."""
    operations = (id for id in work.items if operation_of(run_id, work.stage, id) == operation_id)
    return next(operations, None)


def operation_of(run_id: UUID, stage: Stage, item_id: UUID) -> UUID:
    """The operation of one item, the same one in every service (common.ai.operations.steps.pipeline_operation_id)."""
    return stable_id("pipeline", run_id, stage, item_id, 1)


def own_items(run: Run, stage: Stage) -> tuple[UUID, ...]:
    """The items of a stage that follow from the run itself: all of stages 4 to 7, and those of a retried stage."""
    settings, inherited = run.started.settings, run.started.inherited
    if not run.stages and inherited is not None:
        return inherited.items
    before = run.stages[-1]
    if stage == 6 and settings.images_per_article is not None:
        made = [images[: settings.images_per_article] for images in before.results.values()]
    elif stage == 7:
        images = [*before.results, *before.items]
        articles = dict.fromkeys(run.contents[image] for image in images)
        made = [tuple(id for id in articles if id in run.in_review)]
    else:
        made = list(before.results.values())
    return _kept(run, (id for results in made for id in results))[: cap(run, stage)]


def _kept(run: Run, items: Iterable[UUID]) -> tuple[UUID, ...]:
    """Without the articles that were archived, and without their images."""
    return tuple(id for id in items if run.contents.get(id, id) not in run.dropped)


def cap(run: Run, stage: Stage) -> int:
    """The most items the run may have in a stage; `articles` limits the ideas that become tasks."""
    settings = run.started.settings
    limits = [MOST_ITEMS, settings.caps.get(stage, MOST_ITEMS)]
    if stage == 3 and settings.articles is not None:
        limits.append(settings.articles)
    return min(limits)


def retry(run_id: UUID, run: Run, stage: Stage | None, user_id: UUID | None) -> RunStarted:
    """The run that does what `run` still owes from a stage on; without `stage`, from the first where anything failed.

    It is a run of its own, so that its operations are new ones. Stages 1 to 3 look at the sector anew. Raises
    `RunStatusConflict` while the run is open, for a stage it never came to, and where nothing is owed.
    """
    if run.is_open:
        raise RunStatusConflict(f"The run is {run.status}; cancel it or let it end before it is retried.")
    owing = [work.stage for work in run.stages if not work.finished or work.failed]
    chosen = stage or next(iter(owing), None) or (len(run.stages) and run.stages[-1].stage + 1) or 1
    if chosen > LAST_STAGE:
        raise RunStatusConflict("Nothing failed in this run: there is nothing to retry.")
    work = next((work for work in run.stages if work.stage == chosen), None)
    inherited = None
    if chosen > 3:
        inherited = _inherit(run, chosen, work)
    return RunStarted(
        site_id=run.started.site_id,
        sector_id=run.started.sector_id,
        settings=run.started.settings,
        user_id=user_id,
        first_stage=chosen,  # type: ignore[arg-type]  # 1 to 7
        retry_of=run_id,
        inherited=inherited,
    )


def _inherit(run: Run, stage: int, work: StageWork | None) -> Inherited:
    if work is None:
        if not run.stages or run.stages[-1].stage + 1 != stage:
            raise RunStatusConflict(f"The run never came to stage {stage}; retry it from an earlier one.")
        return Inherited(
            items=own_items(run, stage),  # type: ignore[arg-type]  # 4 to 7
            contents=dict(run.contents),
            in_review=run.in_review,
            dropped=tuple(sorted(run.dropped)),
        )
    owed = tuple(id for id in work.items if id not in work.done)
    if not owed:
        raise RunStatusConflict(f"Nothing failed in stage {stage}: there is nothing to retry.")
    # What was done is taken along only where the run did not go on with it.
    went_on = run.stages[-1].stage > stage
    return Inherited(
        items=_kept(run, owed),
        results={} if went_on else dict(work.results),
        contents=dict(run.contents),
        in_review=run.in_review,
        dropped=tuple(sorted(run.dropped)),
    )


RUN: Decider[RunState, RunCommand] = Decider(
    category="run",
    initial=NoRun(),
    evolve=evolve,
    decide=decide,
    types=EventTypes(
        (
            RunStarted,
            StageStarted,
            StageItemDone,
            StageItemFailed,
            StageItemCharged,
            ArticleReviewed,
            ArticleDropped,
            StageFinished,
            RunPaused,
            RunResumed,
            RunCancelled,
            RunFinished,
        )
    ),
)
