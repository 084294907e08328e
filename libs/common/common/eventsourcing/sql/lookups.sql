-- What the machinery must see across tenants: functions of the owner that return just the needed columns.
CREATE FUNCTION blocked_subjects(for_consumer text) RETURNS TABLE (account_id uuid, subject text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT DISTINCT d.account_id, d.subject FROM dead_letters d WHERE d.consumer = for_consumer
$$;

CREATE FUNCTION due_dead_letters(for_consumer text, most integer) RETURNS TABLE (id bigint, account_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT d.id, d.account_id FROM dead_letters d
    WHERE d.consumer = for_consumer AND d.state = 'retrying' AND d.next_attempt_at <= now()
      AND NOT EXISTS (SELECT FROM dead_letters e
                      WHERE e.consumer = d.consumer AND e.subject = d.subject AND e.id < d.id)
    ORDER BY d.next_attempt_at LIMIT most
$$;

CREATE FUNCTION dead_letter_counts() RETURNS TABLE (state text, letters bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT d.state, count(*) FROM dead_letters d GROUP BY d.state
$$;

CREATE FUNCTION position_since(moment timestamptz) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT coalesce(min(e.position), 0) FROM events e WHERE e.recorded_at >= moment
$$;

CREATE FUNCTION last_position() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT coalesce(max(e.position), 0) FROM events e
$$;

-- Say again what was recorded in a range of positions, at most `most` rows or about `most_bytes` of data (but at least
-- one row); returns the last position looked at, or the end of the range. The relay leaves out what has no contract.
CREATE FUNCTION republish_events(from_position bigint, to_position bigint, most integer, most_bytes bigint)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    reached bigint;
BEGIN
    WITH slice AS (
        SELECT e.position, sum(octet_length(e.data::text)) OVER (ORDER BY e.position) AS bytes
        FROM (SELECT f.position, f.data FROM events f WHERE f.position BETWEEN from_position AND to_position
              ORDER BY f.position LIMIT most) e
    ), chosen AS (
        SELECT s.position FROM slice s
        WHERE s.bytes <= most_bytes OR s.position = (SELECT min(position) FROM slice)
    ), said AS (
        INSERT INTO outbox (position) SELECT c.position FROM chosen c ON CONFLICT DO NOTHING
    )
    SELECT max(c.position) INTO reached FROM chosen c;
    RETURN coalesce(reached, to_position);
END $$;

-- How long the oldest fact has been waiting to be said; 0 when nothing waits.
CREATE FUNCTION outbox_age_seconds() RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT coalesce(extract(epoch FROM now() - min(e.recorded_at)), 0)
    FROM (SELECT position FROM outbox ORDER BY position LIMIT 1) o JOIN events e USING (position)
$$;
