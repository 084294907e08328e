"""What a request with an Idempotency-Key asks, each in one round trip."""

from alembic import op
from common.migrations import kit

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    kit.create_v3(op)
