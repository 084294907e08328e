"""`igny8 dlq`: events that a service could not handle, facts that Kafka refused."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from igny8_local.errors import StackError
from igny8_local.operate.reach import (
    Database,
    DataDir,
    Json,
    OneService,
    Reach,
    Service,
    clear_errors,
    console,
)

if TYPE_CHECKING:
    from common.operate.dead_letters import Letter

app = typer.Typer(help="Dead letters: look at them, try them again, forget them.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="As in `dlq list`: a number, or outbox-<number>.")]


@app.command("list")
def show_all(
    service: Service = None, database: Database = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """List the dead letters."""
    from common.operate.dead_letters import letters

    reach = Reach(service, database, data_dir)
    found: list[Letter] = []
    with clear_errors():
        for name in reach.services:
            with reach.connection(name) as connection:
                found += letters(connection, name)
    if as_json:
        print(json.dumps({"letters": [letter.as_dict() for letter in found]}))
    elif not found:
        console.print("There are no dead letters.")
    for letter in () if as_json else found:
        attempts = "" if letter.attempts is None else f" after {letter.attempts} attempts"
        waits = f", waits behind {letter.waits_behind}" if letter.waits_behind else ""
        _say(letter, f"in {letter.service}: {letter.state}{attempts}{waits}\n    {escape(letter.error)}")


@app.command()
def show(
    id: Id, service: OneService, database: Database = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Show a dead letter with its message."""
    from common.operate.dead_letters import content

    reach = Reach(service, database, data_dir)
    with clear_errors(), reach.connection(service) as connection:
        found = content(connection, service, id).as_dict()
    if as_json:
        print(json.dumps(found))
    else:
        console.print_json(data=found, indent=2)


@app.command()
def retry(
    service: OneService,
    id: Annotated[str | None, typer.Argument(help="As in `dlq list`.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All letters of the service.")] = False,
    database: Database = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let the service try again now, with a full set of attempts; what waits behind follows."""
    from common.operate.dead_letters import retry as again

    if (id is None) is not every:
        raise StackError("Say which letter, or --all.")
    reach = Reach(service, database, data_dir)
    with clear_errors(), reach.connection(service) as connection:
        taken = again(connection, service, id)
    if as_json:
        print(json.dumps({"retried": [letter.as_dict() for letter in taken]}))
        return
    for letter in taken:
        waits = f"; it waits behind letter {letter.waits_behind}" if letter.waits_behind else ""
        _say(letter, f"is tried again{waits}")
    if not taken:
        console.print(f"{service} has no dead letters.")


@app.command()
def discard(
    id: Id,
    service: OneService,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database: Database = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Forget a letter for good; what waits behind it goes on."""
    from common.operate.dead_letters import content
    from common.operate.dead_letters import discard as forget

    reach = Reach(service, database, data_dir)
    with clear_errors(), reach.connection(service) as connection:
        letter = content(connection, service, id).letter
        if not yes:
            typer.confirm(
                f"Forget {letter.type} of {letter.subject}? It will never be handled", abort=True, err=True
            )
        forgotten: dict[str, Any] = forget(connection, service, id).as_dict()
    if as_json:
        print(json.dumps({"discarded": forgotten}))
    else:
        _say(letter, "is forgotten")


def _say(letter: "Letter", what: str) -> None:
    console.print(
        f"[bold]{letter.id}[/]  {escape(letter.type)} of {escape(letter.subject)} {what}",
        highlight=False,
        soft_wrap=True,
    )
