"""API keys, the audit log, staff."""

from alembic import op
from common.migrations import kit

revision = "0004"
down_revision = "0003"

SCRIPT = """
CREATE TABLE api_keys (
    account_id  uuid NOT NULL,
    id          uuid PRIMARY KEY,
    version     integer NOT NULL,
    name_cipher text NOT NULL,
    prefix      text NOT NULL,
    scopes      text[] NOT NULL,
    site_ids    uuid[],
    expires_at  timestamptz,
    old_until   timestamptz,
    created_by  text NOT NULL,
    archived    boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX api_keys_of_account ON api_keys (account_id);
CREATE TABLE api_key_hashes (
    account_id  uuid NOT NULL,
    api_key_id  uuid NOT NULL,
    hash        text PRIMARY KEY,
    valid_until timestamptz
);
CREATE TABLE api_key_uses (
    account_id   uuid NOT NULL,
    api_key_id   uuid PRIMARY KEY,
    last_used_at timestamptz NOT NULL
);
-- A key knows its tenant, the request does not: this one row crosses the tenants.
CREATE FUNCTION api_key_by_hash(wanted text)
RETURNS TABLE (account_id uuid, api_key_id uuid, scopes text[], site_ids uuid[], ends_at timestamptz, status text,
    trial_ends_at timestamptz, version integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT k.account_id, k.id, k.scopes, k.site_ids, least(k.expires_at, h.valid_until), a.status, a.trial_ends_at, a.version
    FROM api_key_hashes h JOIN api_keys k ON k.id = h.api_key_id JOIN accounts a ON a.account_id = k.account_id
    WHERE h.hash = wanted AND NOT k.archived
$$;

-- One row for each request that may change something: written before it is let through, `status` when it was answered.
CREATE TABLE audit_entries (
    account_id   uuid NOT NULL,
    id           uuid PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT now(),
    actor        text NOT NULL,
    on_behalf_of uuid,
    action       text NOT NULL,
    object_id    uuid,
    request_id   text NOT NULL,
    trace_id     text,
    ip_cipher    text,
    status       integer
);
CREATE INDEX audit_entries_newest ON audit_entries (account_id, at, id);

-- begun: new entries; ended: {account_id, id, status, object_id} of entries that were answered. One transaction for both.
CREATE FUNCTION record_audit(begun jsonb, ended jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    e jsonb;
BEGIN
    FOR e IN SELECT * FROM jsonb_array_elements(begun) LOOP
        PERFORM set_config('app.account_id', e->>'account_id', true);
        INSERT INTO audit_entries (account_id, id, actor, on_behalf_of, action, object_id, request_id, trace_id, ip_cipher)
        VALUES ((e->>'account_id')::uuid, (e->>'id')::uuid, e->>'actor', (e->>'on_behalf_of')::uuid, e->>'action',
                (e->>'object_id')::uuid, e->>'request_id', e->>'trace_id', e->>'ip_cipher');
    END LOOP;
    IF jsonb_array_length(begun) = 0 THEN  -- nobody waits for these, nor need they outlive a crash of the database
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    FOR e IN SELECT * FROM jsonb_array_elements(ended) LOOP
        PERFORM set_config('app.account_id', e->>'account_id', true);
        UPDATE audit_entries SET status = (e->>'status')::integer, object_id = (e->>'object_id')::uuid
        WHERE id = (e->>'id')::uuid AND status IS NULL;
    END LOOP;
END $$;

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status IS NULL AND NEW.status IS NOT NULL AND
       to_jsonb(OLD) - 'status' - 'object_id' = to_jsonb(NEW) - 'status' - 'object_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit entries stay as they are: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_entries_are_never_truncated BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Rows of the system account.
CREATE TABLE staff (
    account_id uuid NOT NULL,
    user_id    uuid PRIMARY KEY,
    version    integer NOT NULL,
    home_id    uuid NOT NULL,
    active     boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CALL guard_tenant('api_keys');
CALL guard_tenant('api_key_hashes');
CALL guard_tenant('api_key_uses');
CALL guard_tenant('audit_entries');
CALL guard_tenant('staff');
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
