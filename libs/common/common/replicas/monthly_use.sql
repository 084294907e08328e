CREATE TABLE replica_monthly_use (
    account_id  uuid PRIMARY KEY,
    version     integer NOT NULL,
    month       text NOT NULL,
    ai_requests bigint NOT NULL,
    words       bigint NOT NULL,
    images      bigint NOT NULL
);
CALL guard_tenant('replica_monthly_use');
