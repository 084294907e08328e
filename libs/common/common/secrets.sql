-- The secret store: run again at each migration, it changes nothing that is there.
-- An erased account keeps its row without a key, so that nobody makes it a new one by accident.
CREATE TABLE IF NOT EXISTS data_keys (
    account_id    uuid PRIMARY KEY,
    wrapped       bytea,
    master_key_id text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    erased_at     timestamptz
);
CREATE TABLE IF NOT EXISTS secrets (
    account_id uuid NOT NULL REFERENCES data_keys,
    secret_id  uuid NOT NULL,
    version    integer NOT NULL,
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (secret_id, version)
);
DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['data_keys', 'secrets'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', guarded);
        IF NOT EXISTS (SELECT FROM pg_policies WHERE tablename = guarded AND policyname = 'tenant') THEN
            EXECUTE format(
                'CREATE POLICY tenant ON %I'
                ' USING (account_id = nullif(current_setting(''app.account_id'', true), '''')::uuid)'
                ' WITH CHECK (account_id = nullif(current_setting(''app.account_id'', true), '''')::uuid)', guarded);
        END IF;
    END LOOP;
END $$;
