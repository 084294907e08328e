"""Tasks in work and completed are said so: those of before too, to be heard as of their own versions."""

from alembic import op
from common.migrations import kit

revision = "0009"
down_revision = "0008"

SAID = """
INSERT INTO outbox (position)
SELECT position FROM events WHERE type IN ('TaskStarted', 'TaskCompleted') ORDER BY position
ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    kit.run_script(op, SAID)
