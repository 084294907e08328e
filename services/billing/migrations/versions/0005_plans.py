"""Plans and what each account may have; adjustments and plans of all accounts for staff."""

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
CREATE TABLE plans (
    slug              text PRIMARY KEY,
    version           integer NOT NULL,
    name              text NOT NULL,
    credits_per_month bigint NOT NULL,
    included_credits  bigint,
    limits            jsonb NOT NULL,
    is_active         boolean NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);
CREATE TABLE entitlements (
    account_id uuid PRIMARY KEY,
    version    integer NOT NULL,
    plan       text NOT NULL,
    limits     jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CALL guard_tenant('entitlements');
CALL keep_when_erased('entitlements');  -- as its facts are
CREATE INDEX entitlements_by_plan ON entitlements (plan, account_id);
CREATE FUNCTION entitlements_of_all()
RETURNS TABLE (account_id uuid, version integer, plan text, limits jsonb, created_at timestamptz, updated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT e.account_id, e.version, e.plan, e.limits, e.created_at, e.updated_at FROM entitlements e
    WHERE NOT EXISTS (SELECT FROM erased_accounts gone WHERE gone.account_id = e.account_id)
$$;
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
