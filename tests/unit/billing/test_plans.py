from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from billing.entitlements.decisions import ENTITLEMENTS, ApplyPlan, BeginTrial, PlanOutOfUse, PutOnPlan
from billing.entitlements.decisions import decide as decide_entitlements
from billing.entitlements.events import EntitlementsChanged, Unlimited
from billing.plans.decisions import PLANS, AddPlan, ChangePlan, PlanMissing, PlanSlugTaken, ShipPlans, decide
from billing.plans.default_plans import DEFAULT_PLANS, TRIAL_PLAN
from billing.plans.events import Plan, Plans, PlanWritten
from common.contracts.billing import Limits
from common.testing import given

FREE, GROWTH = DEFAULT_PLANS["free"], DEFAULT_PLANS["growth"]
MORE = msgspec.structs.replace(GROWTH.limits, sites=11)


def written(slug: str, plan: Plan, **more: Any) -> PlanWritten:
    return PlanWritten(slug=slug, **{**vars(plan), **more})


SHIPPED = tuple(written(slug, plan) for slug, plan in DEFAULT_PLANS.items())
OWN = Plan(name="Agency", credits_per_month=1_000, limits=FREE.limits)


class TestPlansOfTheProduct:
    def test_are_those_of_the_specification(self) -> None:
        found = {
            slug: (plan.credits_per_month, plan.limits.users, plan.limits.sites, plan.limits.keywords)
            for slug, plan in DEFAULT_PLANS.items()
        }
        assert found == {
            "free": (50_000, 1, 1, 500),
            "starter": (1_000_000, 3, 3, 5_000),
            "growth": (5_000_000, 10, 10, 50_000),
            "scale": (25_000_000, 50, 50, 500_000),
        }
        assert TRIAL_PLAN == "growth"

    def test_are_written_at_the_first_start_and_never_again(self) -> None:
        given(PLANS)().when(ShipPlans(DEFAULT_PLANS)).then(*SHIPPED)
        given(PLANS)(*SHIPPED).when(ShipPlans(DEFAULT_PLANS)).then_nothing()

    def test_change_with_the_product_unless_staff_have_changed_them(self) -> None:
        newer = {"growth": changed(GROWTH, name="Growth+")}
        given(PLANS)(*SHIPPED).when(ShipPlans(newer)).then(written("growth", newer["growth"]))
        theirs = written("growth", GROWTH, name="Ours", shipped=False)
        given(PLANS)(*SHIPPED, theirs).when(ShipPlans(newer)).then_nothing()


def changed(plan: Plan, **changes: Any) -> Plan:
    return Plan(**{**vars(plan), **changes})


class TestPlansOfStaff:
    def test_a_new_one_is_written(self) -> None:
        given(PLANS)().when(AddPlan("agency", OWN)).then(written("agency", OWN))

    def test_the_same_again_changes_nothing(self) -> None:
        given(PLANS)(written("agency", OWN)).when(AddPlan("agency", OWN)).then_nothing()

    def test_a_slug_is_taken_once(self) -> None:
        given(PLANS)(*SHIPPED).when(AddPlan("free", OWN)).then_refused(PlanSlugTaken, slug="free")

    def test_what_is_not_named_stays(self) -> None:
        command = ChangePlan("growth", {"included_credits": 7}, {"sites": None})
        limits = msgspec.structs.replace(GROWTH.limits, sites=None)
        given(PLANS)(*SHIPPED).when(command).then(
            written("growth", GROWTH, included_credits=7, limits=limits, shipped=False)
        )

    def test_what_it_is_already_changes_nothing(self) -> None:
        given(PLANS)(*SHIPPED).when(ChangePlan("growth", {"name": "Growth"}, {"sites": 10})).then_nothing()

    def test_one_that_is_not_there_is_not_changed(self) -> None:
        given(PLANS)().when(ChangePlan("growth")).then_refused(PlanMissing)


class TestAnAccountWithoutAPlan:
    def test_begins_its_trial(self) -> None:
        given(ENTITLEMENTS)().when(BeginTrial("growth", GROWTH.limits)).then(
            EntitlementsChanged(plan="growth", limits=GROWTH.limits)
        )

    def test_is_put_on_a_plan(self) -> None:
        given(ENTITLEMENTS)().when(PutOnPlan("free", FREE.limits)).then(
            EntitlementsChanged(plan="free", limits=FREE.limits, chosen=True)
        )

    def test_is_not_concerned_by_a_plan_that_changes(self) -> None:
        given(ENTITLEMENTS)().when(ApplyPlan("growth", GROWTH.limits)).then_nothing()

    def test_is_not_put_on_a_plan_out_of_use(self) -> None:
        given(ENTITLEMENTS)().when(PutOnPlan("free", FREE.limits, in_use=False)).then_refused(
            PlanOutOfUse, plan="free"
        )


class TestAnAccountOnAPlan:
    on_growth = EntitlementsChanged(plan="growth", limits=GROWTH.limits)

    @pytest.mark.parametrize("limits", [GROWTH.limits, MORE])
    def test_begins_no_other_trial(self, limits: Limits) -> None:
        given(ENTITLEMENTS)(self.on_growth).when(BeginTrial("growth", limits)).then_nothing()

    def test_gets_the_limits_of_its_plan_as_they_change(self) -> None:
        given(ENTITLEMENTS)(self.on_growth).when(ApplyPlan("growth", MORE)).then(
            EntitlementsChanged(plan="growth", limits=MORE)
        )
        given(ENTITLEMENTS)(self.on_growth).when(ApplyPlan("growth", GROWTH.limits)).then_nothing()

    def test_is_not_concerned_by_another_plan(self) -> None:
        given(ENTITLEMENTS)(self.on_growth).when(ApplyPlan("free", FREE.limits)).then_nothing()

    def test_stays_on_a_plan_out_of_use(self) -> None:
        given(ENTITLEMENTS)(self.on_growth).when(PutOnPlan("growth", MORE, in_use=False)).then(
            EntitlementsChanged(plan="growth", limits=MORE, chosen=True)
        )

    def test_is_put_on_another(self) -> None:
        given(ENTITLEMENTS)(self.on_growth).when(PutOnPlan("free", FREE.limits)).then(
            EntitlementsChanged(plan="free", limits=FREE.limits, chosen=True)
        )

    def test_is_put_on_the_plan_of_its_trial(self) -> None:
        put, chosen = PutOnPlan("growth", GROWTH.limits), msgspec.structs.replace(self.on_growth, chosen=True)
        given(ENTITLEMENTS)(self.on_growth).when(put).then(chosen)
        given(ENTITLEMENTS)(self.on_growth, chosen).when(put).then_nothing()

    def test_is_put_there_once_however_often_the_plan_changes(self) -> None:
        chosen = msgspec.structs.replace(self.on_growth, chosen=True)
        more = EntitlementsChanged(plan="growth", limits=MORE)
        given(ENTITLEMENTS)(chosen).when(ApplyPlan("growth", MORE)).then(more)
        given(ENTITLEMENTS)(chosen, more).when(PutOnPlan("growth", MORE)).then_nothing()


def test_facts_stored_as_json_come_back_the_same() -> None:
    for fact in (*SHIPPED, TestAnAccountOnAPlan.on_growth):
        types = PLANS.types if isinstance(fact, PlanWritten) else ENTITLEMENTS.types
        assert types.decode_json(type(fact).__name__, msgspec.json.encode(fact)) == fact


def test_commands_nobody_knows_are_programming_errors() -> None:
    with pytest.raises(AssertionError):
        decide(cast("Any", object()), Plans())
    with pytest.raises(AssertionError):
        decide_entitlements(cast("Any", SimpleNamespace(plan="free", limits=FREE.limits)), Unlimited())
