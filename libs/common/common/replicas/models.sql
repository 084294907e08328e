CREATE TABLE replica_ai_models (
    name    text PRIMARY KEY,
    version integer NOT NULL,
    said    jsonb NOT NULL
);
