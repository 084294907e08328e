"""Accounts, users, sessions, progress and live updates."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE accounts (
    account_id    uuid PRIMARY KEY,
    version       integer NOT NULL,
    slug          text NOT NULL UNIQUE,
    name_cipher   text NOT NULL,
    status        text NOT NULL,
    trial_ends_at timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE TABLE members (
    account_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    version    integer NOT NULL,
    role       text NOT NULL,
    active     boolean NOT NULL,
    PRIMARY KEY (account_id, user_id)
);
CREATE TABLE sites (
    account_id  uuid NOT NULL,
    id          uuid PRIMARY KEY,
    version     integer NOT NULL,
    name        text NOT NULL,
    slug        text NOT NULL,
    domain      text NOT NULL,
    industry    text NOT NULL,
    status      text NOT NULL,
    is_active   boolean NOT NULL,
    archived    boolean NOT NULL,
    wp_url      text,
    wp_username text,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX sites_slug ON sites (account_id, slug) WHERE NOT archived;
CREATE TABLE sectors (
    account_id      uuid NOT NULL,
    id              uuid PRIMARY KEY,
    site_id         uuid NOT NULL,
    version         integer NOT NULL,
    name            text NOT NULL,
    slug            text NOT NULL,
    industry_sector text NOT NULL,
    is_active       boolean NOT NULL,
    archived        boolean NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX sectors_slug ON sectors (account_id, site_id, slug) WHERE NOT archived;
CREATE TABLE users (
    account_id        uuid NOT NULL,
    user_id           uuid PRIMARY KEY,
    version           integer NOT NULL,
    email_index       text NOT NULL UNIQUE,
    email_cipher      text NOT NULL,
    password_cipher   text NOT NULL,
    first_name_cipher text NOT NULL,
    last_name_cipher  text NOT NULL,
    role              text NOT NULL,
    is_active         boolean NOT NULL,
    last_login        timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);
CREATE INDEX users_of_account ON users (account_id);

-- The newest refresh token of each session. Any other token that names the session was used before.
CREATE TABLE refresh_families (
    account_id uuid NOT NULL,
    session_id uuid PRIMARY KEY,
    user_id    uuid NOT NULL,
    token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX refresh_families_of_user ON refresh_families (account_id, user_id);

CREATE TABLE activity_operations (
    account_id   uuid NOT NULL,
    operation_id uuid NOT NULL,
    function     text,
    items        integer,
    site_id      uuid,
    sector_id    uuid,
    run_id       uuid,
    requested_at timestamptz,
    reserved_at  timestamptz,
    ended        text,
    message      text,
    PRIMARY KEY (account_id, operation_id)
);
CREATE TABLE activity_items (
    account_id   uuid NOT NULL,
    operation_id uuid NOT NULL,
    item_id      uuid NOT NULL,
    outcome      text,
    error_code   text,
    message      text,
    credits      bigint,
    PRIMARY KEY (account_id, operation_id, item_id)
);
CREATE TABLE activity_runs (
    account_id     uuid NOT NULL,
    run_id         uuid NOT NULL,
    site_id        uuid,
    sector_id      uuid,
    started_at     timestamptz,
    paused         boolean,
    paused_version integer NOT NULL DEFAULT 0,
    cancelled      boolean NOT NULL DEFAULT false,
    outcome        text,
    reason         text,
    PRIMARY KEY (account_id, run_id)
);
CREATE TABLE activity_stages (
    account_id       uuid NOT NULL,
    run_id           uuid NOT NULL,
    stage            integer NOT NULL,
    started_version  integer NOT NULL DEFAULT 0,
    finished_version integer NOT NULL DEFAULT 0,
    planned          integer,
    items            integer,
    failed           integer,
    credits          bigint,
    PRIMARY KEY (account_id, run_id, stage)
);

-- What a client that reconnects may have missed; kept short, see activity/live.py.
CREATE TABLE live_events (
    account_id uuid NOT NULL,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    event_id   uuid NOT NULL,
    name       text NOT NULL,
    data       jsonb NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, event_id)
);
"""

GUARDED = (
    "accounts",
    "members",
    "sites",
    "sectors",
    "users",
    "refresh_families",
    "activity_operations",
    "activity_items",
    "activity_runs",
    "activity_stages",
    "live_events",
)

# Login knows an e-mail and no tenant yet: this one row crosses the tenants, and nothing else.
USER_BY_EMAIL = """
CREATE FUNCTION user_by_email(wanted text) RETURNS TABLE (account_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT u.account_id, u.user_id FROM users u WHERE u.email_index = wanted
$$
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table in GUARDED:
        op.execute(f"CALL guard_tenant('{table}')")
    op.execute(USER_BY_EMAIL)
