CREATE TABLE operations (
    account_id   uuid NOT NULL,
    operation_id uuid PRIMARY KEY,
    version      integer NOT NULL,
    function     text NOT NULL,
    status       text NOT NULL,
    run_id       uuid,
    items        integer NOT NULL,
    succeeded    integer NOT NULL DEFAULT 0,
    failed       integer NOT NULL DEFAULT 0,
    error_code   text,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX operations_by_run ON operations (account_id, run_id);
CALL guard_tenant('operations');
