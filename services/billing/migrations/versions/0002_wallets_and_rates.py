"""Wallets and rate cards: the views, and the schedule of the expiry job."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = (
    """CREATE TABLE rate_cards (
        version      integer PRIMARY KEY,
        card         jsonb NOT NULL,
        published_at timestamptz NOT NULL
    )""",
    """CREATE TABLE wallets (
        account_id uuid PRIMARY KEY,
        version    integer NOT NULL,
        balance    bigint NOT NULL CHECK (balance >= 0),
        reserved   bigint NOT NULL CHECK (reserved >= 0),
        available  bigint NOT NULL CHECK (available >= 0),
        updated_at timestamptz NOT NULL
    )""",
    """CREATE TABLE credit_grants (
        account_id uuid NOT NULL,
        grant_id   uuid NOT NULL,
        kind       text NOT NULL,
        amount     bigint NOT NULL,
        expires_at timestamptz,
        lapsed     boolean NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (account_id, grant_id)
    )""",
    """CREATE TABLE credit_transactions (
        account_id    uuid NOT NULL,
        id            uuid PRIMARY KEY,
        version       integer NOT NULL,
        type          text NOT NULL,
        kind          text NOT NULL,
        amount        bigint NOT NULL,
        balance_after bigint NOT NULL,
        description   text NOT NULL,
        reference     text,
        created_by    text NOT NULL,
        created_at    timestamptz NOT NULL
    )""",
    "CREATE INDEX credit_transactions_by_version ON credit_transactions (account_id, version)",
    "CREATE INDEX credit_transactions_by_type ON credit_transactions (account_id, type, version)",
    """CREATE TABLE usage_log (
        account_id     uuid NOT NULL,
        id             uuid PRIMARY KEY,
        version        integer NOT NULL,
        operation_id   uuid NOT NULL,
        item_id        uuid,
        run_id         uuid,
        site_id        uuid,
        operation_type text NOT NULL,
        outcome        text NOT NULL CHECK (outcome IN ('charged', 'failed')),
        credits_used   bigint NOT NULL,
        cost_micro_usd bigint NOT NULL,
        details        jsonb NOT NULL,
        created_at     timestamptz NOT NULL
    )""",
    "CREATE INDEX usage_log_by_version ON usage_log (account_id, version)",
    "CREATE INDEX usage_log_by_type ON usage_log (account_id, operation_type, version)",
    "CREATE INDEX usage_log_by_run ON usage_log (account_id, run_id) WHERE run_id IS NOT NULL",
    """CREATE TABLE reservations (
        account_id   uuid NOT NULL,
        operation_id uuid NOT NULL,
        version      integer NOT NULL,
        function     text NOT NULL,
        items        integer NOT NULL,
        amount       bigint NOT NULL,
        held         bigint NOT NULL CHECK (held >= 0),
        expired      boolean NOT NULL,
        card_version integer NOT NULL,
        origin       jsonb NOT NULL,
        expires_at   timestamptz NOT NULL,
        created_at   timestamptz NOT NULL,
        PRIMARY KEY (account_id, operation_id)
    )""",
    "CREATE INDEX reservations_open ON reservations (account_id, expires_at) WHERE held > 0",
    "CREATE TABLE expiry_schedule (account_id uuid PRIMARY KEY, due_at timestamptz NOT NULL)",
)
TENANT_TABLES = (
    "wallets",
    "credit_grants",
    "credit_transactions",
    "usage_log",
    "reservations",
    "expiry_schedule",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table in TENANT_TABLES:
        op.execute(f"CALL guard_tenant('{table}')")
