"""A chain of durable steps (event, job, effect, next event), once on the kit and once on Celery, writing the same rows."""

from uuid import UUID

SCHEMA = """
CREATE TABLE step_effects (account_id uuid NOT NULL, chain_id uuid NOT NULL, step integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
CALL guard_tenant('step_effects');
CREATE TABLE bare_step_events (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id uuid NOT NULL,
    stream text NOT NULL, version integer NOT NULL, event_id uuid NOT NULL, type text NOT NULL, data jsonb NOT NULL,
    meta jsonb NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON bare_step_events (stream, version);
CREATE INDEX ON bare_step_events USING brin (recorded_at);
CREATE TABLE bare_step_effects (account_id uuid NOT NULL, chain_id uuid NOT NULL, step integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
GRANT ALL ON step_effects, bare_step_events, bare_step_effects TO PUBLIC;
"""
"""The effects have no unique key: a step that was done twice shows as two rows. The `bare_` ones are Celery's."""

ACCOUNTS = [UUID(int=number << 64) for number in range(1, 21)]
"""Twenty tenants, in turn."""
