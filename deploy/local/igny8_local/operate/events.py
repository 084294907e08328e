"""`igny8 events`: look at facts, say them again."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from igny8_local.errors import StackError
from igny8_local.operate.reach import (
    Database,
    DataDir,
    Json,
    Reach,
    Service,
    clear_errors,
    console,
    progress_bar,
)

if TYPE_CHECKING:
    from common.operate.events import Fact

app = typer.Typer(help="The stored facts: look at them, say them again.", no_args_is_help=True)

SHOWN_DATA = 200
"""Characters of a fact's data in a list of facts; `events show` and --json show all."""


@app.command()
def tail(
    service: Service = None,
    most: Annotated[int, typer.Option("-n", "--lines", min=1, help="How many of the last facts.")] = 20,
    following: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on as more is recorded; with --json, a fact a line.")
    ] = False,
    database: Database = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show the last facts."""
    from common.operate.events import POLL_SECONDS, Follower
    from common.operate.events import tail as last

    reach = Reach(service, database, data_dir)
    with clear_errors(), ExitStack() as stack:
        connections = {name: stack.enter_context(reach.connection(name)) for name in reach.services}
        followers = [Follower(connection, name) for name, connection in connections.items() if following]
        found = _by_time(fact for name in connections for fact in last(connections[name], name, most))[-most:]
        if as_json and not following:
            print(json.dumps({"events": [fact.as_dict() for fact in found]}))
            return
        _print(found, as_json)
        while following:
            time.sleep(POLL_SECONDS)
            _print(_by_time(fact for follower in followers for fact in follower.new()), as_json)


@app.command()
def show(
    stream: Annotated[str, typer.Argument(help="A stream, for instance wallet-<uuid>.")],
    service: Service = None,
    database: Database = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show all facts of a stream."""
    from common.operate.events import stream as facts_of

    reach = Reach(service, database, data_dir)
    with clear_errors():
        for name in reach.services:
            with reach.connection(name) as connection:
                if facts := facts_of(connection, name, stream):
                    break
        else:
            raise StackError(f"No stream {escape(stream)} in {', '.join(reach.services)}.")
    if as_json:
        events = [fact.as_dict() for fact in facts]
        print(json.dumps({"service": name, "stream": stream, "events": events}))
        return
    console.print(f"{escape(stream)} in {name}, account {facts[0].account_id}", highlight=False)
    for fact in facts:
        when = fact.recorded_at.astimezone().isoformat(sep=" ", timespec="milliseconds")
        console.print(
            f"[bold]{fact.version:>4}  {escape(fact.type)}[/]  {when}  {escape(fact.actor)}",
            highlight=False,
            soft_wrap=True,
        )
        console.print_json(data=fact.data, indent=2)


@app.command()
def republish(
    service: Service = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only what was recorded since: 2026-01-31, 2026-01-31T12:00+00:00 …"),
    ] = None,
    database: Database = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say all public facts again on Kafka; consumers ignore what they know."""
    from common.operate.events import republish as say_again

    reach = Reach(service, database, data_dir)
    moment = _moment(since)
    done: list[dict[str, Any]] = []
    with clear_errors(), progress_bar(hidden=as_json) as progress:
        for name in reach.services:
            task = progress.add_task(f"saying {name} again", total=None)
            facts = 0
            with reach.connection(name) as connection:
                for said in say_again(connection, since=moment):
                    facts = said.facts
                    total = said.last - said.first + 1
                    progress.update(task, total=total, completed=said.reached - said.first + 1)
            progress.update(task, total=1, completed=1)
            done.append({"service": name, "facts": facts})
    if as_json:
        print(json.dumps({"services": done}))
        return
    for each in done:
        console.print(f"{each['service']}: {each['facts']} facts went through the outbox again")


def _moment(since: str | None) -> datetime | None:
    if since is None:
        return None
    try:
        return datetime.fromisoformat(since).astimezone()
    except ValueError as error:
        raise StackError(
            f"{escape(repr(since))} is no time: --since takes ISO 8601, like 2026-01-31T12:00."
        ) from error


def _by_time(facts: "Iterable[Fact]") -> "list[Fact]":
    return sorted(facts, key=lambda fact: (fact.recorded_at, fact.service, fact.position))


def _print(facts: "Iterable[Fact]", as_json: bool) -> None:
    for line in _lines(facts, as_json):
        print(line, flush=True)


def _lines(facts: "Iterable[Fact]", as_json: bool) -> Iterator[str]:
    for fact in facts:
        data = json.dumps(fact.as_dict() if as_json else fact.data, ensure_ascii=as_json)
        if as_json:
            yield data
            continue
        when = fact.recorded_at.astimezone().isoformat(sep=" ", timespec="milliseconds")
        short = data if len(data) <= SHOWN_DATA else data[: SHOWN_DATA - 1] + "…"
        yield f"{when}  {fact.service}  {fact.stream}@{fact.version}  {fact.type}  {fact.actor}  {short}"
