#!/bin/sh
# Roles and databases of a new PostgreSQL: the image runs it once, on an empty data directory. The igny8 command does
# the same for its stacks (igny8_local/databases.py). owner: migrates and bypasses row-level security; <service>: works
# under it; relay: reads the outbox of all tenants.
set -eu

# run SQL ARGUMENTS...: the arguments are psql variables, so passwords need no quoting of ours.
run() {
    sql=$1
    shift
    printf '%s\n' "$sql" | psql --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres "$@"
}

role() { # NAME PASSWORD RIGHT
    run "CREATE ROLE :\"role\" LOGIN $3 PASSWORD :'password';" --set=role="$1" --set=password="$2"
}

database() { # SERVICE PASSWORD
    name=igny8_$1
    role "${name}_owner" "$IGNY8_OWNER_PASSWORD" BYPASSRLS
    role "$name" "$2" NOBYPASSRLS
    run 'CREATE DATABASE :"name" OWNER :"owner" ENCODING '"'UTF8'"' TEMPLATE template0;' \
        --set=name="$name" --set=owner="${name}_owner"
    run 'REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC; GRANT CONNECT ON DATABASE :"name" TO :"name";
        ALTER ROLE :"name" SET idle_in_transaction_session_timeout = '"'60s'"';' --set=name="$name"
}

relay() { # SERVICE PASSWORD
    name=igny8_$1
    role "${name}_relay" "$2" NOBYPASSRLS
    run 'GRANT CONNECT ON DATABASE :"name" TO :"relay";
        ALTER ROLE :"relay" SET idle_in_transaction_session_timeout = '"'60s'"';' \
        --set=name="$name" --set=relay="${name}_relay"
}

service() { # SERVICE PASSWORD
    database "$1" "$2"
    relay "$1" "$2"
}

service gateway "$IGNY8_GATEWAY_PASSWORD"
service planner "$IGNY8_PLANNER_PASSWORD"
service writer "$IGNY8_WRITER_PASSWORD"
service billing "$IGNY8_BILLING_PASSWORD"
service publisher "$IGNY8_PUBLISHER_PASSWORD"
database secrets "$IGNY8_SECRETS_PASSWORD"
