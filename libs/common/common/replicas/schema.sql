CREATE TABLE replica_accounts (
    account_id    uuid PRIMARY KEY,
    version       integer NOT NULL,
    slug          text,
    status        text,
    trial_ends_at timestamptz
);
CREATE TABLE replica_sites (
    account_id uuid NOT NULL,
    site_id    uuid PRIMARY KEY,
    version    integer NOT NULL,
    name       text NOT NULL,
    slug       text NOT NULL,
    domain     text NOT NULL,
    archived   boolean NOT NULL
);
CREATE TABLE replica_sectors (
    account_id uuid NOT NULL,
    sector_id  uuid PRIMARY KEY,
    site_id    uuid NOT NULL,
    version    integer NOT NULL,
    name       text NOT NULL,
    archived   boolean NOT NULL
);
CREATE TABLE replica_balances (
    account_id uuid PRIMARY KEY,
    version    integer NOT NULL,
    balance    bigint NOT NULL,
    available  bigint NOT NULL
);
CREATE TABLE replica_rate_cards (
    version integer PRIMARY KEY,
    card    jsonb NOT NULL
);
CREATE INDEX replica_sites_by_account ON replica_sites (account_id);
CREATE INDEX replica_sectors_by_account ON replica_sectors (account_id, site_id);
CALL guard_tenant('replica_accounts');
CALL guard_tenant('replica_sites');
CALL guard_tenant('replica_sectors');
CALL guard_tenant('replica_balances');
