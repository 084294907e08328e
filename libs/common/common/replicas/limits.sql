CREATE TABLE replica_limits (
    account_id uuid PRIMARY KEY,
    version    integer NOT NULL,
    plan       text NOT NULL,
    limits     jsonb NOT NULL
);
CALL guard_tenant('replica_limits');
