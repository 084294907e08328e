"""Running a paid operation: the request, the reactions to billing's answers, and the job that does one item.

A job prepares the input, gets the answer (recorded before it is used), and appends the domain's outcome together with the
operation's own fact: whichever attempt comes first counts, any later one finds the item ended and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from common.ai.answers_store import recorded_cost
from common.ai.costs import price
from common.ai.engine import Answer
from common.ai.functions import AnyFunction
from common.ai.operations.decisions import (
    OPERATION,
    CancelOperation,
    CompleteItem,
    FailItem,
    RefuseOperation,
    RequestOperation,
    StartOperation,
)
from common.ai.operations.events import NotRequested, Operation, OperationRefused, OperationRequested
from common.ai.providers import ProviderError
from common.ai.registry import function_named
from common.ai.tailoring import tailored
from common.api.runtime import RuntimeOf
from common.contracts.billing import CreditsRefused, CreditsReserved
from common.contracts.control import Phase, ProgressReported
from common.contracts.operations import Function, OperationItem
from common.database import Transaction
from common.eventsourcing.decider import DomainError
from common.ids import stable_id
from common.jobs.job import AUTOMATION, INTERACTIVE, Job
from common.jobs.worker import GiveUp, JobHandler, RetryLater, Work
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions
from common.replicas import balances, limits, prices

# Time limits per attempt, in seconds: what the slowest models need, with their own retries inside.
JOBS: Mapping[Function, Job] = {
    "auto_cluster": Job("auto_cluster", time_limit=300),
    "generate_ideas": Job("generate_ideas", time_limit=180),
    "generate_content": Job("generate_content", time_limit=600),
    "generate_image_prompts": Job("generate_image_prompts", time_limit=180),
    "generate_images": Job("generate_images", time_limit=300),
}


@dataclass(frozen=True)
class Request:
    """What somebody, or a pipeline run, asks for. `parameters` is what the step needs to find its input again."""

    operation_id: UUID
    function: Function
    items: tuple[OperationItem, ...]
    site_id: UUID
    sector_id: UUID
    user_id: UUID | None = None
    run_id: UUID | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


class PaidStep(Protocol):
    """How a service does one item of a function's operation."""

    async def prepare(self, tx: Transaction, operation: Operation, item_id: UUID) -> Any:
        """The function's input; None when there is nothing to do (any more), which fails the item, as does DomainError."""

    async def record(self, tx: Transaction, operation: Operation, item_id: UUID, answer: Answer[Any]) -> None:
        """Append the domain's outcome; called once per item, in the transaction that ends the item.

        What the domain refuses (DomainError) fails the item: it costs no credits, and what it has cost us is recorded.
        """

    async def failed(
        self, tx: Transaction, operation: Operation, item_id: UUID, error_code: str, message: str
    ) -> None:
        """Append what an item's failure means to the domain; also for refused and cancelled operations."""


async def request(tx: Transaction, wanted: Request) -> None:
    """Append the request, once.

    Raises `PlanLimitReached` and 402 where the replicas of the month's use and of the balance say no (a run's items let
    billing decide).
    """
    card = await prices.current_card(tx)
    maximum = sum(price(card, item.charge) for item in wanted.items)
    if wanted.run_id is None and await is_new(tx, wanted.operation_id):
        await limits.require_monthly_room(tx, wanted.items)
        await balances.require_available(tx, maximum)
    await tx.handle(
        OPERATION,
        wanted.operation_id,
        RequestOperation(
            OperationRequested(
                operation_id=wanted.operation_id,
                function=wanted.function,
                items=wanted.items,
                maximum=maximum,
                site_id=wanted.site_id,
                sector_id=wanted.sector_id,
                parameters=dict(wanted.parameters),
                user_id=wanted.user_id,
                run_id=wanted.run_id,
            )
        ),
    )


async def is_new(tx: Transaction, operation_id: UUID) -> bool:
    """Whether it has not been requested yet: what was accepted once is not refused when its request is repeated."""
    state, _ = await tx.load(OPERATION, operation_id)
    return isinstance(state, NotRequested)


async def cancel(
    tx: Transaction, operation_id: UUID, reason: str, steps: Mapping[Function, PaidStep]
) -> None:
    """End all open items; a result that comes later is dropped."""
    before, _ = await tx.load(OPERATION, operation_id)
    handled = await tx.handle(OPERATION, operation_id, CancelOperation(reason))
    if handled.events and isinstance(before, Operation):
        await _fail_open(tx, before, "CANCELLED", reason, steps)


def reactions(steps: Mapping[Function, PaidStep]) -> Reactions:
    """What a service with paid operations hears from billing."""
    table = Reactions()

    @table.on(CreditsReserved)
    async def reserved(event: Heard[CreditsReserved], tx: Transaction) -> None:
        handled = await tx.handle(OPERATION, event.data.operation_id, StartOperation())
        if not handled.events or not isinstance(handled.state, Operation):
            return
        asked = handled.state.request
        for item in asked.items:
            await JOBS[asked.function].defer(
                await tx.reach(),
                account_id=tx.account_id,
                meta=tx.meta,
                arguments={"operation_id": asked.operation_id, "item_id": item.item_id},
                priority=INTERACTIVE if asked.run_id is None else AUTOMATION,
            )

    @table.on(CreditsRefused)
    async def refused(event: Heard[CreditsRefused], tx: Transaction) -> None:
        before, _ = await tx.load(OPERATION, event.data.operation_id)
        refusal = RefuseOperation(event.data.needed, event.data.available, event.data.reached)
        handled = await tx.handle(OPERATION, event.data.operation_id, refusal)
        for said in handled.events:
            if isinstance(said, OperationRefused) and isinstance(before, Operation):
                await _fail_open(tx, before, said.error_code, said.message, steps)

    return table


async def _fail_open(
    tx: Transaction, operation: Operation, code: str, message: str, steps: Mapping[Function, PaidStep]
) -> None:
    step = steps.get(operation.request.function)
    for item_id in operation.open_items if step else ():
        assert step is not None
        await step.failed(tx, operation, item_id, code, message)


def handlers(steps: Mapping[Function, PaidStep], runtime: RuntimeOf) -> tuple[JobHandler, ...]:
    """The job handlers of a service's functions."""
    return tuple(_Item(function, step, runtime).handler for function, step in steps.items())


class _Item:
    """One item of one function's operations."""

    def __init__(self, function: Function, step: PaidStep, runtime: RuntimeOf) -> None:
        self._name = function
        self._function = function_named(function)
        self._step = step
        self._runtime = runtime

    @property
    def handler(self) -> JobHandler:
        return JobHandler(JOBS[self._name], self.run, self.give_up)

    async def run(self, work: Work) -> None:
        operation_id, item_id = _ids(work)
        try:
            operation, asked = await self._prepare(work, operation_id, item_id)
        except DomainError as error:
            await self._fail(work, error.code, error.message)
            return
        if operation is None:
            return
        if asked is None:
            raise GiveUp("what it needs is no longer there")
        function, input = asked
        await self._report(work, operation, item_id, "AI Analysis")
        try:
            async with self._runtime.engine(work.account_id) as engine:
                answer = await engine.run(function, input, operation_id=operation_id, step=str(item_id))
        except ProviderError as error:
            if not error.retryable:
                raise GiveUp(error.message) from error
            raise RetryLater(error.message, error.retry_after or 2.0**work.attempt) from error
        await self._report(work, operation, item_id, "Saving")
        try:
            await self._record(work, operation_id, item_id, answer)
        except DomainError as error:
            await self._fail(work, error.code, error.message)

    async def _prepare(
        self, work: Work, operation_id: UUID, item_id: UUID
    ) -> tuple[Operation | None, tuple[AnyFunction, Any] | None]:
        """The operation, and its question as the account wants it asked."""

        async def prepare(tx: Transaction) -> tuple[Operation | None, tuple[AnyFunction, Any] | None]:
            operation, _ = await tx.load(OPERATION, operation_id)
            if (
                not isinstance(operation, Operation)
                or operation.closed
                or item_id not in operation.open_items
            ):
                return None, None
            input = await self._step.prepare(tx, operation, item_id)
            if input is None:
                return operation, None
            return operation, await tailored(tx, self._function, input, operation.request.sector_id)

        return await self._runtime.database.run(work.account_id, prepare, work.meta)

    async def _record(self, work: Work, operation_id: UUID, item_id: UUID, answer: Answer[Any]) -> None:
        async def record(tx: Transaction) -> None:
            handled = await tx.handle(OPERATION, operation_id, CompleteItem(item_id))
            if handled.events and isinstance(handled.state, Operation):
                await self._step.record(tx, handled.state, item_id, answer)

        await self._runtime.database.run(work.account_id, record, work.meta)

    async def give_up(self, work: Work, error: BaseException) -> None:
        cause = error.__cause__ if isinstance(error.__cause__, ProviderError) else error
        code = cause.code if isinstance(cause, ProviderError) else "AI_OPERATION_FAILED"
        message = cause.message if isinstance(cause, ProviderError) else str(error) or type(error).__name__
        cost = cause.usage.cost_micro_usd if isinstance(cause, ProviderError) and cause.usage else 0
        await self._fail(work, code, message, cost)

    async def _fail(self, work: Work, code: str, message: str, unrecorded_micro_usd: int = 0) -> None:
        """End the item; beside what its recorded answers have cost us it says what a call without one has."""
        operation_id, item_id = _ids(work)

        async def fail(tx: Transaction) -> None:
            cost = unrecorded_micro_usd + await recorded_cost(tx, operation_id, str(item_id))
            handled = await tx.handle(OPERATION, operation_id, FailItem(item_id, code, message, cost))
            if handled.events and isinstance(handled.state, Operation):
                await self._step.failed(tx, handled.state, item_id, code, message)

        await self._runtime.database.run(work.account_id, fail, work.meta)

    async def _report(self, work: Work, operation: Operation, item_id: UUID, phase: Phase) -> None:
        """Live progress; nobody waits for it and nothing depends on it."""
        items = [item.item_id for item in operation.request.items]
        number = items.index(item_id) + 1
        done = len(items) - len(operation.open_items)
        await self._runtime.producer.offer(
            ProgressReported(
                operation_id=operation.request.operation_id,
                function=self._name,
                phase=phase,
                item=number,
                items=len(items),
                percent=100 * done // len(items),
            ),
            work.account_id,
        )


def _ids(work: Work) -> tuple[UUID, UUID]:
    return UUID(work.arguments["operation_id"]), UUID(work.arguments["item_id"])


def pipeline_operation_id(run_id: UUID, stage: int, item_id: UUID, generation: int = 1) -> UUID:
    """The operation of one item of one stage of a run: the same however often the stage is started."""
    return stable_id("pipeline", run_id, stage, item_id, generation)
