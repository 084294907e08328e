"""Sites whose editors approve, a site's default sector, where a user works; all accounts for staff."""

from alembic import op
from common.migrations import kit

revision = "0010"
down_revision = "0009"

SCRIPT = """
ALTER TABLE sites ADD COLUMN editors_approve boolean NOT NULL DEFAULT false, ADD COLUMN default_sector uuid;
ALTER TABLE users ADD COLUMN active_site uuid, ADD COLUMN active_sector uuid;
-- Staff look across the tenants; the permission `staff` stands before the only routes that ask it.
CREATE FUNCTION accounts_of_all()
RETURNS TABLE (account_id uuid, slug text, name_cipher text, status text, trial_ends_at timestamptz, version integer,
    created_at timestamptz, updated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT a.account_id, a.slug, a.name_cipher, a.status, a.trial_ends_at, a.version, a.created_at, a.updated_at FROM accounts a
$$;
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
