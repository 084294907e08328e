"""A migration that makes one table as the owner and grants it to the service; `--fail SERVICE` makes it fail."""

import os
import sys

import psycopg
from psycopg import sql


def main() -> None:
    service = sys.argv[-1]
    if f"--fail={service}" in sys.argv:
        print("column keyword does not exist")
        sys.exit(1)
    role = sql.Identifier(os.environ["IGNY8_SERVICE_ROLE"])
    with psycopg.connect(os.environ["IGNY8_MIGRATION_DATABASE"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS migrated (times int)")
        connection.execute("INSERT INTO migrated VALUES (1)")
        connection.execute(sql.SQL("GRANT SELECT, INSERT ON migrated TO {}").format(role))


if __name__ == "__main__":
    main()
