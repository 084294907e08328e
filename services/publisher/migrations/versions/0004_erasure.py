"""Erasure of accounts."""

from alembic import op
from common.migrations import kit

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    kit.create_v2(op)
