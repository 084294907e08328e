"""What a request with an Idempotency-Key asks, each in one round trip."""

from alembic import op
from common.migrations import kit

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    kit.create_v3(op)
