"""The replica of what each account's plan allows."""

from importlib.resources import files

from alembic import op
from common.migrations import kit

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    kit.run_script(op, (files("common.replicas") / "limits.sql").read_text())
