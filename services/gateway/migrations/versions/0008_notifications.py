"""Notifications, what users read of them and want of them."""

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = """
-- Made from what is heard, see gateway/notifications/views.py.
CREATE TABLE notifications (
    account_id uuid NOT NULL,
    id         uuid PRIMARY KEY,
    kind       text NOT NULL,
    message    text NOT NULL,
    site_id    uuid,
    task_id    uuid,
    content_id uuid,
    member_id  uuid,
    created_at timestamptz NOT NULL
);
CREATE INDEX notifications_newest ON notifications (account_id, created_at, id);
CREATE TABLE notification_reads (
    account_id      uuid NOT NULL,
    user_id         uuid NOT NULL,
    notification_id uuid NOT NULL,
    PRIMARY KEY (account_id, user_id, notification_id)
);
CREATE TABLE notification_preferences (
    account_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    kind       text NOT NULL,
    in_app     boolean NOT NULL,
    email      boolean NOT NULL,
    version    integer NOT NULL,
    PRIMARY KEY (account_id, user_id, kind)
);
-- Whom a mail was asked for: never twice, also where the notifications are made anew.
CREATE TABLE notification_mails (
    account_id      uuid NOT NULL,
    notification_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    at              timestamptz NOT NULL,
    PRIMARY KEY (account_id, notification_id, user_id)
);
"""

GUARDED = ("notifications", "notification_reads", "notification_preferences", "notification_mails")


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table in GUARDED:
        op.execute(f"CALL guard_tenant('{table}')")
