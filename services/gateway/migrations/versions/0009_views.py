"""The views over all services: what there is, how much of it, what happened, and its words."""

from alembic import op
from common.migrations import kit

revision = "0009"
down_revision = "0008"

SCRIPT = """
-- A row for each thing some service has spoken of. What is compared by what: see overview/views.py.
CREATE TABLE overview_entries (
    account_id   uuid NOT NULL,
    kind         text NOT NULL,
    id           uuid NOT NULL,
    site_id      uuid,
    sector_id    uuid,
    parent_id    uuid,
    text         text,
    label        text,
    status       text,
    archived     boolean,
    amount       bigint,
    failed       integer,
    text_version integer,
    live_version integer,
    guard        integer NOT NULL,
    guards       integer[] NOT NULL,
    live_guard   integer,
    words        tsvector,
    made_at      timestamptz NOT NULL,
    said_at      timestamptz NOT NULL,
    made_on      date GENERATED ALWAYS AS (timezone('UTC', made_at)::date) STORED,
    shown        text GENERATED ALWAYS AS (
        CASE WHEN live_version >= coalesce(text_version, 1) THEN 'published' ELSE status END) STORED,
    PRIMARY KEY (account_id, kind, id)
);
CREATE INDEX overview_entries_of_parent ON overview_entries (account_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX overview_entries_runs ON overview_entries (account_id, made_at) WHERE kind = 'run';
-- Read in every search and written once a thing: no list of pending entries that a search would have to go through.
CREATE INDEX overview_entries_words ON overview_entries USING gin (words) WITH (fastupdate = off);

-- How many entries there are of each sort, kept with each change of an entry; `amount` is the sum of theirs.
CREATE TABLE overview_counts (
    account_id uuid NOT NULL,
    site_id    uuid NOT NULL,
    sector_id  uuid NOT NULL,
    kind       text NOT NULL,
    label      text NOT NULL,
    status     text NOT NULL,
    made_on    date NOT NULL,
    entries    bigint NOT NULL,
    amount     bigint NOT NULL,
    PRIMARY KEY (account_id, kind, site_id, sector_id, made_on, label, status)
);

CREATE TABLE overview_activity (
    account_id uuid NOT NULL,
    event_id   uuid NOT NULL,
    source     text NOT NULL,
    name       text NOT NULL,
    said_at    timestamptz NOT NULL,
    kind       text,
    id         uuid,
    site_id    uuid,
    sector_id  uuid,
    title      text,
    entries    integer NOT NULL,
    PRIMARY KEY (account_id, event_id)
);
CREATE INDEX overview_activity_newest ON overview_activity (account_id, said_at, event_id);
CREATE INDEX overview_activity_of_site ON overview_activity (account_id, site_id, said_at, event_id);
CREATE INDEX overview_activity_of_sector ON overview_activity (account_id, sector_id, said_at, event_id);

-- How far each source has been heard: how many of its events, and when the newest was said.
CREATE TABLE overview_positions (
    account_id uuid NOT NULL,
    source     text NOT NULL,
    events     bigint NOT NULL,
    said_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, source)
);

-- The words of all texts, each under itself and under what is left of it without any one letter.
CREATE TABLE overview_spellings (
    account_id uuid NOT NULL,
    key        text NOT NULL,
    word       text NOT NULL,
    PRIMARY KEY (account_id, key, word)
);

CALL guard_tenant('overview_entries');
CALL guard_tenant('overview_counts');
CALL guard_tenant('overview_activity');
CALL guard_tenant('overview_positions');
CALL guard_tenant('overview_spellings');

-- Under row-level security an index serves no operator that might leak what it compares, and @@ is such a one. So the
-- owner looks the ids up, for this transaction's tenant only; the rows are then read by whoever asked, under his policy.
CREATE FUNCTION overview_found(kinds text[], wanted text[], sites uuid[], site uuid, sector uuid, most integer)
RETURNS TABLE (kind text, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT k.kind, found.id
    FROM unnest(kinds, wanted) AS k (kind, wanted)
    CROSS JOIN LATERAL (
        SELECT e.id FROM overview_entries e
        WHERE e.words @@ k.wanted::tsquery AND e.kind = k.kind
          AND e.account_id = nullif(current_setting('app.account_id', true), '')::uuid
          AND e.archived IS NOT TRUE
          AND (sites IS NULL OR e.site_id = ANY (sites))
          AND (site IS NULL OR e.site_id = site) AND (sector IS NULL OR e.sector_id = sector)
        LIMIT most
    ) AS found
$$;
"""


def upgrade() -> None:
    kit.run_script(op, SCRIPT)
