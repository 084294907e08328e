-- Set the tenant, take the account's lock, return the stream: its snapshot first (`type` NULL) where one of this shape is
-- kept, then the events after it. plpgsql on purpose: each statement of a volatile plpgsql function sees what was committed
-- while it waited for the lock; one SQL statement would not.
CREATE FUNCTION open_stream(account uuid, stream_name text, of_shape text)
RETURNS TABLE (version integer, type text, data text)
LANGUAGE plpgsql AS $$
DECLARE
    kept snapshots;
BEGIN
    PERFORM set_config('app.account_id', account::text, true);
    PERFORM pg_advisory_xact_lock(hashtextextended(account::text, 0));
    IF of_shape IS NOT NULL THEN
        SELECT * INTO kept FROM snapshots s WHERE s.stream = stream_name AND s.shape = of_shape;
        IF FOUND THEN
            RETURN QUERY SELECT kept.version, NULL, kept.state;
        END IF;
    END IF;
    RETURN QUERY
        SELECT e.version, e.type, e.data::text FROM events e
        WHERE e.stream = stream_name AND e.version > coalesce(kept.version, 0)
        ORDER BY e.version;
END $$;
