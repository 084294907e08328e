"""The replica of articles."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE replica_content (
            account_id       uuid NOT NULL,
            content_id       uuid PRIMARY KEY,
            site_id          uuid,
            approved         boolean NOT NULL DEFAULT false,
            approval_version integer NOT NULL DEFAULT 0,
            archived         boolean NOT NULL DEFAULT false,
            archival_version integer NOT NULL DEFAULT 0)"""
    )
    op.execute("CALL guard_tenant('replica_content')")
    # A publisher that has heard the writer before has passed over what it says of articles: it asks for all of it.
    op.execute(
        """INSERT INTO catch_up_requests (consumer, source, since)
        SELECT DISTINCT consumer, 'writer', timestamptz 'epoch' FROM consumer_offsets WHERE topic = 'igny8.writer.events'
        ON CONFLICT (consumer, source) DO UPDATE SET since = excluded.since"""
    )
