CREATE TABLE replica_prompts (
    account_id uuid NOT NULL,
    prompt_id  uuid PRIMARY KEY,
    version    integer NOT NULL,
    said       jsonb NOT NULL
);
CREATE TABLE replica_authors (
    account_id uuid NOT NULL,
    profile_id uuid PRIMARY KEY,
    version    integer NOT NULL,
    said       jsonb NOT NULL
);
CREATE TABLE replica_strategies (
    account_id  uuid NOT NULL,
    strategy_id uuid PRIMARY KEY,
    version     integer NOT NULL,
    said        jsonb NOT NULL
);
CREATE TABLE replica_ai_settings (
    account_id    uuid NOT NULL,
    settings_type text NOT NULL,
    version       integer NOT NULL,
    said          jsonb NOT NULL,
    PRIMARY KEY (account_id, settings_type)
);
CREATE TABLE replica_platform_settings (
    settings_type text PRIMARY KEY,
    version       integer NOT NULL,
    said          jsonb NOT NULL
);
CREATE INDEX replica_prompts_by_account ON replica_prompts (account_id);
CREATE INDEX replica_authors_by_account ON replica_authors (account_id);
CREATE INDEX replica_strategies_by_account ON replica_strategies (account_id);
CALL guard_tenant('replica_prompts');
CALL guard_tenant('replica_authors');
CALL guard_tenant('replica_strategies');
CALL guard_tenant('replica_ai_settings');
