"""The paid AI operation, said by the planner and the writer alike, and the small structs its outcomes share."""

from typing import Literal
from uuid import UUID

import msgspec

from common.contracts.base import Contract, contract

Millicredits = int
"""Credits are integers of a thousandth of a credit everywhere inside."""

Function = Literal[
    "auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"
]
REFUSALS = ("INSUFFICIENT_CREDITS", "PLAN_LIMIT_REACHED")
"""The error codes of an operation that billing has refused, as a whole."""
ChargeKind = Literal["clustering", "ideas", "content_words", "image_prompt", "image"]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider was asked for and what it cost us; `cost_micro_usd` in millionths of a US dollar."""

    provider: str
    model: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0


class ObjectRef(msgspec.Struct, frozen=True, kw_only=True):
    """A body in the object store, named by the hash of its bytes; `size` in bytes."""

    sha256: str
    size: int
    media_type: str


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be paid for: `units` operations, clusters, words, prompts or images; `model` selects an image's price."""

    kind: ChargeKind
    units: int
    model: str = "local"


class OperationItem(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of an operation that succeeds or fails by itself; `charge` is the most it can cost."""

    item_id: UUID
    charge: Charge


@contract(by=("planner", "writer"), heard_by=("billing", "gateway"))
class AIOperationRequested(Contract, frozen=True, kw_only=True):
    operation_id: UUID
    function: Function
    items: tuple[OperationItem, ...]
    maximum: Millicredits
    site_id: UUID
    sector_id: UUID
    user_id: UUID | None = None
    api_key_id: UUID | None = None
    rule_id: UUID | None = None
    run_id: UUID | None = None


@contract(by=("planner", "writer"), heard_by=("billing", "planner", "gateway"))
class AIOperationFailed(Contract, frozen=True, kw_only=True):
    """One item of an operation ended without a result and costs nothing; `item_id` None ends all open items."""

    operation_id: UUID
    function: Function
    item_id: UUID | None
    error_code: str
    message: str
    provider_cost_micro_usd: int = 0
    run_id: UUID | None = None


@contract(by=("planner", "writer"), heard_by=("billing", "planner", "gateway"))
class AIOperationCancelled(Contract, frozen=True, kw_only=True):
    operation_id: UUID
    function: Function
    reason: str
    run_id: UUID | None = None
