"""`igny8 secrets`: the master key, which wraps the accounts' data keys."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from igny8_local.errors import StackError
from igny8_local.layout import data_directory
from igny8_local.operate.reach import DataDir, Json, clear_errors, console
from igny8_local.services import SECRETS
from igny8_local.stack import Stack

app = typer.Typer(help="The secret store: rotate its master key.", no_args_is_help=True)


@app.callback()
def secrets() -> None:
    """A group of its own, also with one command."""


@app.command()
def rotate(
    database: Annotated[
        str | None,
        typer.Option(
            "--database", help="URL of the secret store's database as its owner; else the running stack's."
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", help="The services' IGNY8_MASTER_KEY_FILE; else the running stack's."),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Put a new master key in force and wrap every data key with it, while the services run."""
    import psycopg
    from common.operate.secrets import rotate as rotate_key

    if (database is None) != (key_file is None):
        raise StackError("Give --database and --key-file together, or neither for the stack that runs here.")
    stack = Stack(data_directory(data_dir))
    url = database or stack.database_url(SECRETS, "owner")
    path = key_file or stack.layout.keys / "master.key"
    with (
        clear_errors(),
        psycopg.connect(
            url, autocommit=True, connect_timeout=10, application_name="igny8-operator"
        ) as connection,
    ):
        done = rotate_key(connection, path)
    if as_json:
        print(json.dumps(done.as_dict()))
        return
    console.print(
        f"{done.rewrapped} data keys are wrapped by the new master key {done.current}.\n"
        f"{len(done.kept)} earlier ones stay in {escape(str(path))}, back it up."
        f" {len(done.dropped)} were dropped: nothing is wrapped by them.",
        soft_wrap=True,
    )
