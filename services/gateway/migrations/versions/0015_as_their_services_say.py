"""Entries show the status that their own services' lists show: also of articles that were written anew."""

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

COUNTED = """
DELETE FROM overview_counts;
INSERT INTO overview_counts (account_id, kind, site_id, sector_id, made_on, label, status, entries, amount)
SELECT account_id, kind, site_id, sector_id, made_on, coalesce(label, ''), coalesce(shown, ''), count(*),
    sum(coalesce(amount, 0))
FROM overview_entries WHERE archived IS NOT TRUE AND site_id IS NOT NULL AND sector_id IS NOT NULL
GROUP BY account_id, kind, site_id, sector_id, made_on, coalesce(label, ''), coalesce(shown, '');
"""


def upgrade() -> None:
    kit.run_script(op, SHOWN + COUNTED)
