"""Billing's routes on a real PostgreSQL."""

import re
from typing import Any

import pytest
from billing.rates.api import RateCardOut
from billing.wallets import shown
from common.contracts.operations import AIOperationFailed
from common.ids import new_id

from tests.integration.billing.conftest import (
    SECTOR,
    SITE,
    USAGE,
    USER,
    Account,
    Billing,
    registered,
    requested,
    written,
)


async def _spend(billing: Billing, account: Account) -> tuple[Any, Any]:
    operation, item, failed = new_id(), new_id(), new_id()
    await billing.hear(account, requested(operation, item, failed), written(operation, item, words=700))
    await billing.hear(
        account,
        AIOperationFailed(
            operation_id=operation, function="generate_content", item_id=failed, error_code="X", message="no"
        ),
    )
    return operation, item


async def test_why_was_i_charged(billing: Billing, account: Account) -> None:
    operation, item = await _spend(billing, account)
    listed = (await billing.get(account, "/transactions/", type="usage")).json()["data"]
    assert listed["count"] == 1
    (moved,) = listed["results"]
    assert (moved["amount"], moved["balance_after"]) == (-1.5, 198.5)
    assert moved["description"] == "generate_content: 700 content_words"
    assert moved["created_by"] == f"user:{USER}"
    answer = (await billing.get(account, f"/transactions/{moved['id']}/explain/")).json()["data"]
    shown.Explanation.model_validate(answer)
    assert answer["operation"]["operation_id"] == str(operation) == moved["reference"]
    assert (answer["operation"]["site_id"], answer["operation"]["sector_id"]) == (str(SITE), str(SECTOR))
    assert answer["operation"]["reserved"] == 4
    assert answer["item"]["item_id"] == str(item)
    assert {name: answer["item"][name] for name in ("units", "unit", "rate_card", "price", "maximum")} == {
        "units": 700,
        "unit": "content_words",
        "rate_card": 1,
        "price": 1.5,
        "maximum": 2,
    }
    assert answer["item"]["paid_from"][0]["amount"] == 1.5
    assert answer["usage"] == {
        "provider": "local",
        "model": "local",
        "calls": 1,
        "input_tokens": USAGE.input_tokens,
        "output_tokens": USAGE.output_tokens,
        "cost_usd": 0.00123,
    }


async def test_a_grant_explains_itself(billing: Billing, account: Account) -> None:
    (moved,) = (await billing.get(account, "/transactions/")).json()["data"]["results"]
    assert (moved["type"], moved["kind"], moved["amount"]) == ("adjustment", "promotion", 200)
    assert moved["description"] == "Trial credits"
    answer = (await billing.get(account, f"/transactions/{moved['id']}/explain/")).json()["data"]
    assert answer == {"transaction": moved, "operation": None, "item": None, "usage": None}


async def test_the_transactions_add_up_to_the_balance(billing: Billing, account: Account) -> None:
    for _ in range(12):
        await _spend(billing, account)
    first = (await billing.get(account, "/transactions/")).json()["data"]
    assert first["next"] == "/api/v1/billing/transactions/?page=2"
    rest = (await billing.get(account, "/transactions/", page=2)).json()["data"]
    assert (first["count"], len(first["results"]), len(rest["results"])) == (13, 10, 3)
    rows = first["results"] + rest["results"]
    for row in rows:
        shown.Transaction.model_validate(row)
    assert sum(row["amount"] for row in rows) == (await billing.balance(account))["balance"] == 182
    assert [row["balance_after"] for row in rows] == [182 + 1.5 * n for n in range(13)]


async def test_usage_and_its_summary(billing: Billing, account: Account) -> None:
    await _spend(billing, account)
    rows = (await billing.get(account, "/usage/")).json()["data"]["results"]
    for row in rows:
        shown.Usage.model_validate(row)
    assert [row["outcome"] for row in rows] == ["failed", "charged"]
    answer = (await billing.get(account, "/usage/summary/")).json()["data"]
    assert answer == {
        "credits_used": 1.5,
        "cost_usd": 0.00123,
        "by_operation_type": [
            {
                "operation_type": "generate_content",
                "credits_used": 1.5,
                "cost_usd": 0.00123,
                "charged": 1,
                "failed": 1,
            }
        ],
    }
    later = await billing.get(account, "/usage/summary/", since="2999-01-01T00:00:00Z")
    assert later.json()["data"]["by_operation_type"] == []


async def test_open_reservations_are_listed(billing: Billing, account: Account) -> None:
    operation = new_id()
    await billing.hear(account, requested(operation, new_id()))
    await _spend(billing, account)
    (row,) = (await billing.get(account, "/credits/reservations/")).json()["data"]["results"]
    shown.Reservation.model_validate(row)
    assert (row["operation_id"], row["held"]) == (str(operation), 2)


async def test_an_estimate_says_what_it_costs_and_whether_it_can_be_paid(
    billing: Billing, account: Account
) -> None:
    body = {"function": "generate_content", "units": 1_200, "items": 3}
    assert (await billing.post(account, "/estimate/", body)).json()["data"] == {
        "function": "generate_content",
        "credits": 7.5,
        "available": 200,
        "sufficient": True,
        "reached": None,
        "rate_card": 1,
    }
    dear = await billing.post(account, "/estimate/", {"function": "generate_ideas", "units": 101})
    assert (dear.json()["data"]["credits"], dear.json()["data"]["sufficient"]) == (202, False)


async def test_an_estimate_for_an_unknown_image_model_names_the_known_ones(
    billing: Billing, account: Account
) -> None:
    refused = await billing.post(account, "/estimate/", {"function": "generate_images", "model": "crayon"})
    assert (refused.status_code, refused.json()["error_code"]) == (400, "UNKNOWN_IMAGE_MODEL")
    assert "runware" in refused.json()["error"]


async def test_the_rate_card_is_shown_in_credits(billing: Billing, account: Account) -> None:
    card = (await billing.get(account, "/rate-card/")).json()["data"]
    RateCardOut.model_validate(card)
    assert (card["clustering"], card["content_minimum"], card["image_by_model"]["local"]) == (10, 0.5, 1)


async def test_credits_are_numbers_with_at_most_three_decimals(billing: Billing, account: Account) -> None:
    for _ in range(7):
        await _spend(billing, account)
    for path in ("/credits/balance/", "/transactions/", "/usage/", "/usage/summary/", "/rate-card/"):
        text = (await billing.get(account, path)).text
        found = re.findall(
            r'"(?:balance|reserved|available|amount|balance_after|credits_used|price|maximum|charged)":([^,}]+)',
            text,
        )
        assert all(re.fullmatch(r"-?\d+(\.\d{1,3})?", number) for number in found), found


@pytest.mark.parametrize("path", ["/transactions/", "/usage/", "/usage/summary/", "/credits/reservations/"])
async def test_who_spent_what_is_for_those_who_do_billing(
    billing: Billing, account: Account, path: str
) -> None:
    assert (await billing.get(account, path, role="editor")).status_code == 403
    assert (await billing.get(account, "/credits/balance/", role="editor")).status_code == 200


async def test_another_tenant_sees_nothing(billing: Billing, account: Account) -> None:
    await _spend(billing, account)
    (moved, *_) = (await billing.get(account, "/transactions/")).json()["data"]["results"]
    stranger = Account()
    await billing.hear(stranger, registered(stranger, "active"))
    assert (await billing.get(stranger, "/transactions/")).json()["data"]["count"] == 0
    assert (await billing.get(stranger, f"/transactions/{moved['id']}/explain/")).status_code == 404
