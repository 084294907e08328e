"""Sites whose editors approve, a site's default sector, and where a user works."""

from alembic import op
from common.migrations import kit

revision = "0010"
down_revision = "0009"

SCRIPT = """
ALTER TABLE sites ADD COLUMN editors_approve boolean NOT NULL DEFAULT false, ADD COLUMN default_sector uuid;
ALTER TABLE users ADD COLUMN active_site uuid, ADD COLUMN active_sector uuid;
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
