"""The kit: event store, messaging, jobs."""

from alembic import op
from common.migrations import kit

revision = "0001"
down_revision = None


def upgrade() -> None:
    kit.create_v1(op)
