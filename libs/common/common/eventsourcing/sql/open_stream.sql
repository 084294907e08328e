-- Set the tenant, take the account's lock, return the stream from a version on. plpgsql on purpose: each statement
-- of a volatile plpgsql function sees what was committed while it waited for the lock; one SQL statement would not.
CREATE FUNCTION open_stream(account uuid, stream_name text, after_version integer)
RETURNS TABLE (version integer, type text, data text)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.account_id', account::text, true);
    PERFORM pg_advisory_xact_lock(hashtextextended(account::text, 0));
    RETURN QUERY
        SELECT e.version, e.type, e.data::text FROM events e
        WHERE e.stream = stream_name AND e.version > after_version
        ORDER BY e.version;
END $$;
