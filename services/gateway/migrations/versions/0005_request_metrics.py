"""What tracked requests cost."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE request_metrics ("
        " account_id uuid NOT NULL,"
        " id         uuid PRIMARY KEY,"
        " data       jsonb NOT NULL,"
        " at         timestamptz NOT NULL)"
    )
    op.execute("CREATE INDEX request_metrics_at ON request_metrics (account_id, at)")
    op.execute("CALL guard_tenant('request_metrics')")
