-- The store: one append-only table of facts. A stream's versions are 1, 2, 3, … without gaps.
CREATE TABLE events (
    position    bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    account_id  uuid NOT NULL,
    stream      text NOT NULL,
    version     integer NOT NULL,
    event_id    uuid NOT NULL,
    type        text NOT NULL,
    data        jsonb NOT NULL,
    meta        jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (stream, version)
);
-- A catch-up asks for "what was recorded since"; a BRIN index answers that for nearly nothing.
CREATE INDEX events_recorded_at ON events USING brin (recorded_at);

-- The state of a long stream at a version, so that it need not be folded from its start: never more than a short cut.
CREATE TABLE snapshots (
    stream     text PRIMARY KEY,
    account_id uuid NOT NULL,
    version    integer NOT NULL,
    shape      text NOT NULL,
    state      text NOT NULL
);

-- What is still to be said on Kafka. Rows are read and deleted by their exact positions, never by "position > last".
CREATE TABLE outbox (position bigint PRIMARY KEY)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- A row that Kafka refused alone again and again. It keeps health red until a person has looked.
CREATE TABLE outbox_dead_letters (
    position  bigint PRIMARY KEY,
    error     text NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now()
);

-- Events of other services that this consumer has taken in.
CREATE TABLE inbox (
    consumer    text NOT NULL,
    event_id    uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);

-- The next offset a consumer expects; the truth about its progress. A recreated cluster is another incarnation.
CREATE TABLE consumer_offsets (
    consumer    text NOT NULL,
    incarnation text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    last_time   timestamptz,
    PRIMARY KEY (consumer, incarnation, topic, partition)
);

-- Catch-ups this service's consumer still has to ask for (kept until the request is on Kafka).
CREATE TABLE catch_up_requests (
    consumer text NOT NULL,
    source   text NOT NULL,
    since    timestamptz NOT NULL,
    PRIMARY KEY (consumer, source)
);

-- Catch-ups this service is serving as the source, slice by slice.
CREATE TABLE catch_ups (
    consumer       text PRIMARY KEY,
    start_position bigint NOT NULL,
    next_position  bigint NOT NULL,
    until_position bigint NOT NULL,
    requested_at   timestamptz NOT NULL DEFAULT now()
);

-- Events whose handling failed. `next_attempt_at` NULL: waits behind an earlier letter of its stream, or for a person.
CREATE TABLE dead_letters (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      uuid NOT NULL,
    consumer        text NOT NULL,
    event_id        uuid NOT NULL,
    subject         text NOT NULL,
    type            text NOT NULL,
    topic           text NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset    bigint NOT NULL,
    headers         jsonb NOT NULL,
    payload         bytea NOT NULL,
    error           text NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    state           text NOT NULL CHECK (state IN ('retrying', 'waiting', 'dead')),
    failed_at       timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz,
    UNIQUE (consumer, event_id)
);
CREATE INDEX dead_letters_by_subject ON dead_letters (consumer, subject, id);

-- Outside answers of paid operations, recorded before they are used; `attempts` counts begun calls.
CREATE TABLE ai_answers (
    account_id   uuid NOT NULL,
    operation_id uuid NOT NULL,
    step         text NOT NULL,
    input_hash   text NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    answer       bytea,
    PRIMARY KEY (operation_id, step, input_hash)
);

-- Answers already given to POSTs that carried an Idempotency-Key, kept 24 hours.
CREATE TABLE idempotency_keys (
    account_id   uuid NOT NULL,
    key          text NOT NULL,
    fingerprint  text NOT NULL,
    status       integer,
    headers      jsonb,
    body         bytea,
    locked_until timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER events_are_append_only BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
