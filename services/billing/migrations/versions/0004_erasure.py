"""Erasure of accounts. What was granted, used and charged stays: amounts, times and ids."""

from alembic import op
from common.migrations import kit

revision = "0004"
down_revision = "0003"

KEPT = (
    "events",
    "snapshots",
    "wallets",
    "credit_grants",
    "credit_transactions",
    "usage_log",
    "reservations",
    "expiry_schedule",
)


def upgrade() -> None:
    kit.create_v2(op)
    for table in KEPT:
        op.execute(f"CALL keep_when_erased('{table}')")
