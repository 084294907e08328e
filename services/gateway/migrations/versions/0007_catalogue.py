"""Modules of an account; the shared catalogue of industries and seed keywords."""

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

-- The catalogue is of all tenants: no account, so no guard. Facts of the system account lead to its rows.
CREATE TABLE industries (
    id          uuid PRIMARY KEY,
    version     integer NOT NULL,
    slug        text NOT NULL UNIQUE,
    name        text NOT NULL,
    description text NOT NULL,
    is_active   boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE TABLE industry_sectors (
    id          uuid PRIMARY KEY,
    industry_id uuid NOT NULL,
    version     integer NOT NULL,
    slug        text NOT NULL,
    name        text NOT NULL,
    description text NOT NULL,
    is_active   boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    UNIQUE (industry_id, slug)
);
CREATE TABLE seed_keywords (
    id         uuid PRIMARY KEY,
    sector_id  uuid NOT NULL,
    version    integer NOT NULL,
    keyword    text NOT NULL,
    normalised text NOT NULL,
    volume     bigint,
    difficulty integer,
    intent     text,
    is_active  boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (sector_id, normalised)
);
CREATE INDEX seed_keywords_by_keyword ON seed_keywords (keyword, id);
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
