"""The paid operation's decisions: the right facts, the refusal, the silence."""

from uuid import UUID

from common.ai.operations.decisions import (
    OPERATION,
    CancelOperation,
    CompleteItem,
    FailItem,
    RefuseOperation,
    RequestOperation,
    StartOperation,
)
from common.ai.operations.events import (
    ItemFailed,
    ItemSucceeded,
    OperationCancelled,
    OperationRefused,
    OperationRequested,
    OperationStarted,
)
from common.contracts.billing import LimitReached
from common.contracts.operations import Charge, OperationItem
from common.ids import stable_id
from common.testing import given

A, B = stable_id("a"), stable_id("b")


def item(id: UUID) -> OperationItem:
    return OperationItem(item_id=id, charge=Charge(kind="ideas", units=1))


REQUESTED = OperationRequested(
    stable_id("operation"),
    "generate_ideas",
    (item(A), item(B)),
    4000,
    stable_id("site"),
    stable_id("sector"),
    {},
)
new, asked = given(OPERATION)(), given(OPERATION)(REQUESTED)
running = given(OPERATION)(REQUESTED, OperationStarted())
FAILED = ItemFailed(A, "generate_ideas", "AI_TIMEOUT", "too slow", 7)


def test_is_requested_once() -> None:
    new.when(RequestOperation(REQUESTED)).then(REQUESTED)
    asked.when(RequestOperation(REQUESTED)).then_nothing()


def test_nothing_happens_to_what_nobody_asked_for() -> None:
    for command in (StartOperation(), CompleteItem(A), CancelOperation("x")):
        new.when(command).then_nothing()


def test_starts_once_when_billing_reserved() -> None:
    asked.when(StartOperation()).then(OperationStarted())
    running.when(StartOperation()).then_nothing()


def test_is_refused_only_before_it_runs() -> None:
    asked.when(RefuseOperation(4000, 10)).then(OperationRefused("generate_ideas", 4000, 10))
    running.when(RefuseOperation(4000, 10)).then_nothing()
    given(OPERATION)(REQUESTED, OperationRefused("generate_ideas", 4000, 10)).when(
        StartOperation()
    ).then_nothing()


def test_a_refusal_says_why() -> None:
    reached = LimitReached(of="ai_requests", used=9, asked=2, limit=10)
    refused = OperationRefused("generate_ideas", 4000, 10, None, reached)
    asked.when(RefuseOperation(4000, 10, reached)).then(refused)
    assert refused.error_code == "PLAN_LIMIT_REACHED"
    assert refused.message.startswith("The plan allows 10 AI requests a month, 9 are used")
    without = OperationRefused("generate_ideas", 4500, 10)
    assert without.error_code == "INSUFFICIENT_CREDITS"
    assert without.message == "needed up to 4.5 credits, 0.01 were available"


def test_each_item_ends_once() -> None:
    running.when(CompleteItem(A)).then(ItemSucceeded(A))
    running.when(FailItem(A, "AI_TIMEOUT", "too slow", 7)).then(FAILED)
    for ended in (ItemSucceeded(A), FAILED):
        done = given(OPERATION)(REQUESTED, OperationStarted(), ended)
        done.when(CompleteItem(A)).then_nothing()
        done.when(FailItem(A, "AI_TIMEOUT", "too slow", 7)).then_nothing()
        done.when(CompleteItem(B)).then(ItemSucceeded(B))


def test_is_cancelled_while_something_is_open() -> None:
    running.when(CancelOperation("stop")).then(OperationCancelled("generate_ideas", "stop"))
    given(OPERATION)(REQUESTED, OperationStarted(), ItemSucceeded(A), FAILED, ItemSucceeded(B)).when(
        CancelOperation("stop")
    ).then_nothing()
