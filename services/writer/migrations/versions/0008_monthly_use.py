"""The replicas of what each account's plan allows, and of what is used of a month's limits."""

from importlib.resources import files

from alembic import op
from common.migrations import kit

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for name in ("limits.sql", "monthly_use.sql"):
        kit.run_script(op, (files("common.replicas") / name).read_text())
