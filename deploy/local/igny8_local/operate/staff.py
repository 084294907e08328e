"""`igny8 staff`: who may act on any account by naming it. The gateway's own program does it (`python -m gateway.staff`)."""

import subprocess
import sys
from typing import Annotated

import typer

from igny8_local.environment import base_environment
from igny8_local.errors import StackError
from igny8_local.keys import master_key_file
from igny8_local.layout import data_directory
from igny8_local.operate.reach import DataDir
from igny8_local.services import SECRETS
from igny8_local.stack import Stack

app = typer.Typer(help="Who may act on any account by naming it.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="Of somebody who is registered.")]


@app.command()
def add(email: Email, data_dir: DataDir = None) -> None:
    """Make a user staff."""
    _run(data_dir, "add", email)


@app.command()
def remove(email: Email, data_dir: DataDir = None) -> None:
    """End that."""
    _run(data_dir, "remove", email)


@app.command("list")
def show_all(data_dir: DataDir = None) -> None:
    """List who is staff."""
    _run(data_dir, "list")


def _run(data_dir: DataDir, *arguments: str) -> None:
    stack = Stack(data_directory(data_dir))
    variables = ("IGNY8_MASTER_KEY", "IGNY8_MASTER_KEY_FILE")
    given = {name: value for name in variables if (value := stack.environment.get(name))}
    environment = {
        **base_environment(stack.environment),
        "IGNY8_SERVICE_DATABASE": stack.database_url("gateway"),
        "IGNY8_SECRETS_DATABASE": stack.database_url(SECRETS),
        **(given or {"IGNY8_MASTER_KEY_FILE": str(master_key_file(stack.layout))}),
    }
    command = [sys.executable, "-m", "gateway.staff", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise StackError(done.stderr.strip().splitlines()[-1] if done.stderr else "It did not work.")
    print(done.stdout, end="")
