"""The accounts that have not been told a plan's new limits yet, a page at a time."""

from alembic import op
from common.migrations import kit

revision = "0006"
down_revision = "0005"

# PostgreSQL does not look into such a function when it plans: what narrows the rows stands inside it.
SCRIPT = """
CREATE FUNCTION accounts_behind(plan text, after uuid, most integer)
RETURNS TABLE (account_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT e.account_id FROM entitlements e JOIN plans p ON p.slug = e.plan
    WHERE e.plan = $1 AND ($2 IS NULL OR e.account_id > $2) AND e.limits <> p.limits
        AND NOT EXISTS (SELECT FROM erased_accounts gone WHERE gone.account_id = e.account_id)
    ORDER BY e.account_id LIMIT $3
$$;
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
