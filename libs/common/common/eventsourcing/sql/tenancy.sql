-- Row-level security, forced: without a tenant nothing is visible and nothing can be written.
-- nullif: after a committed SET LOCAL the setting reads as '' instead of NULL.
CREATE PROCEDURE guard_tenant(guarded regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format(
        'CREATE POLICY tenant ON %s USING (account_id = nullif(current_setting(''app.account_id'', true), '''')::uuid)'
        ' WITH CHECK (account_id = nullif(current_setting(''app.account_id'', true), '''')::uuid)', guarded);
END $$;

CALL guard_tenant('events');
CALL guard_tenant('snapshots');
CALL guard_tenant('dead_letters');
CALL guard_tenant('ai_answers');
CALL guard_tenant('idempotency_keys');
