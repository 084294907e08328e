"""What staff do in billing: give credits and take them back, publish prices."""

import asyncio
from typing import Any

import pytest
from billing.adjustments.api import AdjustmentOut
from billing.app import publish_default_card
from billing.rates.api import StaffRateCardOut
from billing.rates.default_card import DEFAULT_CARD
from common.erasure.begin import begin
from common.ids import SYSTEM_ACCOUNT, new_id
from msgspec.structs import replace

from tests.integration.billing.conftest import STAFF, Account, Billing, registered, requested

PRICES: dict[str, Any] = {
    "clustering": 12,
    "ideas_per_cluster": 2.5,
    "content_per_unit": 1,
    "words_per_unit": 500,
    "content_step": 0.5,
    "content_minimum": 0.5,
    "image_prompt": 0.125,
    "image_by_model": {"local": 1, "runware": 1.5},
}


def adjusting(account: Account, amount: Any, **more: Any) -> dict[str, Any]:
    return {"account": str(account.id), "amount": amount, "reason": "An outage of ours", **more}


async def meta_of(billing: Billing, account_id: Any, type: str) -> dict[str, Any]:
    async with billing.database.transaction(account_id) as tx:
        query = "SELECT meta FROM events WHERE type = %(type)s ORDER BY position DESC LIMIT 1"
        found: dict[str, Any] = await tx.scalar(query, {"type": type})
    return found


class TestAdjustments:
    async def test_credits_are_given_and_read_back(self, billing: Billing, account: Account) -> None:
        answer = await billing.staff("POST", "adjustments/", adjusting(account, 12.345))
        assert answer.status_code == 201
        made = answer.json()["data"]
        AdjustmentOut.model_validate(made)
        assert (made["account"], made["amount"], made["balance_after"]) == (str(account.id), 12.345, 212.345)
        assert (made["reason"], made["created_by"]) == ("An outage of ours", f"user:{STAFF}")
        assert (await billing.staff("GET", f"adjustments/{made['id']}/")).json()["data"] == made
        assert (await billing.staff("GET", "adjustments/")).json()["data"]["results"] == [made]
        assert await billing.balance(account) == {"balance": 212.345, "reserved": 0, "available": 212.345}
        (moved, _) = (await billing.get(account, "/transactions/")).json()["data"]["results"]
        assert (moved["type"], moved["kind"], moved["reference"]) == ("adjustment", "adjustment", made["id"])
        meta = await meta_of(billing, account.id, "CreditsGranted")
        assert (meta["actor"], meta["on_behalf_of"]) == (f"user:{STAFF}", str(account.id))

    async def test_credits_are_taken_back(self, billing: Billing, account: Account) -> None:
        made = (await billing.staff("POST", "adjustments/", adjusting(account, -0.5))).json()["data"]
        assert (made["amount"], made["balance_after"]) == (-0.5, 199.5)
        assert (await billing.balance(account))["available"] == 199.5
        meta = await meta_of(billing, account.id, "CreditsWithdrawn")
        assert meta["actor"] == f"user:{STAFF}"

    async def test_what_is_reserved_is_not_taken(self, billing: Billing, account: Account) -> None:
        await billing.hear(account, requested(new_id(), new_id()))
        refused = await billing.staff("POST", "adjustments/", adjusting(account, -198.001))
        assert (refused.status_code, refused.json()["error_code"]) == (402, "INSUFFICIENT_CREDITS")
        assert refused.json()["details"] == {"needed": 198.001, "available": 198}
        racing = [billing.staff("POST", "adjustments/", adjusting(account, -66)) for _ in range(8)]
        answers = await asyncio.gather(*racing)
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [402] * 5
        assert await billing.balance(account) == {"balance": 2, "reserved": 2, "available": 0}

    async def test_the_same_request_again_moves_nothing_more(
        self, billing: Billing, account: Account
    ) -> None:
        answers = [
            await billing.staff("POST", "adjustments/", adjusting(account, amount), key=f"once {amount}")
            for amount in (5, 5, -2, -2)
        ]
        assert [answer.status_code for answer in answers] == [201] * 4
        assert answers[0].json()["data"] == answers[1].json()["data"]
        assert (await billing.balance(account))["balance"] == 203
        # A process that died before it kept the answer: the route runs again.
        async with billing.database.transaction(SYSTEM_ACCOUNT) as tx:
            await tx.execute("UPDATE idempotency_keys SET status = NULL, locked_until = '-infinity'")
        for amount in (5, -2):
            await billing.staff("POST", "adjustments/", adjusting(account, amount), key=f"once {amount}")
        assert (await billing.balance(account))["balance"] == 203

    async def test_a_key_that_is_used_again_for_another_one_moves_what_that_says(
        self, billing: Billing, account: Account
    ) -> None:
        """A day later nobody remembers the key any more."""
        other = Account()
        await billing.hear(other, registered(other))
        for each, amount in ((account, 5), (account, 9), (account, -4), (other, 5)):
            answer = await billing.staff("POST", "adjustments/", adjusting(each, amount), key="bonus")
            assert answer.status_code == 201
            made = answer.json()["data"]
            assert (made["account"], made["amount"]) == (str(each.id), amount)
            async with billing.database.transaction(SYSTEM_ACCOUNT) as tx:
                await tx.execute("DELETE FROM idempotency_keys")
        assert (await billing.balance(account))["balance"] == 210
        assert (await billing.balance(other))["balance"] == 205

    async def test_an_erased_account_gets_none_though_its_rows_are_still_there(
        self, billing: Billing, account: Account
    ) -> None:
        async with billing.database.transaction(account.id) as tx:
            await begin(tx)
        for amount in (5, -5):
            answer = await billing.staff("POST", "adjustments/", adjusting(account, amount))
            assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")
        assert await billing.said(account, "CreditsGranted") == 1

    async def test_the_list_is_of_all_accounts_or_of_one(self, billing: Billing, account: Account) -> None:
        other = Account()
        await billing.hear(other, registered(other))
        for each, amount in ((account, 1), (other, 2), (account, -3)):
            answer = await billing.staff("POST", "adjustments/", adjusting(each, amount))
            assert answer.status_code == 201, answer.text
        every = (await billing.staff("GET", "adjustments/?ordering=amount")).json()["data"]
        assert [row["amount"] for row in every["results"]] == [-3, 1, 2]
        one = (await billing.staff("GET", f"adjustments/?account={account.id}&page_size=1")).json()["data"]
        assert (one["count"], [row["amount"] for row in one["results"]]) == (2, [-3])
        assert (await billing.staff("GET", f"adjustments/?account={new_id()}")).json()["data"]["count"] == 0

    async def test_a_body_that_does_not_fit_is_refused_by_field(
        self, billing: Billing, account: Account
    ) -> None:
        for change, field in (
            ({"amount": 0}, "amount"),
            ({"amount": 0.0005}, "amount"),
            ({"amount": "5"}, "amount"),
            ({"amount": True}, "amount"),
            ({"amount": None}, "amount"),
            ({"amount": 1_000_000_001}, "amount"),
            ({"reason": " "}, "reason"),
            ({"account": "everybody"}, "account"),
            ({"kind": "purchase"}, "kind"),
        ):
            refused = await billing.staff("POST", "adjustments/", adjusting(account, 1) | change)
            assert (refused.status_code, refused.json()["error_code"]) == (400, "VALIDATION_ERROR"), change
            assert list(refused.json()["errors"]) == [field], change
            assert (await billing.balance(account))["balance"] == 200, change

    async def test_an_account_nobody_knows_gets_nothing(self, billing: Billing) -> None:
        unknown = Account()
        refused = await billing.staff("POST", "adjustments/", adjusting(unknown, 5))
        assert (refused.status_code, refused.json()["error_code"]) == (404, "NOT_FOUND")
        assert await billing.said(unknown, "CreditsGranted") == 0
        assert (await billing.staff("GET", f"adjustments/{new_id()}/")).status_code == 404

    @pytest.mark.parametrize("role", ["owner", "admin", "editor", "viewer"])
    async def test_it_is_for_staff(self, billing: Billing, account: Account, role: str) -> None:
        for method in ("GET", "POST"):
            answer = await billing.staff(method, "adjustments/", adjusting(account, 1), role=role)
            assert (answer.status_code, answer.json()["error_code"]) == (403, "FORBIDDEN")


class TestRateCards:
    async def test_the_next_version_is_published_and_in_force(
        self, billing: Billing, account: Account
    ) -> None:
        answer = await billing.staff("POST", "rate-cards/", PRICES)
        assert answer.status_code == 201, answer.text
        made = answer.json()["data"]
        StaffRateCardOut.model_validate(made)
        assert {name: made[name] for name in PRICES} == PRICES
        assert made["version"] == 2
        assert (await billing.staff("GET", "rate-cards/2/")).json()["data"] == made
        listed = (await billing.staff("GET", "rate-cards/")).json()["data"]["results"]
        assert [row["version"] for row in listed] == [2, 1]
        current = (await billing.get(account, "/rate-card/")).json()["data"]
        assert current == {name: value for name, value in made.items() if name != "published_at"}
        said = Account(SYSTEM_ACCOUNT)
        assert await billing.said(said, "RateCardPublished") == 2
        assert (await meta_of(billing, said.id, "RateCardPublished"))["actor"] == f"user:{STAFF}"

    async def test_the_prices_in_force_and_a_repeated_request_publish_nothing(self, billing: Billing) -> None:
        for key in ("one", "one", "two", None):
            answer = await billing.staff("POST", "rate-cards/", PRICES, key=key)
            assert (answer.status_code, answer.json()["data"]["version"]) == (201, 2)
        assert await billing.said(Account(SYSTEM_ACCOUNT), "RateCardPublished") == 2

    async def test_racing_ones_become_versions_of_their_own(self, billing: Billing) -> None:
        cards = [{**PRICES, "clustering": price} for price in range(1, 6)]
        answers = await asyncio.gather(*(billing.staff("POST", "rate-cards/", card) for card in cards))
        assert sorted(answer.json()["data"]["version"] for answer in answers) == [2, 3, 4, 5, 6]

    async def test_a_card_that_does_not_fit_is_refused_by_field(self, billing: Billing) -> None:
        for change, field in (
            ({"clustering": -1}, "clustering"),
            ({"clustering": 0.0001}, "clustering"),
            ({"image_prompt": "1"}, "image_prompt"),
            ({"words_per_unit": 0}, "words_per_unit"),
            ({"words_per_unit": 1.5}, "words_per_unit"),
            ({"content_step": 0}, "content_step"),
            ({"image_by_model": {}}, "image_by_model"),
            ({"image_by_model": {"runware": 1}}, "image_by_model"),
            ({"version": 7}, "version"),
        ):
            refused = await billing.staff("POST", "rate-cards/", PRICES | change)
            assert (refused.status_code, refused.json()["error_code"]) == (400, "VALIDATION_ERROR"), change
            assert list(refused.json()["errors"]) == [field], change
            assert (await billing.staff("GET", "rate-cards/2/")).status_code == 404, change

    async def test_a_card_that_no_message_can_carry_is_refused(self, billing: Billing) -> None:
        models = {"local": 1} | {"界" * 196 + f"{n:04}": 1 for n in range(499)}
        refused = await billing.staff("POST", "rate-cards/", PRICES | {"image_by_model": models})
        assert (refused.status_code, refused.json()["error_code"]) == (413, "BODY_TOO_LARGE")
        assert (await billing.staff("GET", "rate-cards/2/")).status_code == 404

    @pytest.mark.parametrize("role", ["owner", "editor"])
    async def test_they_are_for_staff(self, billing: Billing, role: str) -> None:
        for method, path in (("GET", "rate-cards/"), ("GET", "rate-cards/1/"), ("POST", "rate-cards/")):
            assert (await billing.staff(method, path, PRICES, role=role)).status_code == 403

    async def test_the_card_of_the_product_gives_way_to_those_of_staff(
        self, billing: Billing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await billing.staff("POST", "rate-cards/", PRICES)
        monkeypatch.setattr("billing.app.DEFAULT_CARD", replace(DEFAULT_CARD, version=2, clustering=99))
        await publish_default_card(billing.database)
        assert (await billing.staff("GET", "rate-cards/")).json()["data"]["results"][0]["clustering"] == 12
