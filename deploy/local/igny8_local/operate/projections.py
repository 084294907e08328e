"""`igny8 projections`: check the views against the facts, build them anew."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from igny8_local.operate.reach import (
    Database,
    DataDir,
    Json,
    Reach,
    Service,
    clear_errors,
    console,
    model_of,
    progress_bar,
)

if TYPE_CHECKING:
    from common.eventsourcing.rebuild import Rebuilt
    from common.operate.projections import Verified

app = typer.Typer(help="The views: check them against the facts, build them anew.", no_args_is_help=True)


@app.command()
def rebuild(
    service: Service = None,
    projection: Annotated[str | None, typer.Option("--projection", help="Its name; else all.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare only and change nothing; exit code 1 when they differ.")
    ] = False,
    database: Database = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Build views anew from the facts while the services go on."""
    from common.eventsourcing.rebuild import rebuild as build_anew
    from common.operate import OperatorError
    from common.operate.projections import chosen
    from common.operate.projections import verify as compare

    reach = Reach(service, database, data_dir)
    results: list[dict[str, Any]] = []
    with clear_errors(), progress_bar(hidden=as_json) as progress:
        urls = {name: reach.url(name) for name in reach.services}
        models = {name: model_of(name) for name in reach.services}
        if projection and service is None:
            names = {known.name for model in models.values() for known in model.projections}
            if projection not in names:
                raise OperatorError(f"No service has a projection {projection!r}.")
        for name, model in models.items():
            if projection and service is None and projection not in {p.name for p in model.projections}:
                continue
            for each in chosen(model, projection):
                task = progress.add_task(f"{name} {each.name}", total=None)

                def show(reached: int, last: int, task: Any = task) -> None:
                    progress.update(task, completed=reached, total=last)

                if verify:
                    verified = asyncio.run(compare(urls[name], model, each, show))
                    results.append({"service": name} | _verified(verified))
                else:
                    rebuilt = asyncio.run(build_anew(urls[name], model, each, show))
                    results.append({"service": name} | _rebuilt(rebuilt))
                progress.update(task, completed=1, total=1)
    equal = all(result.get("equal", True) for result in results)
    if as_json:
        print(json.dumps({"equal": equal, "projections": results} if verify else {"projections": results}))
    else:
        for result in results:
            (_print_verified if verify else _print_rebuilt)(result)
    if not equal:
        raise typer.Exit(1)


@app.command()
def digests(
    service: Service = None, database: Database = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Print a digest of every view and replica table: equal digests, equal rows."""
    from common.operate.projections import digests as digests_of

    reach = Reach(service, database, data_dir)
    with clear_errors():
        found = {name: asyncio.run(digests_of(reach.url(name), model_of(name))) for name in reach.services}
    if as_json:
        print(json.dumps(found))
        return
    for name, tables in found.items():
        for table, digest in tables.items():
            console.print(f"{digest}  {name}  {table}", highlight=False, soft_wrap=True)


def _verified(found: "Verified") -> dict[str, Any]:
    tables = [table.as_dict() for table in found.tables]
    return {"projection": found.projection, "equal": found.equal, "facts": found.facts, "tables": tables}


def _rebuilt(done: "Rebuilt") -> dict[str, Any]:
    return {
        "projection": done.projection,
        "facts": done.facts,
        "seconds": round(done.seconds, 3),
        "facts_per_second": round(done.facts / done.seconds),
        "tables": [
            {"table": each.table, "removed": each.removed, "written": each.written} for each in done.tables
        ],
    }


def _print_verified(found: dict[str, Any]) -> None:
    for table in found["tables"]:
        said = "[green]equal[/]" if table["equal"] else "[red]different[/]"
        console.print(
            f"{said}  {found['service']}  {found['projection']}  {table['table']}: "
            f"{table['live']['rows']} rows {table['live']['md5']}, "
            f"from the facts {table['rebuilt']['rows']} rows {table['rebuilt']['md5']}",
            highlight=False,
            soft_wrap=True,
        )
        for only, rows in (("live", table["only_live"]), ("rebuilt", table["only_rebuilt"])):
            for row in rows:
                console.print(f"  only {only}: {escape(json.dumps(row))}", highlight=False, soft_wrap=True)


def _print_rebuilt(done: dict[str, Any]) -> None:
    changed = ", ".join(
        f"{each['table']} {each['removed']} removed and {each['written']} written"
        for each in done["tables"]
        if each["removed"] or each["written"]
    )
    console.print(
        f"{done['service']}  {done['projection']}: {done['facts']} facts in {done['seconds']:.1f} s "
        f"({done['facts_per_second']} a second); {changed or 'no row was wrong'}",
        highlight=False,
        soft_wrap=True,
    )
