"""The plans of PRODUCT §4. AI requests, words and images are of a calendar month."""

from common.contracts.billing import Limits

from billing.plans.events import Plan

TRIAL_PLAN = "growth"
"""Whose limits a trial runs on; its credits are a grant of their own."""

DEFAULT_PLANS = {
    "free": Plan(
        name="Free",
        credits_per_month=50_000,
        limits=Limits(
            users=1, sites=1, keywords=500, clusters=50, ideas=100, ai_requests=100, words=10_000, images=20
        ),
        shipped=True,
    ),
    "starter": Plan(
        name="Starter",
        credits_per_month=1_000_000,
        limits=Limits(
            users=3,
            sites=3,
            keywords=5_000,
            clusters=500,
            ideas=1_000,
            ai_requests=2_000,
            words=200_000,
            images=500,
        ),
        shipped=True,
    ),
    "growth": Plan(
        name="Growth",
        credits_per_month=5_000_000,
        limits=Limits(
            users=10,
            sites=10,
            keywords=50_000,
            clusters=5_000,
            ideas=10_000,
            ai_requests=10_000,
            words=1_000_000,
            images=2_500,
        ),
        shipped=True,
    ),
    "scale": Plan(
        name="Scale",
        credits_per_month=25_000_000,
        limits=Limits(
            users=50,
            sites=50,
            keywords=500_000,
            clusters=50_000,
            ideas=100_000,
            ai_requests=50_000,
            words=5_000_000,
            images=12_500,
        ),
        shipped=True,
    ),
}
