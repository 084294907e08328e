-- :service may write facts but never change them; :relay reads all facts and empties the outbox, nothing else.
GRANT USAGE ON SCHEMA public TO :service, :relay;
GRANT SELECT, INSERT ON events TO :service;
GRANT SELECT, INSERT ON outbox TO :service;
GRANT SELECT ON outbox_dead_letters TO :service;
GRANT SELECT ON events TO :relay;
GRANT SELECT, DELETE ON outbox TO :relay;
GRANT SELECT, INSERT ON outbox_dead_letters TO :relay;
CREATE POLICY relay_reads_all ON events FOR SELECT TO :relay USING (true);
REVOKE ALL ON FUNCTION outbox_age_seconds(), blocked_subjects(text), due_dead_letters(text, integer), dead_letter_counts(),
    position_since(timestamptz), last_position(), republish_events(bigint, bigint, integer, bigint), erased_among(uuid[]),
    erase_rows(integer), erase_events(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION outbox_age_seconds(), blocked_subjects(text), due_dead_letters(text, integer), dead_letter_counts(),
    position_since(timestamptz), last_position(), republish_events(bigint, bigint, integer, bigint), erased_among(uuid[]),
    erase_rows(integer), erase_events(bigint, bigint) TO :service;
