"""What is used of a month's limits."""

from alembic import op
from common.migrations import kit

revision = "0008"
down_revision = "0007"

SCRIPT = """
CREATE TABLE monthly_use (
    account_id  uuid PRIMARY KEY,
    version     integer NOT NULL,
    month       text NOT NULL,
    ai_requests bigint NOT NULL CHECK (ai_requests >= 0),
    words       bigint NOT NULL CHECK (words >= 0),
    images      bigint NOT NULL CHECK (images >= 0)
);
CALL guard_tenant('monthly_use');
CALL keep_when_erased('monthly_use');  -- as the wallet's other tables are
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
