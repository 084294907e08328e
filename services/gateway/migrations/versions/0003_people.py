"""Members' sites, password resets, invitations, and slugs that stay an account's."""

from alembic import op

revision = "0003"
down_revision = "0002"

# What is `role` and `is_active` of a user is decided in the accounts stream and stands in `members`.
TABLES = """
ALTER TABLE users DROP COLUMN role, DROP COLUMN is_active;
ALTER TABLE members ADD COLUMN site_ids uuid[] NOT NULL DEFAULT '{}';
CREATE TABLE account_slugs (
    slug       text PRIMARY KEY,
    account_id uuid NOT NULL
);
CREATE INDEX account_slugs_of_account ON account_slugs (account_id);
INSERT INTO account_slugs (slug, account_id) SELECT slug, account_id FROM accounts;

-- Open ones only. What is mailed is not here: see mailed.py.
CREATE TABLE password_resets (
    account_id uuid NOT NULL,
    reset_id   uuid PRIMARY KEY,
    user_id    uuid NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_resets_of_user ON password_resets (account_id, user_id);

CREATE TABLE invitations (
    account_id   uuid NOT NULL,
    id           uuid PRIMARY KEY,
    version      integer NOT NULL,
    email_index  text NOT NULL,
    email_cipher text NOT NULL,
    role         text NOT NULL,
    site_ids     uuid[] NOT NULL,
    state        text NOT NULL,
    sending      integer NOT NULL,
    invited_by   uuid,
    expires_at   timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE UNIQUE INDEX invitations_pending ON invitations (account_id, email_index) WHERE state = 'pending';
"""

GUARDED = ("account_slugs", "password_resets", "invitations")


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table in GUARDED:
        op.execute(f"CALL guard_tenant('{table}')")
