"""The wallet's rows as clients see them: amounts in credits, nested where the rows are flat."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from common.contracts.operations import ChargeKind, Function
from common.database import Row
from pydantic import BaseModel, ConfigDict

from billing.amounts import credits, dollars

TransactionType = Literal["purchase", "usage", "refund", "adjustment"]


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Balance(_Shown):
    balance: float
    reserved: float
    available: float
    updated_at: datetime | None


class Transaction(_Shown):
    """`amount` is negative for what was taken; `kind` says more than `type`: the grant's kind, the AI function, `expiry`."""

    id: UUID
    type: TransactionType
    kind: str
    amount: float
    balance_after: float
    description: str
    reference: str | None
    created_by: str
    created_at: datetime


class Share(_Shown):
    grant_id: UUID
    amount: float


class Item(_Shown):
    """How an item's charge came about: the card's `price` for `units`, never more than the reserved `maximum`."""

    item_id: UUID
    units: int
    unit: ChargeKind
    model: str
    rate_card: int
    price: float
    maximum: float
    charged: float
    written_off: float
    paid_from: list[Share]


class ProviderUsage(_Shown):
    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Operation(_Shown):
    operation_id: UUID
    function: Function
    items: int
    reserved: float
    requested_at: datetime
    site_id: UUID
    sector_id: UUID
    user_id: UUID | None
    api_key_id: UUID | None
    rule_id: UUID | None
    run_id: UUID | None


class Explanation(_Shown):
    """Why an account was charged, down to the AI call; a grant or an expiry has only its transaction."""

    transaction: Transaction
    operation: Operation | None
    item: Item | None
    usage: ProviderUsage | None


class Failure(_Shown):
    error_code: str | None
    items: list[UUID]


class UsageDetails(_Shown):
    item: Item | None
    usage: ProviderUsage | None
    failure: Failure | None


class Usage(_Shown):
    """One item of an AI operation (or all that failed together): what it cost the account, and what it cost us."""

    id: UUID
    operation_id: UUID
    item_id: UUID | None
    run_id: UUID | None
    site_id: UUID | None
    operation_type: Function
    outcome: Literal["charged", "failed"]
    credits_used: float
    cost_usd: float
    details: UsageDetails
    created_at: datetime


class UsageOfType(_Shown):
    operation_type: Function
    credits_used: float
    cost_usd: float
    charged: int
    failed: int


class UsageSummary(_Shown):
    credits_used: float
    cost_usd: float
    by_operation_type: list[UsageOfType]


class Reservation(_Shown):
    operation_id: UUID
    function: Function
    items: int
    amount: float
    held: float
    expires_at: datetime
    created_at: datetime


def balance(row: Row) -> dict[str, Any]:
    return {
        "balance": credits(row["balance"]),
        "reserved": credits(row["reserved"]),
        "available": credits(row["available"]),
        "updated_at": row["updated_at"],
    }


def transaction(row: Row) -> dict[str, Any]:
    return {
        **_pick(row, "id", "type", "kind", "description", "reference", "created_by", "created_at"),
        "amount": credits(row["amount"]),
        "balance_after": credits(row["balance_after"]),
    }


def reservation(row: Row) -> dict[str, Any]:
    return {
        **_pick(row, "operation_id", "function", "items", "expires_at", "created_at"),
        "amount": credits(row["amount"]),
        "held": credits(row["held"]),
    }


def usage(row: Row) -> dict[str, Any]:
    charged = row["outcome"] == "charged"
    return {
        **_pick(row, "id", "operation_id", "item_id", "run_id", "site_id", "operation_type", "outcome"),
        "credits_used": credits(row["credits_used"]),
        "cost_usd": dollars(row["cost_micro_usd"]),
        "details": {
            "item": _item(row) if charged else None,
            "usage": _provider_usage(row) if charged else None,
            "failure": None if charged else row["details"],
        },
        "created_at": row["created_at"],
    }


def summary(rows: list[Row]) -> dict[str, Any]:
    return {
        "credits_used": credits(sum(row["credits_used"] for row in rows)),
        "cost_usd": dollars(sum(row["cost_micro_usd"] for row in rows)),
        "by_operation_type": [
            {
                **_pick(row, "operation_type", "charged", "failed"),
                "credits_used": credits(row["credits_used"]),
                "cost_usd": dollars(row["cost_micro_usd"]),
            }
            for row in rows
        ],
    }


def explanation(moved: Row, used: Row | None, reserved: Row | None) -> dict[str, Any]:
    return {
        "transaction": transaction(moved),
        "operation": _operation(reserved) if reserved else None,
        "item": _item(used) if used else None,
        "usage": _provider_usage(used) if used else None,
    }


def _operation(row: Row) -> dict[str, Any]:
    return {
        **_pick(row, "operation_id", "function", "items"),
        "reserved": credits(row["amount"]),
        "requested_at": row["created_at"],
        **_pick(row["origin"], "site_id", "sector_id", "user_id", "api_key_id", "rule_id", "run_id"),
    }


def _item(row: Row) -> dict[str, Any]:
    details = row["details"]
    charge = details["charge"]
    return {
        "item_id": row["item_id"],
        "units": charge["units"],
        "unit": charge["kind"],
        "model": charge["model"],
        "rate_card": details["card_version"],
        "price": credits(details["price"]),
        "maximum": credits(details["maximum"]),
        "charged": credits(row["credits_used"]),
        "written_off": credits(min(details["price"], details["maximum"]) - row["credits_used"]),
        "paid_from": [
            {"grant_id": share["grant_id"], "amount": credits(share["amount"])} for share in details["grants"]
        ],
    }


def _provider_usage(row: Row) -> dict[str, Any]:
    used = row["details"]["usage"]
    return {
        **_pick(used, "provider", "model", "calls", "input_tokens", "output_tokens"),
        "cost_usd": dollars(used["cost_micro_usd"]),
    }


def _pick(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}
