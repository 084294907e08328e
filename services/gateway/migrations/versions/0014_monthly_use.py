"""The replica of what is used of a month's limits."""

from importlib.resources import files

from alembic import op
from common.migrations import kit

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    kit.run_script(op, (files("common.replicas") / "monthly_use.sql").read_text())
