"""All that happens to images is said: what happened before too, to be heard as of its own version.

What new prompts had put aside, no fact of its own told: it gets one, as it gets since.
"""

from alembic import op
from common.migrations import kit

revision = "0010"
down_revision = "0009"

PUT_ASIDE = """
LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;
WITH aside AS (
    SELECT i.account_id, i.image_id, 'gallery-' || i.content_id AS stream
    FROM images i WHERE i.archived AND 'ImageArchived' IS DISTINCT FROM (
        SELECT e.type FROM events e WHERE e.stream = 'gallery-' || i.content_id
            AND e.type IN ('ImageArchived', 'ImageRestored') AND e.data->>'image_id' = i.image_id::text
        ORDER BY e.version DESC LIMIT 1)
), recorded AS (
    INSERT INTO events (account_id, stream, version, event_id, type, data, meta)
    SELECT a.account_id, a.stream, last.version + row_number() OVER (PARTITION BY a.stream ORDER BY a.image_id),
        gen_random_uuid(), 'ImageArchived', jsonb_build_object('image_id', a.image_id), '{}'::jsonb
    FROM aside a CROSS JOIN LATERAL (SELECT max(e.version) AS version FROM events e WHERE e.stream = a.stream) AS last
    RETURNING version, recorded_at, (data->>'image_id')::uuid AS image_id
)
UPDATE images i SET version = r.version, updated_at = r.recorded_at FROM recorded r WHERE r.image_id = i.image_id;
"""

SAID = """
INSERT INTO outbox (position)
SELECT position FROM events
WHERE type IN ('ImageAdded', 'ImageChanged', 'ImageFailed', 'ImageArchived', 'ImageRestored') ORDER BY position
ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    kit.run_script(op, PUT_ASIDE + SAID)
