"""What a request with an Idempotency-Key asks, each in one round trip."""

from alembic import op
from common.migrations import kit

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    kit.create_v3(op)
