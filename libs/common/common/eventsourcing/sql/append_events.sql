-- One round trip: set the tenant, check the version, insert the events and the outbox rows of the public ones.
-- batch: {account, stream, version, meta, events: [{id, type, data, public}]}; `version` is the last one the caller saw.
-- A plain INSERT: a racer's unique violation (23505) is the conflict. ON CONFLICT DO NOTHING would tear an append.
CREATE FUNCTION append_events(batch jsonb)
RETURNS TABLE (positions bigint[], at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    expected integer := (batch->>'version')::integer;
BEGIN
    PERFORM set_config('app.account_id', batch->>'account', true);
    IF expected > 0 AND NOT EXISTS (
        SELECT FROM events e WHERE e.stream = batch->>'stream' AND e.version = expected
    ) THEN
        RAISE EXCEPTION 'stream % is not at version %', batch->>'stream', expected USING ERRCODE = 'unique_violation';
    END IF;
    RETURN QUERY
        WITH recorded AS (
            INSERT INTO events (account_id, stream, version, event_id, type, data, meta)
            SELECT (batch->>'account')::uuid, batch->>'stream', expected + n::integer,
                   (e->>'id')::uuid, e->>'type', e->'data', batch->'meta'
            FROM jsonb_array_elements(batch->'events') WITH ORDINALITY AS list (e, n)
            ORDER BY n
            RETURNING events.position, events.version, events.recorded_at
        ), said AS (
            INSERT INTO outbox (position)
            SELECT r.position FROM recorded r
            WHERE (batch->'events'->(r.version - expected - 1)->>'public')::boolean
        )
        SELECT array_agg(r.position ORDER BY r.version), min(r.recorded_at) FROM recorded r;
END $$;
