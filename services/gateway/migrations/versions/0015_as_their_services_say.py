"""Entries show what their own services' lists show: also what older gateways had not heard, or had misunderstood."""

from alembic import op
from common.migrations import kit

revision = "0015"
down_revision = "0014"

SHOWN = """
-- Places of `guards`: 6 status, 10 text_version.
ALTER TABLE overview_entries DROP COLUMN shown;
ALTER TABLE overview_entries ADD COLUMN shown text GENERATED ALWAYS AS (
    CASE
        WHEN live_version >= greatest(1, coalesce(text_version, 0)
            + CASE WHEN guards[6] > coalesce(guards[10], 0) THEN 1 ELSE 0 END) THEN 'published'
        WHEN kind = 'image' AND status = 'pending' AND failed > 0 THEN 'failed'
        ELSE status
    END) STORED;
"""
"""Of an article that was published once and is written anew, nobody said the version until now: it is the next one.
What failed of an image stands beside its status: what was made before stays."""

MISUNDERSTOOD = """
-- Places of `guards`: 6 status, 7 archived. Nobody says the status of a cluster, and no idea comes back.
UPDATE overview_entries SET status = 'new', guards[6] = NULL WHERE kind = 'cluster';
UPDATE overview_entries SET archived = NULL, guards[7] = NULL WHERE kind = 'idea';
UPDATE overview_entries o SET archived = true, guards[7] = gone.guard
FROM (
    SELECT e.account_id, (entry->>'id')::uuid AS id, max((entry->>'guard')::integer) AS guard
    FROM events e, jsonb_array_elements(e.data->'entries') AS entry
    WHERE e.type = 'EntriesSeen' AND e.data->>'name' = 'IdeasArchived' GROUP BY 1, 2
) AS gone
WHERE o.account_id = gone.account_id AND o.kind = 'idea' AND o.id = gone.id;
"""

HEARD_AGAIN = """
-- Of these more is understood now (a keyword's cluster, an article's words): they are heard once more, with all that the
-- consumer has passed over.
DELETE FROM inbox i USING events e
WHERE e.type = 'EntriesSeen' AND e.data->>'name' IN ('KeywordsChanged', 'ContentChanged')
    AND e.stream = 'overview-' || i.event_id;
INSERT INTO catch_up_requests (consumer, source, since)
SELECT DISTINCT o.consumer, split_part(o.topic, '.', 2), timestamptz 'epoch' FROM consumer_offsets o
WHERE o.topic IN ('igny8.planner.events', 'igny8.writer.events')
ON CONFLICT (consumer, source) DO UPDATE SET since = excluded.since;
"""

COUNTED = """
DELETE FROM overview_counts;
INSERT INTO overview_counts (account_id, kind, site_id, sector_id, made_on, label, status, entries, amount)
SELECT account_id, kind, site_id, sector_id, made_on, coalesce(label, ''), coalesce(shown, ''), count(*),
    sum(coalesce(amount, 0))
FROM overview_entries WHERE archived IS NOT TRUE AND site_id IS NOT NULL AND sector_id IS NOT NULL
GROUP BY account_id, kind, site_id, sector_id, made_on, coalesce(label, ''), coalesce(shown, '');
"""


def upgrade() -> None:
    kit.run_script(op, SHOWN + MISUNDERSTOOD + COUNTED + HEARD_AGAIN)
