from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest
from billing.entitlements.events import EntitlementsChanged
from billing.model import MODEL
from billing.plans.default_plans import DEFAULT_PLANS
from billing.plans.events import PlanWritten
from billing.publish import publish
from billing.rates.default_card import DEFAULT_CARD
from billing.rates.events import RateCardPublished
from billing.wallets.events import CreditsWrittenOff, Share
from common.contracts import Contract, spec_of
from common.contracts import billing as said
from common.contracts.export import ExportPartFailed, ExportPartReady
from common.contracts.operations import ObjectRef
from common.eventsourcing.event import Event, Meta, Recorded
from common.export.events import ExportPartGivenUp, ExportPartWritten
from msgspec import structs

from tests.unit.billing.wallet_facts import (
    ADJUSTMENT,
    GRANT,
    I1,
    LATER,
    NOON,
    ORIGIN,
    A,
    deducted,
    expired,
    granted,
    refused,
    released,
    reserved,
    withdrawn,
    words,
)

PART = ObjectRef(sha256="0" * 64, size=1, media_type="application/x-ndjson")
USED = said.MonthlyUse(month="2026-01", ai_requests=1, words=500)
REACHED = said.LimitReached(of="words", used=500, asked=9, limit=505)
PUBLIC: list[tuple[Event, Contract]] = [
    (RateCardPublished(DEFAULT_CARD), said.RateCardPublished(card=DEFAULT_CARD)),
    (
        granted(5, expires_at=NOON),
        said.CreditsGranted(
            grant_id=GRANT, kind="plan", amount=5, balance=5, available=5, expires_at=NOON.isoformat()
        ),
    ),
    (
        granted(5),
        said.CreditsGranted(grant_id=GRANT, kind="plan", amount=5, balance=5, available=5, expires_at=None),
    ),
    (
        reserved(A, {I1: 3}, balance=5, available=2),
        said.CreditsReserved(operation_id=A, amount=3, balance=5, available=2, expires_at=LATER.isoformat()),
    ),
    (refused(A, 9, 5), said.CreditsRefused(operation_id=A, needed=9, available=5)),
    (
        structs.replace(refused(A, 9, 5), reached=REACHED),
        said.CreditsRefused(operation_id=A, needed=9, available=5, reached=REACHED),
    ),
    (
        structs.replace(reserved(A, {I1: 3}, balance=5, available=2), used=USED),
        said.CreditsReserved(
            operation_id=A, amount=3, balance=5, available=2, expires_at=LATER.isoformat(), used=USED
        ),
    ),
    (
        released(A, (I1,), 0, "failed", balance=4, available=4, held=0, used=USED),
        said.CreditsReleased(operation_id=A, amount=0, reason="failed", balance=4, available=4, used=USED),
    ),
    (
        deducted(A, I1, 1, balance=4, available=2, held=2, maximum=3, charge=words(1)),
        said.CreditsDeducted(
            operation_id=A,
            item_id=I1,
            function="generate_content",
            amount=1,
            balance=4,
            available=2,
            run_id=ORIGIN.run_id,
        ),
    ),
    (
        structs.replace(
            deducted(A, I1, 1, balance=4, available=2, held=2, maximum=3, charge=words(1)), used=USED
        ),
        said.CreditsDeducted(
            operation_id=A,
            item_id=I1,
            function="generate_content",
            amount=1,
            balance=4,
            available=2,
            run_id=ORIGIN.run_id,
            used=USED,
        ),
    ),
    (
        released(A, (), 2, "settled", balance=4, available=4, held=0),
        said.CreditsReleased(operation_id=A, amount=2, reason="settled", balance=4, available=4),
    ),
    (
        expired(GRANT, 4, balance=0, available=0),
        said.CreditsExpired(grant_id=GRANT, amount=4, balance=0, available=0),
    ),
    (
        CreditsWrittenOff(operation_id=A, item_id=I1, amount=2),
        said.CreditsWrittenOff(operation_id=A, item_id=I1, amount=2),
    ),
    (
        withdrawn(2, balance=3, available=1, shares=(Share(GRANT, 2),)),
        said.CreditsGranted(
            grant_id=ADJUSTMENT, kind="adjustment", amount=-2, balance=3, available=1, expires_at=None
        ),
    ),
    (
        EntitlementsChanged(plan="free", limits=DEFAULT_PLANS["free"].limits),
        said.EntitlementsChanged(plan="free", limits=DEFAULT_PLANS["free"].limits),
    ),
    (
        EntitlementsChanged(plan="free", limits=DEFAULT_PLANS["free"].limits, chosen=True),
        said.EntitlementsChanged(plan="free", limits=DEFAULT_PLANS["free"].limits, chosen=True),
    ),
    (ExportPartWritten(I1, PART), ExportPartReady(export_id=I1, part=PART)),
    (ExportPartGivenUp(I1, "away"), ExportPartFailed(export_id=I1, reason="away")),
]


def recorded(event: Event) -> Recorded[Any]:
    return Recorded(
        1, UUID(int=9), "wallet-x", 1, UUID(int=8), event, Meta(), datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(("fact", "contract"), PUBLIC)
def test_a_fact_is_said_in_public(fact: Event, contract: Contract) -> None:
    assert publish(recorded(fact)) == contract


@pytest.mark.parametrize(
    "fact",
    [
        released(A, (I1,), 0, "failed", balance=4, available=4, held=0),
        expired(GRANT, 0, balance=4, available=0),
    ],
)
def test_a_movement_of_nothing_is_not_said(fact: Event) -> None:
    assert publish(recorded(fact)) is None


def test_every_stored_fact_has_its_public_form() -> None:
    assert {type(fact) for fact, _ in PUBLIC} | {PlanWritten} == set(MODEL.types.classes)


def test_a_plan_is_said_to_the_accounts_on_it_alone() -> None:
    written = PlanWritten(slug="free", **vars(DEFAULT_PLANS["free"]))
    assert publish(recorded(written)) is None


def test_everything_said_is_billings_to_say() -> None:
    assert all("billing" in spec_of(type(contract)).by for _, contract in PUBLIC)


def test_a_fact_of_nobody_is_a_programming_error() -> None:
    with pytest.raises(AssertionError):
        publish(recorded(cast("Any", object())))
