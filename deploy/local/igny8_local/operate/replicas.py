"""`igny8 replicas`: fill what services keep of others' events again."""

import json
from contextlib import ExitStack
from typing import Annotated

import typer

from igny8_local.operate.reach import (
    Database,
    DataDir,
    Json,
    Reach,
    Service,
    clear_errors,
    console,
    progress_bar,
    service_of,
)

app = typer.Typer(help="What services keep of others' events: fill it again.", no_args_is_help=True)


@app.callback()
def replicas() -> None:
    """A group of its own, also with one command."""


@app.command()
def rebuild(
    service: Service = None,
    empty: Annotated[
        bool,
        typer.Option("--empty", help="Remove the rows first, for rows that are wrong and not only missing."),
    ] = False,
    database: Database = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Have everything said again that replicas are made of, while the services go on; nothing else follows a second time."""
    from common.operate.replicas import ask, until_filled

    reach = Reach(service, database, data_dir)
    services = {name: service_of(name) for name in reach.services}
    with clear_errors(), ExitStack() as stack, progress_bar(hidden=as_json) as progress:
        own = {name: stack.enter_context(reach.connection(name)) for name in services}
        asked = {name: ask(own[name], each, empty=empty) for name, each in services.items()}
        if database is None:  # else the sources' databases are not known: the service goes on by itself
            needed = {source for sources in asked.values() for source in sources}
            others = {name: stack.enter_context(reach.connection(name)) for name in sorted(needed - {*own})}
            tasks = {name: progress.add_task(f"filling {name}", total=None) for name in services}

            def show(name: str, said: int, to_say: int) -> None:
                progress.update(tasks[name], completed=said, total=to_say or None)

            until_filled(asked, own | others, show)
    found = [{"service": name, "sources": list(sources)} for name, sources in asked.items()]
    if as_json:
        print(json.dumps({"services": found, "filled": database is None}))
        return
    for name, sources in asked.items():
        said = "is filled again from" if database is None else "has been told to ask"
        console.print(f"{name} {said} {', '.join(sources)}", highlight=False, soft_wrap=True)
