"""Modules of an account."""

from alembic import op
from common.migrations import kit

revision = "0007"
down_revision = "0006"

SCRIPT = """
ALTER TABLE accounts ADD COLUMN modules jsonb NOT NULL DEFAULT '{}';

-- As before, with the account's modules.
DROP FUNCTION api_key_by_hash(text);
CREATE FUNCTION api_key_by_hash(wanted text)
RETURNS TABLE (account_id uuid, api_key_id uuid, scopes text[], site_ids uuid[], ends_at timestamptz, status text,
    trial_ends_at timestamptz, version integer, modules jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT k.account_id, k.id, k.scopes, k.site_ids, least(k.expires_at, h.valid_until), a.status, a.trial_ends_at, a.version,
        a.modules
    FROM api_key_hashes h JOIN api_keys k ON k.id = h.api_key_id JOIN accounts a ON a.account_id = k.account_id
    WHERE h.hash = wanted AND NOT k.archived
$$;
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
