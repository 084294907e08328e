"""`igny8 keys`: the keys that tokens are signed with."""

import json
import time
from typing import Annotated

import typer

from igny8_local.layout import Layout, data_directory
from igny8_local.operate.reach import DataDir, Json, console

app = typer.Typer(help="The keys that tokens are signed with.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Makes `rotate` a command of its own."""


@app.command()
def rotate(
    seconds: Annotated[
        float, typer.Option("--in", min=0, help="Seconds until the new key signs; it is published at once.")
    ] = 600,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Add a signing key. Nobody is signed out: the old key verifies until its last token has run out."""
    from common.auth.signing_keys import rotate_keys

    layout = Layout(data_directory(data_dir))
    layout.create()
    key = rotate_keys(layout.token_keys, time.time(), seconds)
    if as_json:
        print(json.dumps({"kid": key.kid, "signs_from": key.signs_from}))
    else:
        console.print(f"Key {key.kid} is published and signs in {seconds:.0f} s.", soft_wrap=True)
