"""What a plan limits by the month: counted where billing reserves, corrected where it settles or gives back."""

from typing import Any
from uuid import UUID

import pytest
from billing.rates.default_card import DEFAULT_CARD
from billing.wallets.decisions import WALLET, ExpireReservation, ReserveCredits
from billing.wallets.events import CreditsRefused, CreditsReleased, CreditsReserved, WalletEvent
from common.contracts.billing import LimitReached, Limits, MonthlyUse, RateCard
from common.contracts.operations import Charge, OperationItem
from common.plan_limits import Counts
from msgspec import structs

from tests.unit.billing.wallet_facts import (
    I1,
    I2,
    LATER,
    ORIGIN,
    A,
    B,
    cancel,
    fail,
    granted,
    refused,
    reserve,
    reserved,
    settle,
    words,
)

ANY_NUMBER = dict.fromkeys(Limits.__struct_fields__)
RICH = (granted(1_000_000),)


def allow(**limits: int) -> Limits:
    return Limits(**{**ANY_NUMBER, **limits})


def used(ai_requests: int, words: int = 0, images: int = 0, month: str = "2026-01") -> MonthlyUse:
    return MonthlyUse(month=month, ai_requests=ai_requests, words=words, images=images)


def ask(
    charge: Charge, *items: UUID, limits: Limits | None = None, card: RateCard = DEFAULT_CARD
) -> ReserveCredits:
    wanted = tuple(OperationItem(item_id=item, charge=charge) for item in items)
    return ReserveCredits(A, "generate_images", wanted, card, LATER, ORIGIN, month="2026-01", limits=limits)


IMAGE = Charge(kind="image", units=1)


class Account:
    """A wallet that does what it decides."""

    def __init__(self, *facts: WalletEvent) -> None:
        self.wallet = WALLET.fold(facts)

    def does(self, *commands: Any) -> Any:
        """The last command's facts."""
        events: Any = ()
        for command in commands:
            events = WALLET.decide(command, self.wallet)
            self.wallet = WALLET.fold(events, self.wallet)
        return events

    @property
    def used(self) -> MonthlyUse | None:
        return self.wallet.used


@pytest.fixture
def account() -> Account:
    return Account(*RICH)


class TestReserving:
    def test_the_most_that_its_items_come_to_counts(self, account: Account) -> None:
        (event,) = account.does(reserve(A, i1=500, i2=1_000))
        assert isinstance(event, CreditsReserved)
        assert event.counts == {I1: Counts(1, 500), I2: Counts(1, 1_000)}
        assert (event.month, event.used) == ("2026-01", used(2, 1_500))
        assert account.used == event.used

    def test_an_image_counts_as_one_and_as_a_request(self, account: Account) -> None:
        account.does(ask(IMAGE, I1, I2, limits=allow(images=2)))
        assert account.used == used(2, images=2)

    @pytest.mark.parametrize("kind", ["clustering", "ideas", "image_prompt"])
    def test_anything_else_counts_as_a_request(self, account: Account, kind: Any) -> None:
        account.does(ask(Charge(kind=kind, units=3), I1))
        assert account.used == used(1)

    def test_what_is_only_there_to_be_answered_counts_nothing(self) -> None:
        account = Account()
        answered = Charge(kind="image_prompt", units=0)
        (event,) = account.does(ask(answered, I1, limits=allow(ai_requests=0)))
        assert isinstance(event, CreditsReserved)
        assert (event.counts, event.used, account.used) == ({}, None, None)

    @pytest.mark.parametrize(
        ("limits", "reached"),
        [
            (allow(ai_requests=2), LimitReached(of="ai_requests", used=1, asked=2, limit=2)),
            (allow(words=1_999), LimitReached(of="words", used=500, asked=1_500, limit=1_999)),
            (
                allow(ai_requests=2, words=1),
                LimitReached(of="ai_requests", used=1, asked=2, limit=2),
            ),
        ],
    )
    def test_what_would_pass_a_limit_is_refused_for_good(
        self, account: Account, limits: Limits, reached: LimitReached
    ) -> None:
        account.does(reserve(A, i1=500))
        again = reserve(B, limits=limits, i1=500, i2=1_000)
        (event,) = account.does(again)
        assert event == CreditsRefused(
            operation_id=B, function="generate_content", needed=3_000, available=999_000, reached=reached
        )
        assert account.used == used(1, 500)
        assert not account.does(again, reserve(B, i1=1))

    def test_exactly_what_there_is_room_for_is_reserved(self, account: Account) -> None:
        limits = allow(ai_requests=3, words=2_000, images=0)
        account.does(reserve(A, i1=500))
        (event,) = account.does(reserve(B, limits=limits, i1=500, i2=1_000))
        assert isinstance(event, CreditsReserved)

    def test_a_limit_that_is_passed_already_stops_only_what_takes_more_of_it(self, account: Account) -> None:
        account.does(reserve(B, i1=500))
        account.does(ask(IMAGE, I1, limits=allow(words=10)))
        assert account.used == used(2, 500, 1)

    def test_the_limit_is_said_before_the_credits_that_are_missing_too(self) -> None:
        (event,) = Account().does(reserve(A, limits=allow(words=0), i1=500))
        assert event.reached == LimitReached(of="words", used=0, asked=500, limit=0)

    def test_without_credits_the_limits_are_not_named(self) -> None:
        assert Account().does(reserve(A, limits=allow(words=500), i1=500)) == [refused(A, 1_000, 0)]


class TestEnding:
    def test_what_an_item_came_to_counts_in_place_of_what_was_reserved(self, account: Account) -> None:
        account.does(reserve(A, i1=500, i2=1_000))
        event, *_ = account.does(settle(A, I1, words(420)))
        assert event.used == account.used == used(2, 1_420)
        account.does(settle(A, I2, words(700)))
        assert account.used == used(2, 1_120)

    def test_no_item_counts_for_more_than_was_reserved(self, account: Account) -> None:
        (event, *_) = account.does(reserve(A, i1=500), settle(A, I1, words(9_000)))
        assert (event.used, account.used) == (None, used(1, 500))

    def test_what_failed_counts_nothing(self, account: Account) -> None:
        account.does(reserve(A, i1=500, i2=1_000), fail(A, I1))
        assert account.used == used(1, 1_000)
        account.does(settle(A, I2, words(1_000)))
        assert account.used == used(1, 1_000)

    def test_what_was_cancelled_counts_nothing(self, account: Account) -> None:
        (event,) = account.does(reserve(A, i1=500, i2=1_000), cancel(A))
        assert event.used == account.used == used(0)

    def test_a_failure_that_frees_no_credits_says_what_is_used_all_the_same(self, account: Account) -> None:
        free = Charge(kind="image", units=1, model="free")
        card = structs.replace(DEFAULT_CARD, image_by_model={"free": 0})
        (event,) = account.does(ask(free, I1, card=card), fail(A, I1))
        assert isinstance(event, CreditsReleased)
        assert (event.amount, event.used) == (0, used(0))

    def test_an_expired_reservation_counts_nothing_until_its_result_comes_late(
        self, account: Account
    ) -> None:
        account.does(reserve(A, i1=500, i2=1_000))
        (event,) = account.does(ExpireReservation(A, LATER))
        assert event.used == account.used == used(0)
        account.does(settle(A, I1, words(400)))
        assert account.used == used(1, 400)
        account.does(fail(A, I2))
        assert account.used == used(1, 400)


class TestANewMonth:
    def test_begins_with_nothing_used(self, account: Account) -> None:
        limits = allow(words=500)
        account.does(reserve(A, limits=limits, i1=500))
        (event,) = account.does(reserve(B, limits=limits, month="2026-02", i1=500))
        assert event.used == account.used == used(1, 500, month="2026-02")

    def test_is_not_burdened_by_what_was_asked_for_in_the_one_before(self, account: Account) -> None:
        account.does(reserve(A, i1=500, i2=1_000), reserve(B, month="2026-02", i1=500))
        for command in (settle(A, I1, words(400)), fail(A, I2)):
            event, *_ = account.does(command)
            assert event.used is None
        assert account.used == used(1, 500, month="2026-02")

    def test_does_not_end_by_a_request_that_comes_late(self, account: Account) -> None:
        account.does(reserve(A, month="2026-02", i1=500))
        (event,) = account.does(reserve(B, month="2026-01", i1=500))
        assert (event.month, event.used) == ("2026-02", used(2, 1_000, month="2026-02"))
        account.does(cancel(B))
        assert account.used == used(1, 500, month="2026-02")


def test_what_was_reserved_before_there_were_monthly_limits_counts_nothing() -> None:
    account = Account(*RICH, reserved(A, {I1: 1_000}, balance=1_000_000, available=999_000))
    account.does(settle(A, I1, words(400)))
    assert account.used is None
