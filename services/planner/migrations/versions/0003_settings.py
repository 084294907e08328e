"""The replicas of an account's settings for AI work and the model catalogue."""

from importlib.resources import files

from alembic import op
from common.migrations import kit

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    replicas = files("common.replicas")
    kit.run_script(op, (replicas / "settings.sql").read_text())
    kit.run_script(op, (replicas / "models.sql").read_text())
