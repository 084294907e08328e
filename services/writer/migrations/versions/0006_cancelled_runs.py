"""The replica of cancelled pipeline runs."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE replica_cancelled_runs (
            account_id uuid NOT NULL,
            run_id uuid PRIMARY KEY)"""
    )
    op.execute("CALL guard_tenant('replica_cancelled_runs')")
