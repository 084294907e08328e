"""The wallet's rules. 1 to 250 words cost 500 millicredits, 500 words 1,000, 1,000 words 2,000."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest
from billing.rates.default_card import DEFAULT_CARD
from billing.wallets.decisions import (
    WALLET,
    ExpireGrant,
    ExpireReservation,
    GrantNotPositive,
    MoreThanAvailable,
    OperationUnknown,
    WithdrawalNotPositive,
    decide,
)
from billing.wallets.events import CreditsWrittenOff, Share, Wallet, evolve
from common.contracts.operations import Charge, OperationItem
from common.testing import given as given_of

from tests.unit.billing.wallet_facts import (
    CREDITS,
    GRANT,
    I1,
    I2,
    LATER,
    NOON,
    OTHER_GRANT,
    A,
    B,
    cancel,
    deducted,
    expired,
    fail,
    grant,
    granted,
    refused,
    released,
    reserve,
    reserved,
    settle,
    withdraw,
    withdrawn,
    words,
)

given = given_of(CREDITS)


class TestWhenEmpty:
    def test_a_grant_adds_credits(self) -> None:
        given().when(grant(10_000)).then(granted(10_000))

    def test_what_was_paid_for_is_spent_last(self) -> None:
        given().when(grant(10_000, kind="purchase")).then(granted(10_000, kind="purchase", priority=50))

    @pytest.mark.parametrize("amount", [0, -1])
    def test_a_grant_of_nothing_is_refused(self, amount: int) -> None:
        given().when(grant(amount)).then_refused(GrantNotPositive)

    def test_a_reservation_is_refused(self) -> None:
        given().when(reserve(A, i1=1_000)).then(refused(A, 2_000, 0))

    def test_a_reservation_of_nothing_is_over_at_once(self) -> None:
        event = reserved(A, {}, balance=0, available=0)
        given().when(reserve(A)).then(event)
        assert A in given(event).state.closed

    def test_outcomes_wait_for_their_request(self) -> None:
        given().when(settle(A, I1, words(500))).then_refused(OperationUnknown, operation_id=str(A))
        given().when(fail(A, I1)).then_refused(OperationUnknown)
        given().when(cancel(A)).then_refused(OperationUnknown)

    def test_nothing_expires(self) -> None:
        given().when(ExpireReservation(A, LATER)).then_nothing()
        given().when(ExpireGrant(GRANT, LATER)).then_nothing()


class TestWhenGranted:
    facts = (granted(10_000),)

    def test_the_same_grant_again_changes_nothing(self) -> None:
        given(*self.facts).when(grant(10_000)).then_nothing()

    def test_another_grant_adds(self) -> None:
        given(*self.facts).when(grant(500, id=OTHER_GRANT)).then(granted(500, id=OTHER_GRANT, before=10_000))

    def test_reserves_what_all_items_cost_at_most_by_billings_own_card(self) -> None:
        given(*self.facts).when(reserve(A, i1=500, i2=1_000)).then(
            reserved(A, {I1: 1_000, I2: 2_000}, balance=10_000, available=7_000)
        )

    def test_an_image_model_that_lost_its_price_meanwhile_counts_as_the_dearest(self) -> None:
        item = OperationItem(item_id=I1, charge=Charge(kind="image", units=2, model="crayon"))
        dearest = 2 * max(DEFAULT_CARD.image_by_model.values())
        given(*self.facts).when(replace(reserve(A), items=(item,))).then(
            reserved(A, {I1: dearest}, balance=10_000, available=10_000 - dearest)
        )


class TestWhenAlmostEmpty:
    facts = (granted(2_500), reserved(A, {I1: 1_000}, balance=2_500, available=1_500))

    def test_refuses_a_reservation_above_what_is_available(self) -> None:
        given(*self.facts).when(reserve(B, i1=1_000)).then(refused(B, 2_000, 1_500))

    def test_grants_one_of_exactly_what_is_available(self) -> None:
        given(*self.facts).when(reserve(B, i1=501)).then(reserved(B, {I1: 1_500}, balance=2_500, available=0))

    def test_what_was_refused_stays_refused(self) -> None:
        more = granted(10_000, id=OTHER_GRANT, before=2_500, available=11_500)
        given(*self.facts, refused(B, 2_000, 1_500), more).when(reserve(B, i1=1_000)).then_nothing()
        given(*self.facts, refused(B, 2_000, 1_500)).when(settle(B, I1, words(1))).then_nothing()
        given(*self.facts, refused(B, 2_000, 1_500)).when(fail(B)).then_nothing()


class TestWhenReserved:
    facts = (granted(10_000), reserved(A, {I1: 1_000, I2: 2_000}, balance=10_000, available=7_000))
    first = deducted(A, I1, 500, balance=9_500, available=7_000, held=2_500, maximum=1_000, charge=words(100))
    second = deducted(
        A, I2, 1_500, balance=8_000, available=7_000, held=1_000, maximum=2_000, charge=words(700)
    )

    def test_the_same_request_again_changes_nothing(self) -> None:
        given(*self.facts).when(reserve(A, i1=500, i2=1_000)).then_nothing()

    def test_an_item_is_charged_what_it_came_to(self) -> None:
        given(*self.facts).when(settle(A, I1, words(100))).then(self.first)

    def test_an_item_is_never_charged_above_its_maximum(self) -> None:
        given(*self.facts).when(settle(A, I1, words(1_000))).then(
            deducted(
                A, I1, 1_000, balance=9_000, available=7_000, held=2_000, maximum=1_000, price=2_000,
                charge=words(1_000),
            )
        )  # fmt: skip

    def test_an_item_is_charged_once(self) -> None:
        given(*self.facts, self.first).when(settle(A, I1, words(100))).then_nothing()

    def test_an_item_nobody_reserved_is_not_charged(self) -> None:
        given(*self.facts).when(settle(A, B, words(100))).then_nothing()

    def test_with_the_last_item_the_rest_is_released(self) -> None:
        given(*self.facts, self.first).when(settle(A, I2, words(700))).then(
            self.second, released(A, (), 1_000, "settled", balance=8_000, available=8_000, held=0)
        )

    def test_without_a_rest_nothing_is_released(self) -> None:
        exact = (granted(1_000), reserved(A, {I1: 1_000}, balance=1_000, available=0))
        event = deducted(A, I1, 1_000, balance=0, available=0, held=0, maximum=1_000, charge=words(500))
        given(*exact).when(settle(A, I1, words(500))).then(event)
        state = given(*exact, event).state
        assert A in state.closed
        assert GRANT in state.closed
        assert (state.balance, state.reserved, len(state.grants)) == (0, 0, 0)

    def test_a_failed_item_costs_nothing(self) -> None:
        given(*self.facts).when(fail(A, I1)).then(
            released(
                A, (I1,), 1_000, "failed", balance=10_000, available=8_000, held=2_000,
                error_code="AI_REFUSED", provider_cost_micro_usd=5,
            )
        )  # fmt: skip

    def test_when_the_last_item_fails_the_rest_of_the_others_goes_with_it(self) -> None:
        given(*self.facts, self.first).when(fail(A, I2)).then(
            released(
                A, (I2,), 2_500, "failed", balance=9_500, available=9_500, held=0,
                error_code="AI_REFUSED", provider_cost_micro_usd=5,
            )
        )  # fmt: skip

    def test_an_item_fails_once(self) -> None:
        given(*self.facts, self.first).when(fail(A, I1)).then_nothing()

    def test_a_failure_without_an_item_ends_all_that_are_open(self) -> None:
        given(*self.facts, self.first).when(fail(A)).then(
            released(
                A, (I2,), 2_500, "failed", balance=9_500, available=9_500, held=0,
                error_code="AI_REFUSED", provider_cost_micro_usd=5,
            )
        )  # fmt: skip

    def test_a_cancelled_operation_gives_back_everything(self) -> None:
        given(*self.facts).when(cancel(A)).then(
            released(A, (I1, I2), 3_000, "cancelled", balance=10_000, available=10_000, held=0)
        )

    def test_it_does_not_expire_before_its_time(self) -> None:
        given(*self.facts).when(ExpireReservation(A, LATER - timedelta(seconds=1))).then_nothing()

    def test_it_expires_without_an_outcome(self) -> None:
        given(*self.facts).when(ExpireReservation(A, LATER)).then(
            released(A, (), 3_000, "expired", balance=10_000, available=10_000, held=0)
        )

    def test_an_image_by_a_model_without_a_price_costs_the_agreed_maximum(self) -> None:
        charge = Charge(kind="image", units=1, model="crayon")
        given(*self.facts).when(settle(A, I1, charge)).then(
            deducted(A, I1, 1_000, balance=9_000, available=7_000, held=2_000, maximum=1_000, charge=charge)
        )

    def test_it_is_settled_by_the_card_it_was_reserved_with(self) -> None:
        dearer = msgspec.structs.replace(DEFAULT_CARD, version=2, content_per_unit=9_000)
        command = replace(settle(A, I1, words(100)), cards={1: DEFAULT_CARD, 2: dearer})
        given(*self.facts).when(command).then(self.first)


class TestWhenClosed:
    facts = (
        granted(10_000),
        reserved(A, {I1: 1_000}, balance=10_000, available=9_000),
        deducted(A, I1, 1_000, balance=9_000, available=9_000, held=0, maximum=1_000, charge=words(500)),
    )

    def test_nothing_that_comes_again_changes_anything(self) -> None:
        for command in (
            reserve(A, i1=500),
            settle(A, I1, words(500)),
            fail(A, I1),
            fail(A),
            cancel(A),
            ExpireReservation(A, LATER),
        ):
            given(*self.facts).when(command).then_nothing()


class TestWhenExpired:
    facts = (
        granted(3_000),
        reserved(A, {I1: 1_000, I2: 2_000}, balance=3_000, available=0),
        released(A, (), 3_000, "expired", balance=3_000, available=3_000, held=0),
    )
    spent = reserved(B, {I1: 2_500}, balance=3_000, available=500)

    def test_it_expires_once(self) -> None:
        given(*self.facts).when(ExpireReservation(A, LATER)).then_nothing()

    def test_a_late_outcome_is_charged_from_what_is_available(self) -> None:
        late = deducted(
            A, I2, 2_000, balance=1_000, available=1_000, held=0, maximum=2_000, charge=words(1_000)
        )
        given(*self.facts).when(settle(A, I2, words(1_000))).then(late)
        given(*self.facts, late).when(settle(A, I2, words(1_000))).then_nothing()

    def test_what_is_no_longer_available_is_written_off(self) -> None:
        given(*self.facts, self.spent).when(settle(A, I2, words(1_000))).then(
            deducted(
                A, I2, 500, balance=2_500, available=0, held=0, maximum=2_000, price=2_000,
                charge=words(1_000),
            ),
            CreditsWrittenOff(operation_id=A, item_id=I2, amount=1_500),
        )  # fmt: skip

    def test_a_write_off_moves_no_credits(self) -> None:
        off = CreditsWrittenOff(operation_id=A, item_id=I2, amount=1_500)
        assert given(*self.facts, off).state == given(*self.facts).state

    def test_with_nothing_available_all_is_written_off(self) -> None:
        nothing = reserved(B, {I1: 3_000}, balance=3_000, available=0)
        given(*self.facts, nothing).when(settle(A, I1, words(500))).then(
            deducted(
                A, I1, 0, balance=3_000, available=0, held=0, maximum=1_000, price=1_000,
                charge=words(500),
            ),
            CreditsWrittenOff(operation_id=A, item_id=I1, amount=1_000),
        )  # fmt: skip

    def test_a_late_failure_closes_it_and_gives_nothing_back(self) -> None:
        late = released(
            A, (I1,), 0, "failed", balance=3_000, available=3_000, held=0, error_code="AI_REFUSED",
            provider_cost_micro_usd=5,
        )  # fmt: skip
        given(*self.facts).when(fail(A, I1)).then(late)
        given(*self.facts, late).when(settle(A, I1, words(500))).then_nothing()

    def test_when_all_items_have_ended_it_is_closed(self) -> None:
        over = released(A, (I1, I2), 0, "cancelled", balance=3_000, available=3_000, held=0)
        given(*self.facts).when(cancel(A)).then(over)
        assert A in given(*self.facts, over).state.closed


class TestWhenGrantsEnd:
    monthly = granted(3_000, expires_at=NOON)
    bought = granted(5_000, id=OTHER_GRANT, before=3_000, kind="purchase", priority=50)
    running = reserved(A, {I1: 2_000}, balance=8_000, available=6_000)

    def test_not_before_their_time(self) -> None:
        given(self.monthly).when(ExpireGrant(GRANT, NOON - timedelta(seconds=1))).then_nothing()

    def test_never_without_an_end(self) -> None:
        given(self.monthly, self.bought).when(ExpireGrant(OTHER_GRANT, LATER)).then_nothing()

    def test_what_is_left_expires(self) -> None:
        event = expired(GRANT, 3_000, balance=5_000, available=5_000)
        given(self.monthly, self.bought).when(ExpireGrant(GRANT, NOON)).then(event)
        given(self.monthly, self.bought, event).when(ExpireGrant(GRANT, NOON)).then_nothing()
        given(self.monthly, self.bought, event).when(grant(3_000)).then_nothing()

    def test_what_is_reserved_does_not_expire(self) -> None:
        only = (self.monthly, reserved(A, {I1: 2_000}, balance=3_000, available=1_000))
        event = expired(GRANT, 1_000, balance=2_000, available=0)
        given(*only).when(ExpireGrant(GRANT, NOON)).then(event)
        given(*only, event).when(ExpireGrant(GRANT, LATER)).then_nothing()

    def test_it_expires_when_it_is_given_back(self) -> None:
        given(
            self.monthly,
            reserved(A, {I1: 2_000}, balance=3_000, available=1_000),
            expired(GRANT, 1_000, balance=2_000, available=0),
        ).when(cancel(A)).then(
            released(A, (I1,), 2_000, "cancelled", balance=2_000, available=2_000, held=0),
            expired(GRANT, 2_000, balance=0, available=0),
        )

    def test_a_grant_that_is_all_reserved_ends_without_losing_anything(self) -> None:
        given(self.monthly, reserved(A, {I1: 3_000}, balance=3_000, available=0)).when(
            ExpireGrant(GRANT, NOON)
        ).then(expired(GRANT, 0, balance=3_000, available=0))

    def test_what_is_spent_by_its_reservation_does_not_expire(self) -> None:
        only = (
            self.monthly,
            reserved(A, {I1: 3_000}, balance=3_000, available=0),
            expired(GRANT, 0, balance=3_000, available=0),
        )
        given(*only).when(settle(A, I1, words(1_500))).then(
            deducted(A, I1, 3_000, balance=0, available=0, held=0, maximum=3_000, charge=words(1_500))
        )

    def test_a_reservation_holds_of_the_ending_grant_before_others(self) -> None:
        given(self.monthly, self.bought, self.running).when(ExpireGrant(GRANT, NOON)).then(
            expired(GRANT, 1_000, balance=7_000, available=5_000)
        )

    def test_what_other_grants_have_available_is_not_expired_instead(self) -> None:
        facts = (
            self.monthly,
            reserved(A, {I1: 3_000}, balance=3_000, available=0),
            expired(GRANT, 0, balance=3_000, available=0),
            granted(500, id=OTHER_GRANT, before=3_000, available=500),
            reserved(B, {I2: 500}, balance=3_500, available=0),
        )
        given(*facts).when(cancel(B)).then(
            released(B, (I2,), 500, "cancelled", balance=3_500, available=500, held=0)
        )

    def test_of_two_ended_grants_only_what_is_given_back_expires(self) -> None:
        facts = (
            self.monthly,
            granted(1_000, id=OTHER_GRANT, before=3_000, expires_at=NOON),
            reserved(A, {I1: 2_000}, balance=4_000, available=2_000),
            reserved(B, {I2: 2_000}, balance=4_000, available=0),
            expired(GRANT, 0, balance=4_000, available=0),
        )
        both = expired(OTHER_GRANT, 0, balance=4_000, available=0)
        given(*facts).when(ExpireGrant(OTHER_GRANT, NOON)).then(both)
        given(*facts, both).when(cancel(B)).then(
            released(B, (I2,), 2_000, "cancelled", balance=4_000, available=2_000, held=0),
            expired(GRANT, 2_000, balance=2_000, available=0),
        )


class TestWhenStaffTakeCreditsBack:
    bought = granted(5_000, kind="purchase", priority=50)
    monthly = granted(3_000, id=OTHER_GRANT, before=5_000, expires_at=LATER)

    def test_they_come_from_the_grants_in_the_order_in_which_those_are_spent(self) -> None:
        taken = withdrawn(
            4_000, balance=4_000, available=4_000, shares=(Share(OTHER_GRANT, 3_000), Share(GRANT, 1_000))
        )
        given(self.bought, self.monthly).when(withdraw(4_000)).then(taken)
        assert WALLET.fold([self.bought, self.monthly, taken]).balance == 4_000

    def test_the_same_again_changes_nothing(self) -> None:
        taken = withdrawn(1_000, balance=4_000, available=4_000, shares=(Share(GRANT, 1_000),))
        given(self.bought, taken).when(withdraw(1_000)).then_nothing()

    def test_what_is_reserved_stays(self) -> None:
        running = reserved(A, {I1: 4_000}, balance=5_000, available=1_000)
        given(self.bought, running).when(withdraw(1_001)).then_refused(
            MoreThanAvailable, needed=1.001, available=1
        )
        given(self.bought, running).when(withdraw(1_000)).then(
            withdrawn(1_000, balance=4_000, available=0, shares=(Share(GRANT, 1_000),))
        )

    def test_what_is_held_of_a_grant_that_is_over_stays(self) -> None:
        over = granted(2_000, expires_at=NOON)
        running = reserved(A, {I1: 2_000}, balance=2_000, available=0)
        facts = (over, running, expired(GRANT, 0, balance=2_000, available=0))
        more = granted(1_000, id=OTHER_GRANT, before=2_000, available=1_000)
        given(*facts, more).when(withdraw(1_000)).then(
            withdrawn(1_000, balance=2_000, available=0, shares=(Share(OTHER_GRANT, 1_000),))
        )

    @pytest.mark.parametrize("amount", [0, -1])
    def test_nothing_and_less_is_refused(self, amount: int) -> None:
        given(self.bought).when(withdraw(amount)).then_refused(WithdrawalNotPositive)


class TestWhoPays:
    bought = granted(5_000, kind="purchase", priority=50)
    monthly = granted(3_000, id=OTHER_GRANT, before=5_000, expires_at=LATER)
    running = reserved(A, {I1: 4_000}, balance=8_000, available=4_000)

    def shares(self, *facts: Any) -> tuple[Share, ...]:
        events = given(*facts).when(settle(A, I1, words(2_000))).decided
        return cast("Any", events[0]).shares  # type: ignore[no-any-return]

    def test_low_priority_numbers_first(self) -> None:
        assert self.shares(self.bought, self.monthly, self.running) == (
            Share(OTHER_GRANT, 3_000),
            Share(GRANT, 1_000),
        )

    def test_among_equals_the_one_that_expires_first(self) -> None:
        early = granted(5_000, id=OTHER_GRANT, expires_at=NOON)
        late = granted(5_000, id=GRANT, before=5_000, expires_at=LATER)
        running = reserved(A, {I1: 4_000}, balance=10_000, available=6_000)
        assert self.shares(late, early, running) == (Share(OTHER_GRANT, 4_000),)

    def test_what_is_past_its_end_before_all_others(self) -> None:
        lapsed = granted(5_000, kind="purchase", priority=50, expires_at=NOON)
        running = reserved(A, {I1: 4_000}, balance=5_000, available=1_000)
        facts = (lapsed, running, expired(GRANT, 1_000, balance=4_000, available=0))
        plan = granted(5_000, id=OTHER_GRANT, before=4_000, available=5_000)
        assert self.shares(*facts, plan) == (Share(GRANT, 4_000),)


def test_facts_stored_as_json_come_back_the_same() -> None:
    facts = (
        *TestWhenReserved.facts,
        TestWhenReserved.first,
        refused(B, 1, 0),
        released(A, (I2,), 2_500, "failed", balance=9_500, available=9_500, held=0),
        expired(GRANT, 9_500, balance=0, available=0),
        CreditsWrittenOff(operation_id=A, item_id=I2, amount=1),
        withdrawn(1, balance=1, available=1, shares=(Share(GRANT, 1),)),
    )
    for fact in facts:
        assert WALLET.types.decode_json(type(fact).__name__, msgspec.json.encode(fact)) == fact
    assert {type(fact) for fact in facts} == set(WALLET.types.classes)


def test_commands_and_facts_nobody_knows_are_programming_errors() -> None:
    with pytest.raises(AssertionError):
        decide(cast("Any", object()), Wallet())
    with pytest.raises(AssertionError):
        evolve(Wallet(), cast("Any", object()))
