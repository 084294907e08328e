"""Adjustments of all accounts for staff."""

from alembic import op
from common.migrations import kit

revision = "0005"
down_revision = "0004"

SCRIPT = """
CREATE INDEX credit_transactions_adjusting ON credit_transactions (created_at) WHERE kind = 'adjustment';
-- Staff look across the tenants; the permission `staff` stands before the only routes that ask it.
CREATE FUNCTION adjustments_of_all()
RETURNS TABLE (id uuid, account_id uuid, version integer, amount bigint, balance_after bigint, reason text, created_by text,
    created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT t.reference::uuid, t.account_id, t.version, t.amount, t.balance_after, t.description, t.created_by, t.created_at
    FROM credit_transactions t WHERE t.kind = 'adjustment'
$$;
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
