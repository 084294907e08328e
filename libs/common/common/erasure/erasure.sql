-- Accounts that were erased. From the row on nothing can be written for them in a table that forgets, whoever tries: a job
-- that was running, a message that came late. A table with a tenant forgets unless `keep_when_erased` was called for it.
CREATE TABLE erased_accounts (
    account_id uuid PRIMARY KEY,
    erased_at  timestamptz NOT NULL DEFAULT now()
);
CALL guard_tenant('erased_accounts');

CREATE PROCEDURE forget_when_erased(forgetting regclass) LANGUAGE plpgsql AS $$
DECLARE
    -- No column of the row in it: it is looked up once a statement.
    there text := 'NOT EXISTS (SELECT FROM erased_accounts e'
        ' WHERE e.account_id = nullif(current_setting(''app.account_id'', true), '''')::uuid)';
BEGIN
    EXECUTE format('CREATE POLICY not_erased ON %s AS RESTRICTIVE FOR INSERT WITH CHECK (%s)', forgetting, there);
    EXECUTE format('CREATE POLICY not_changed_when_erased ON %s AS RESTRICTIVE FOR UPDATE USING (true) WITH CHECK (%s)',
        forgetting, there);
END $$;

CREATE PROCEDURE keep_when_erased(kept regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP POLICY not_erased ON %s', kept);
    EXECUTE format('DROP POLICY not_changed_when_erased ON %s', kept);
END $$;

DO $$
DECLARE
    guarded text;
BEGIN
    FOR guarded IN SELECT tablename FROM pg_policies
        WHERE schemaname = 'public' AND policyname = 'tenant' AND tablename <> 'erased_accounts'
    LOOP
        CALL forget_when_erased(guarded);
    END LOOP;
END $$;

CREATE OR REPLACE PROCEDURE guard_tenant(guarded regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format(
        'CREATE POLICY tenant ON %s USING (account_id = nullif(current_setting(''app.account_id'', true), '''')::uuid)'
        ' WITH CHECK (account_id = nullif(current_setting(''app.account_id'', true), '''')::uuid)', guarded);
    CALL forget_when_erased(guarded);
END $$;

-- Facts stay as they are, until their account is erased: then they go as a whole.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM erased_accounts WHERE account_id = OLD.account_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'events are append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

-- Which of these accounts were erased.
CREATE FUNCTION erased_among(accounts uuid[]) RETURNS TABLE (account_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT e.account_id FROM erased_accounts e WHERE e.account_id = ANY (accounts)
$$;

-- Remove an erased account's rows from all tables that forget, at most `most` from each; returns how many it were. Facts
-- have a function of their own. Jobs that wait go too, but for the one that does this.
CREATE FUNCTION erase_rows(most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    erased uuid := nullif(current_setting('app.account_id', true), '')::uuid;
    forgetting text;
    gone bigint;
    total bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM erased_accounts e WHERE e.account_id = erased) THEN
        RAISE EXCEPTION 'account % was not erased', erased USING ERRCODE = 'restrict_violation';
    END IF;
    FOR forgetting IN SELECT tablename FROM pg_policies
        WHERE schemaname = 'public' AND policyname = 'not_erased' AND tablename <> 'events' ORDER BY tablename
    LOOP
        EXECUTE format('DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE account_id = $1 LIMIT $2))',
            forgetting) USING erased, most;
        GET DIAGNOSTICS gone = ROW_COUNT;
        total := total + gone;
    END LOOP;
    DELETE FROM procrastinate_jobs
        WHERE args->>'account_id' = erased::text AND status <> 'doing' AND task_name <> 'erase_account';
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN total + gone;
END $$;

-- Remove an erased account's facts among the positions from `first` to `last`; returns how many of them still wait to be
-- said: those stay until the relay has said them. So does, for good, the fact that it was erased.
CREATE FUNCTION erase_events(first bigint, last bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    erased uuid := nullif(current_setting('app.account_id', true), '')::uuid;
    waiting bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_policies WHERE tablename = 'events' AND policyname = 'not_erased') THEN
        RETURN 0;
    END IF;
    DELETE FROM events e WHERE e.account_id = erased AND e.position BETWEEN first AND last AND e.type <> 'AccountErased'
        AND NOT EXISTS (SELECT FROM outbox o WHERE o.position = e.position);
    SELECT count(*) INTO waiting FROM events e JOIN outbox o USING (position)
        WHERE e.account_id = erased AND e.position BETWEEN first AND last AND e.type <> 'AccountErased';
    RETURN waiting;
END $$;
