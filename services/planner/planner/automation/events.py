"""What can happen to a pipeline run, and what is then true."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

import msgspec
from common.contracts.operations import Millicredits
from common.contracts.planner import Stage
from common.eventsourcing.event import Event

RunStatus = Literal["running", "paused", "cancelled", "completed", "failed"]
Outcome = Literal["completed", "failed"]


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the run was asked for. `caps` limits the items of a stage, `word_count` is the length of the articles,
    `budget` the credits after which no further paid stage starts."""

    auto_approve: bool = False
    caps: dict[int, int] = {}
    articles: int | None = None
    word_count: int | None = None
    ideas_per_cluster: int | None = None
    images_per_article: int | None = None
    budget: Millicredits | None = None


class Inherited(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a retry takes over: the items still owed, the results of those that were done, which article each image
    belongs to, what is in review already, and which articles were archived."""

    items: tuple[UUID, ...] = ()
    results: dict[UUID, tuple[UUID, ...]] = {}
    contents: dict[UUID, UUID] = {}
    in_review: tuple[UUID, ...] = ()
    dropped: tuple[UUID, ...] = ()


class RunStarted(Event, frozen=True, kw_only=True):
    site_id: UUID
    sector_id: UUID
    settings: RunSettings
    user_id: UUID | None = None
    first_stage: Stage = 1
    retry_of: UUID | None = None
    inherited: Inherited | None = None


class StageStarted(Event, frozen=True, kw_only=True):
    stage: Stage
    site_id: UUID
    sector_id: UUID
    items: tuple[UUID, ...]
    auto_approve: bool
    user_id: UUID | None = None


class StageItemDone(Event, frozen=True):
    """`results`: the task of an idea, the article of a task, the images of an article."""

    stage: Stage
    item_id: UUID
    results: tuple[UUID, ...] = ()


class StageItemFailed(Event, frozen=True):
    stage: Stage
    item_id: UUID
    error_code: str
    message: str


class StageItemCharged(Event, frozen=True):
    stage: Stage
    item_id: UUID
    amount: Millicredits


class ArticleReviewed(Event, frozen=True):
    """All images of the article have ended and it waits for approval."""

    content_id: UUID


class ArticleDropped(Event, frozen=True):
    """The article was archived: the run waits for it no more."""

    content_id: UUID


class StageFinished(Event, frozen=True):
    stage: Stage
    items: int
    failed: int
    credits: Millicredits


class RunPaused(Event, frozen=True):
    """What is in work goes on; no further stage starts."""


class RunResumed(Event, frozen=True):
    """Stages start again."""


class RunCancelled(Event, frozen=True):
    """What is in work is cancelled, too."""


class RunFinished(Event, frozen=True):
    outcome: Outcome
    reason: str | None = None


RunEvent = (
    RunStarted
    | StageStarted
    | StageItemDone
    | StageItemFailed
    | StageItemCharged
    | ArticleReviewed
    | ArticleDropped
    | StageFinished
    | RunPaused
    | RunResumed
    | RunCancelled
    | RunFinished
)


@dataclass(frozen=True)
class StageWork:
    """A stage's items and what became of them; `inherited` results are those of the run that this one retries."""

    stage: Stage
    items: tuple[UUID, ...]
    inherited: Mapping[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    done: Mapping[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    failed: frozenset[UUID] = frozenset()
    charges: Mapping[UUID, Millicredits] = field(default_factory=dict)
    finished: bool = False

    @property
    def credits(self) -> Millicredits:
        return sum(self.charges.values())

    @property
    def results(self) -> Mapping[UUID, tuple[UUID, ...]]:
        """Of the inherited items, then of the own ones in the order they were started."""
        return {**self.inherited, **{id: self.done[id] for id in self.items if id in self.done}}


@dataclass(frozen=True)
class NoRun:
    """Nobody has started it."""


@dataclass(frozen=True)
class Run:
    """A run; `stages` holds those that were started, the last one may still be in work."""

    started: RunStarted
    status: RunStatus = "running"
    stages: tuple[StageWork, ...] = ()
    contents: Mapping[UUID, UUID] = field(default_factory=dict)
    """The article of each image."""
    in_review: tuple[UUID, ...] = ()
    dropped: frozenset[UUID] = frozenset()

    @property
    def is_open(self) -> bool:
        return self.status in ("running", "paused")

    @property
    def work(self) -> StageWork | None:
        """The stage in work."""
        return self.stages[-1] if self.stages and not self.stages[-1].finished else None

    @property
    def next_stage(self) -> Stage | None:
        """The stage to start now; None while one is in work, while the run is paused and when it has ended."""
        if self.status != "running" or self.work is not None:
            return None
        following: int = self.stages[-1].stage + 1 if self.stages else self.started.first_stage
        return following  # type: ignore[return-value]  # a run that finished stage 7 has ended

    @property
    def spent(self) -> Millicredits:
        return sum(work.credits for work in self.stages)


RunState = NoRun | Run


def evolve(state: RunState, event: RunEvent) -> RunState:
    if isinstance(event, RunStarted):
        taken = event.inherited or Inherited()
        return Run(
            event, contents=taken.contents, in_review=taken.in_review, dropped=frozenset(taken.dropped)
        )
    if isinstance(state, NoRun):
        return state
    match event:
        case StageStarted(stage=stage, items=items):
            taken = state.started.inherited or Inherited()
            results = {} if state.stages else taken.results
            return replace(state, stages=(*state.stages, StageWork(stage, items, results)))
        case StageItemDone(item_id=item_id, results=results):
            done = _work(state)
            return _with(state, replace(done, done={**done.done, item_id: results}))
        case StageItemFailed(item_id=item_id):
            failing = _work(state)
            return _with(state, replace(failing, failed=failing.failed | {item_id}))
        case StageItemCharged(item_id=item_id, amount=amount):
            charged = _work(state)
            return _with(state, replace(charged, charges={**charged.charges, item_id: amount}))
        case ArticleReviewed(content_id):
            return replace(state, in_review=(*state.in_review, content_id))
        case ArticleDropped(content_id):
            return replace(state, dropped=state.dropped | {content_id})
        case StageFinished(stage):
            finished = _with(state, replace(_work(state), finished=True))
            if stage != 5:
                return finished
            belongs = {image: content for content, images in _work(state).results.items() for image in images}
            return replace(finished, contents={**state.contents, **belongs})
        case RunPaused():
            return replace(state, status="paused")
        case RunResumed():
            return replace(state, status="running")
        case RunCancelled():
            return replace(state, status="cancelled")
        case RunFinished(outcome):
            return replace(state, status=outcome)


def _work(run: Run) -> StageWork:
    return run.stages[-1]


def _with(run: Run, work: StageWork) -> Run:
    return replace(run, stages=(*run.stages[:-1], work))
