"""The planner's paid functions, with a run told how its items ended."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from common.ai.engine import Answer
from common.ai.operations.events import Operation
from common.ai.operations.steps import PaidStep
from common.contracts.operations import Function
from common.contracts.planner import Stage
from common.database import Transaction

from planner.automation.process import RUN, CompleteItem, FailItem
from planner.automation.stages import drive
from planner.clusters.jobs import AutoCluster
from planner.ideas.jobs import GenerateIdeas


class InRun:
    """A step whose outcome moves its run on, in the same transaction."""

    def __init__(self, stage: Stage, step: PaidStep) -> None:
        self._stage = stage
        self._step = step

    async def prepare(self, tx: Transaction, operation: Operation, item_id: UUID) -> Any:
        return await self._step.prepare(tx, operation, item_id)

    async def record(self, tx: Transaction, operation: Operation, item_id: UUID, answer: Answer[Any]) -> None:
        await self._step.record(tx, operation, item_id, answer)
        if run_id := operation.request.run_id:
            await tx.handle(RUN, run_id, CompleteItem(self._stage, item_id))
            await drive(tx, run_id)

    async def failed(
        self, tx: Transaction, operation: Operation, item_id: UUID, error_code: str, message: str
    ) -> None:
        await self._step.failed(tx, operation, item_id, error_code, message)
        if run_id := operation.request.run_id:
            await tx.handle(RUN, run_id, FailItem(self._stage, item_id, error_code, message))
            await drive(tx, run_id)


STEPS: Mapping[Function, PaidStep] = {
    "auto_cluster": InRun(1, AutoCluster()),
    "generate_ideas": InRun(2, GenerateIdeas()),
}
