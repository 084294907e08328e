"""Erasure and export of accounts: the audit log stays, for it names nobody but by ids; slugs stay taken, as hashes."""

from alembic import op
from common.migrations import kit

revision = "0011"
down_revision = "0010"

SCRIPT = """
CREATE TABLE exports (
    account_id uuid NOT NULL,
    id         uuid PRIMARY KEY,
    version    integer NOT NULL,
    status     text NOT NULL,
    parts      jsonb NOT NULL,
    error      text,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX exports_of_account ON exports (account_id, created_at);
CALL guard_tenant('exports');
CALL keep_when_erased('audit_entries');
CALL keep_when_erased('account_slugs');
-- A slug of an erased account is kept as `#` and its hash, and counts as itself.
CREATE UNIQUE INDEX account_slugs_once ON account_slugs (
    (CASE WHEN slug LIKE '#%' THEN slug ELSE '#' || encode(sha256(slug::bytea), 'hex') END)
);
"""


def upgrade() -> None:
    kit.create_v2(op)
    kit.run_script(op, SCRIPT)
