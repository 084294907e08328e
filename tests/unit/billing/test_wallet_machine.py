"""Whatever is asked of a wallet in whatever order: the ledger adds up and nobody owes anything."""

from datetime import timedelta
from typing import Literal
from uuid import UUID

import pytest
from billing.rates.default_card import DEFAULT_CARD
from billing.wallets.decisions import (
    WALLET,
    ExpireGrant,
    ExpireReservation,
    GrantCredits,
    OperationUnknown,
    ReleaseItems,
    ReserveCredits,
    SettleItem,
    WalletCommand,
    WithdrawCredits,
)
from billing.wallets.events import (
    CreditsDeducted,
    CreditsExpired,
    CreditsGranted,
    CreditsReleased,
    CreditsReserved,
    CreditsWithdrawn,
    CreditsWrittenOff,
    Wallet,
    WalletEvent,
)
from billing.wallets.snapshot import SNAPSHOT
from common.contracts.billing import Limits
from common.contracts.operations import Charge, OperationItem
from common.plan_limits import NOTHING, Counts, month_of, moved, total, used_in
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.billing.wallet_facts import NOON, ORIGIN, USAGE

pytestmark = pytest.mark.usefixtures("uncounted")  # 20,000 steps, each line of which other tests pass too
PICK = st.integers(0, 60)
ITEMS = st.integers(1, 3).map(lambda n: UUID(int=2000 + n))
WORDS = st.integers(0, 3_000)
LIMITS = Limits(
    users=None,
    sites=None,
    keywords=None,
    clusters=None,
    ideas=None,
    ai_requests=40,
    words=30_000,
    images=None,
)


class WalletMachine(RuleBasedStateMachine):
    """Keeps a ledger of its own beside the wallet, by the facts' amounts alone."""

    def __init__(self) -> None:
        super().__init__()
        self.wallet = Wallet()
        self.facts: list[WalletEvent] = []
        self.ledger = 0
        self.granted = 0
        self.reserved: dict[UUID, int] = {}
        self.charged: set[tuple[UUID, UUID]] = set()
        self.clock = NOON
        self.asked: dict[UUID, CreditsReserved] = {}
        self.made: dict[str, Counts] = {}

    def ask(self, command: WalletCommand) -> None:
        before = self.wallet
        try:
            events = WALLET.decide(command, before)
        except OperationUnknown:
            return
        for event in events:
            self.wallet = WALLET.evolve(self.wallet, event)
            self.book(event)
            self.facts.append(event)  # type: ignore[arg-type]
            self.adds_up()
        assert not WALLET.decide(command, self.wallet), "the same command again must change nothing"

    def book(self, event: object) -> None:
        match event:
            case CreditsGranted():
                self.ledger += event.amount
                self.granted += event.amount
            case CreditsReserved():
                assert event.operation_id not in self.reserved
                self.reserved[event.operation_id] = event.amount
                self.asked[event.operation_id] = event
                if event.used is not None:
                    assert event.used.ai_requests <= 40
                    assert event.used.words <= 30_000
            case CreditsDeducted():
                self.count(event)
                assert (event.operation_id, event.item_id) not in self.charged, "charged twice"
                assert event.amount == sum(share.amount for share in event.shares)
                assert event.amount <= event.maximum
                self.charged.add((event.operation_id, event.item_id))
                self.ledger -= event.amount
                if self.reserved[event.operation_id]:
                    self.reserved[event.operation_id] -= event.amount
            case CreditsReleased():
                self.reserved[event.operation_id] -= event.amount
            case CreditsWithdrawn():
                assert event.amount == sum(share.amount for share in event.shares)
                self.ledger -= event.amount
            case CreditsExpired():
                self.ledger -= event.amount
            case CreditsWrittenOff():
                assert event.amount > 0
                assert self.reserved[event.operation_id] == 0, "only a late outcome is written off"
        for name in ("balance", "available"):
            said = getattr(event, name, None)
            assert said is None or said == getattr(self.wallet, name), f"{type(event).__name__}.{name}"

    def count(self, event: CreditsDeducted) -> None:
        asked = self.asked[event.operation_id]
        most = asked.counts.get(event.item_id, NOTHING)
        made = Counts(most.ai_requests, min(most.words, event.charge.units))
        self.made[asked.month] = self.made.get(asked.month, NOTHING) + made

    def operation(self, n: int) -> UUID:
        """Mostly one that is on its way, now and then one that is over or was never asked for."""
        running = sorted(self.wallet.reservations)
        known = sorted(self.reserved)
        choices = running * 3 + known[-3:] or [UUID(int=999)]
        return choices[n % len(choices)]

    def item(self, operation_id: UUID, n: int) -> UUID:
        """Mostly one without an outcome."""
        reservation = self.wallet.reservations.get(operation_id)
        choices = [*sorted(reservation.open if reservation else ()) * 3, UUID(int=2001)]
        return choices[n % len(choices)]

    @rule(amount=st.integers(1, 20_000), days=st.none() | st.integers(0, 2))
    def grant(self, amount: int, days: int | None) -> None:
        ends = None if days is None else self.clock + timedelta(days=days)
        id = UUID(int=3000 + len(self.facts))
        self.ask(GrantCredits(id, "purchase" if days is None else "plan", amount, ends))

    @rule(part=st.integers(1, 100))
    def withdraw(self, part: int) -> None:
        if amount := self.wallet.available * part // 100:
            self.ask(WithdrawCredits(UUID(int=4000 + len(self.facts)), amount, "Given twice", "user:1"))

    @rule(items=st.dictionaries(ITEMS, WORDS, min_size=1, max_size=3))
    def reserve(self, items: dict[UUID, int]) -> None:
        wanted = tuple(
            OperationItem(item_id=item, charge=Charge(kind="content_words", units=words))
            for item, words in items.items()
        )
        ends = self.clock + timedelta(hours=2)
        id = UUID(int=1000 + len(self.facts))
        self.ask(
            ReserveCredits(
                id, "generate_content", wanted, DEFAULT_CARD, ends, ORIGIN, month_of(self.clock), LIMITS
            )
        )

    @rule(n=PICK)
    def request_comes_again(self, n: int) -> None:
        item = OperationItem(item_id=UUID(int=1), charge=Charge(kind="content_words", units=1))
        id, known = self.operation(n), len(self.facts)
        if id in self.reserved:
            self.ask(
                ReserveCredits(
                    id, "generate_content", (item,), DEFAULT_CARD, self.clock, ORIGIN, "2026-01", LIMITS
                )
            )
            assert len(self.facts) == known

    @rule(n=PICK, m=PICK, words=st.lists(WORDS, min_size=1, max_size=5))
    def settle(self, n: int, m: int, words: list[int]) -> None:
        for number, units in enumerate(words):
            id = self.operation(n + number)
            charge = Charge(kind="content_words", units=units)
            self.ask(SettleItem(id, self.item(id, m), charge, USAGE, {1: DEFAULT_CARD}))

    @rule(n=PICK, m=PICK)
    def fail(self, n: int, m: int) -> None:
        id = self.operation(n)
        self.ask(ReleaseItems(id, self.item(id, m), "failed", "X", 1))

    @rule(n=PICK, reason=st.sampled_from(["failed", "cancelled"]))
    def end(self, n: int, reason: Literal["failed", "cancelled"]) -> None:
        self.ask(ReleaseItems(self.operation(n), None, reason))

    @rule(n=PICK, minutes=st.integers(0, 300))
    def reservation_expires(self, n: int, minutes: int) -> None:
        self.clock += timedelta(minutes=minutes)
        self.ask(ExpireReservation(self.operation(n), self.clock))

    @rule(n=PICK, minutes=st.integers(0, 3_000))
    def grant_expires(self, n: int, minutes: int) -> None:
        self.clock += timedelta(minutes=minutes)
        ending = sorted(self.wallet.grants) or [UUID(int=999)]
        self.ask(ExpireGrant(ending[n % len(ending)], self.clock))

    @precondition(lambda self: len(self.facts) > 40)
    @rule()
    def is_folded_again(self) -> None:
        assert WALLET.fold(self.facts) == self.wallet

    @rule()
    def is_loaded_from_a_snapshot(self) -> None:
        self.wallet = SNAPSHOT.decode(SNAPSHOT.encode(self.wallet).decode())

    @invariant()
    def adds_up(self) -> None:
        wallet = self.wallet
        assert wallet.balance == self.ledger == sum(grant.left for grant in wallet.grants.values())
        assert wallet.reserved == sum(self.reserved.values())
        assert wallet.reserved == sum(held.held for held in wallet.reservations.values())
        assert 0 <= wallet.available == wallet.balance - wallet.reserved
        assert all(grant.left > 0 for grant in wallet.grants.values())

    @invariant()
    def a_month_has_used_what_was_made_and_what_may_be(self) -> None:
        used = self.wallet.used
        if used is None:
            return
        running = (
            held.counts.get(item, NOTHING)
            for held in self.wallet.reservations.values()
            if held.month == used.month and not held.expired
            for item in held.open
        )
        both = self.made.get(used.month, NOTHING) + total(running)
        assert used == moved(used_in(used.month, None), both)

    @invariant()
    def what_is_over_is_held_by_reservations(self) -> None:
        lapsed = sum(grant.left for grant in self.wallet.grants.values() if grant.lapsed)
        assert lapsed <= self.wallet.reserved

    @invariant()
    def survives_being_kept(self) -> None:
        assert SNAPSHOT.decode(SNAPSHOT.encode(self.wallet).decode()) == self.wallet


WalletMachine.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestWalletMachine = WalletMachine.TestCase
