"""Prompts, author profiles, strategies, AI settings and the model catalogue."""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE prompts (
    account_id   uuid NOT NULL,
    id           uuid PRIMARY KEY,
    version      integer NOT NULL,
    prompt_type  text NOT NULL,
    prompt_value text NOT NULL,
    number       integer NOT NULL,
    archived     boolean NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE UNIQUE INDEX prompts_type ON prompts (account_id, prompt_type) WHERE NOT archived;
CREATE TABLE prompt_versions (
    account_id   uuid NOT NULL,
    prompt_id    uuid NOT NULL,
    number       integer NOT NULL,
    prompt_value text NOT NULL,
    written_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (prompt_id, number)
);
CREATE TABLE author_profiles (
    account_id  uuid NOT NULL,
    id          uuid PRIMARY KEY,
    version     integer NOT NULL,
    name        text NOT NULL,
    description text NOT NULL,
    tone        text NOT NULL,
    language    text NOT NULL,
    is_default  boolean NOT NULL,
    archived    boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX author_profiles_default ON author_profiles (account_id) WHERE is_default;
CREATE INDEX author_profiles_of_account ON author_profiles (account_id);
CREATE TABLE strategies (
    account_id    uuid NOT NULL,
    id            uuid PRIMARY KEY,
    version       integer NOT NULL,
    name          text NOT NULL,
    description   text NOT NULL,
    site_id       uuid,
    sector_id     uuid,
    prompt_types  jsonb NOT NULL,
    section_logic jsonb NOT NULL,
    is_active     boolean NOT NULL,
    archived      boolean NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX strategies_of_account ON strategies (account_id);
CREATE TABLE ai_settings (
    account_id    uuid NOT NULL,
    settings_type text NOT NULL,
    version       integer NOT NULL,
    is_active     boolean NOT NULL,
    base_url      text NOT NULL,
    model         text NOT NULL,
    provider      text NOT NULL,
    size          text NOT NULL,
    quality       text NOT NULL,
    secret        jsonb,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, settings_type)
);
CREATE TABLE ai_models (
    id           uuid PRIMARY KEY,
    name         text NOT NULL UNIQUE,
    version      integer NOT NULL,
    provider     text NOT NULL,
    kind         text NOT NULL,
    input_price  bigint NOT NULL,
    output_price bigint NOT NULL,
    image_price  bigint NOT NULL,
    is_active    boolean NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);
"""

GUARDED = ("prompts", "prompt_versions", "author_profiles", "strategies", "ai_settings")


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table in GUARDED:
        op.execute(f"CALL guard_tenant('{table}')")
