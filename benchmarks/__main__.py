"""`python -m benchmarks [--only NAME] [--json] [--pairs N] [--rows N]`: the table of figures; 0 only when all targets hold."""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable

import structlog
from igny8_local.leash import end_on_term_as_on_interrupt
from rich.console import Console
from rich.table import Table

from benchmarks import (
    append,
    authentication,
    calls,
    command,
    consume,
    demo,
    drain,
    gateway,
    growth,
    idle,
    latency,
    lists,
    load,
    overview,
    proxy,
    rebuild,
    relayed,
    scale,
    start,
    steps,
)
from benchmarks.pairs import Figure
from benchmarks.parts import Parts

FIGURES: dict[str, Callable[[Parts, int], Awaitable[list[Figure]]]] = {
    "append": append.one_writer,
    "append-16": append.many_writers,
    "append-one-account": append.one_account,
    "append-100": append.against_copy,
    "append-peer": append.against_recorder,
    "command": command.measure,
    "command-library": command.against_library,
    "load": load.short,
    "load-snapshot": load.long,
    "rebuild-decoded": rebuild.decoded,
    "rebuild": rebuild.written,
    "growth-append": growth.appends,
    "growth-list": growth.lists,
    "dashboard": overview.dashboards,
    "search": overview.searches,
    "notifications": overview.notifications,
    "progress": overview.progress,
    "append-relay-half": relayed.half,
    "append-relay": relayed.saturated,
    "drain": drain.measure,
    "consumer": consume.few_tenants,
    "consumer-1000": consume.many_tenants,
    "consumer-partitions": scale.partitions,
    "consumer-replicas": scale.replicas,
    "steps": steps.measure,
    "latency": latency.embedded,
    "latency-kafka": latency.kafka,
    "calls": calls.measure,
    "gateway": gateway.measure,
    "gateway-proxy": proxy.measure,
    "authentication": authentication.measure,
    "list": lists.barely,
    "list-deep": lists.deep,
    "list-django": lists.against_django,
    "idle": idle.measure,
    "start": start.measure,
    "demo": demo.measure,
}
PAIRS = 7
ROWS = 1_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="igny8 bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=FIGURES, help="one figure; may be repeated")
    parser.add_argument("--json", action="store_true", help="a JSON list on standard output, nothing else")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"alternating pairs, default {PAIRS}")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"events of a large store, default {ROWS:,}")
    given = parser.parse_args()
    end_on_term_as_on_interrupt()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    screen = Console(stderr=given.json, highlight=False)
    try:
        figures = asyncio.run(_measure(given.only or list(FIGURES), given.pairs, given.rows, screen))
    except KeyboardInterrupt:
        return 130
    if given.json:
        shown = ("name", "value", "low", "high", "target", "holds")
        print(json.dumps([{name: getattr(figure, name) for name in shown} for figure in figures], indent=1))
    else:
        screen.print(_table(figures))
    return 0 if all(figure.holds for figure in figures) else 1


async def _measure(names: list[str], pairs: int, rows: int, screen: Console) -> list[Figure]:
    figures: list[Figure] = []
    with Parts(rows) as parts:
        for name in names:
            with screen.status(f"measuring {name}"):
                figures += await FIGURES[name](parts, pairs)
    return figures


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "median", "lowest", "highest", "target", "holds", "noise", "ours against bare")
    for column in table.columns[:-1]:
        column.no_wrap = True
    for figure in figures:
        numbers = (f"{value:,.2f} {figure.unit}" for value in (figure.value, figure.low, figure.high))
        noise = f"±{figure.noise:.0%}" if figure.noise else ""
        holds = "[green]yes" if figure.holds else "[red]no"
        table.add_row(figure.name, *numbers, figure.target, holds, noise, figure.note)
    return table


if __name__ == "__main__":
    sys.exit(main())
