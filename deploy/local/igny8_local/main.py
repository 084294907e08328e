"""The `igny8` command."""

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from igny8_local.errors import AlreadyRunning, StackError
from igny8_local.layout import REPOSITORY, data_directory
from igny8_local.leash import leash
from igny8_local.logs import follow
from igny8_local.rotation import last_lines
from igny8_local.services import SERVICES
from igny8_local.stack import Stack

EXTENSIONS = ("igny8_local.demo", "igny8_local.operate")
"""Modules with further commands: each offers `mount(app: typer.Typer) -> None`."""

app = typer.Typer(
    help="Keywords in, published articles out: the embedded stack, the demo and the operator's tools.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the stack keeps its data (IGNY8_DATA_DIR; default .igny8)."),
]
Port = Annotated[
    int | None, typer.Option("--port", help="The gateway's port (IGNY8_PORT; default 8080), others follow.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

_console = Console()
_errors = Console(stderr=True)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command; `main` reads --debug from the command line itself."""
    del debug


@app.command()
def up(
    data_dir: DataDir = None,
    port: Port = None,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Run the migrations even where they were run before.")
    ] = False,
) -> None:
    """Start the stack and leave it running."""
    stack = Stack(data_directory(data_dir), port)
    try:
        start_with_progress(stack, migrate_again=migrate)
    except AlreadyRunning as running:
        _console.print(f"{running} Stop it with ./igny8 down.", soft_wrap=True)
        if not stack.state():
            return
    _print_addresses(stack)


def start_with_progress(stack: Stack, *, migrate_again: bool = False) -> float:
    """Starts the stack and shows what it is waiting for on standard error; the seconds it took."""
    began = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=_errors, transient=True) as progress:
        task = progress.add_task("starting", total=None)
        waiting: list[str] = []

        def show(part: str, state: str, detail: str) -> None:
            del detail
            if state == "starting" and part not in waiting:
                waiting.append(part)
            elif state == "ready" and part in waiting:
                waiting.remove(part)
            progress.update(task, description=f"starting {', '.join(waiting)}")

        stack.start(show, migrate_again=migrate_again)
    return time.monotonic() - began


def _print_addresses(stack: Stack) -> None:
    state = stack.state() or {}
    table = Table(show_header=False, box=None)
    table.add_row("API", f"{state['url']}", f"documentation: {state['url']}/api/docs")
    for part in state["parts"]:
        if part["url"] and part["url"] != state["url"]:
            table.add_row(part["name"], part["url"])
    table.add_row("Kafka", state["kafka"])
    table.add_row("data", str(stack.layout.data_dir), f"logs: {stack.layout.logs}")
    _console.print(table, soft_wrap=True)


@app.command()
def down(data_dir: DataDir = None) -> None:
    """Stop the stack; its data stays."""
    stack = Stack(data_directory(data_dir))
    if stack.stop():
        _console.print(f"Stopped; the data is in {stack.layout.data_dir}.", soft_wrap=True)
    else:
        _console.print(f"Nothing is running in {stack.layout.data_dir}.", soft_wrap=True)


@app.command()
def status(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show what is running; exit code 1 unless every service is healthy."""
    stack = Stack(data_directory(data_dir))
    found = stack.status()
    if as_json:
        print(json.dumps(found))
    elif not found["services"]:
        _console.print(f"Nothing is running in {stack.layout.data_dir}.", soft_wrap=True)
    else:
        table = Table("service", "pid", "url", "healthy", "outbox age", "lag")
        for each in found["services"]:
            age = each["outbox_age_seconds"]
            table.add_row(
                each["name"],
                str(each["pid"] or "–"),
                each["url"],
                "yes" if each["healthy"] else "[red]no",
                "–" if age is None else f"{age:.1f} s",
                "–" if each["lag"] is None else str(each["lag"]),
            )
        _console.print(table)
    if not found["services"] or not all(each["healthy"] for each in found["services"]):
        raise typer.Exit(1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help=f"{', '.join(SERVICES)}, broker, postgres or supervisor.")],
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 50,
    following: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more is written.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show what a part of the stack wrote."""
    layout = Stack(data_directory(data_dir)).layout
    path = layout.log(service)
    if not path.exists():
        known = sorted(log.stem for log in layout.logs.glob("*.log"))
        raise StackError(
            f"There is no log of {service!r} in {layout.logs}; there is {', '.join(known) or 'none'}."
        )
    for line in last_lines(path, lines):
        print(line)
    if following:
        for line in follow(path):
            print(line, end="", flush=True)


@app.command()
def doctor(data_dir: DataDir = None, port: Port = None, as_json: Json = False) -> None:
    """Look for what is wrong and say what to do; exit code 1 when anything is."""
    from igny8_local.doctor import examine  # loads the database driver, which other commands do without

    problems = examine(Stack(data_directory(data_dir), port))
    if as_json:
        print(json.dumps({"problems": [problem.as_dict() for problem in problems]}))
    for problem in () if as_json else problems:
        _console.print(f"[red]{problem.cause}[/]: {problem.detail}\n  → {problem.remedy}", soft_wrap=True)
    if problems:
        raise typer.Exit(1)
    if not as_json:
        _console.print("Nothing is wrong.")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run what CI runs: static checks, and all tests with coverage. Arguments go to pytest, which then runs alone."""
    if context.args:
        _run("-m", "pytest", *context.args)
        return
    # Types take one processor for a minute: they are checked while parts are installed and the first tests wait.
    types = ("-m", "mypy")
    checking = subprocess.Popen(
        (sys.executable, *types), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    # 1: a part could not be installed, and the reason has been printed; its tests say so.
    _run("-m", "tests.parts.install", tolerated=(0, 1))
    checks: tuple[tuple[str, ...], ...] = (
        ("-m", "ruff", "check", "."),
        ("-m", "ruff", "format", "--check", "."),
        ("-m", "coverage", "erase"),
        # Most tests wait for a process, a broker or a deadline: two at a time fill two cores.
        ("-m", "coverage", "run", "-m", "pytest", "-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"),
        ("-m", "coverage", "combine", "--quiet"),
        ("-m", "coverage", "report"),
        ("-m", "tests.coverage_gate"),
    )
    # All of them, so that one run says everything that is wrong. pytest lints imports, scripts and containers.
    failed = [check for check in checks if _code(*check) != 0]
    print(checking.communicate()[0], end="")
    failed += [types] if checking.returncode else []
    for check in failed:
        _errors.print(f"[red]failed:[/] python {' '.join(check)}", soft_wrap=True, highlight=False)
    if failed:
        raise typer.Exit(1)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> None:
    """Run the benchmarks and print their table."""
    _run("-m", "benchmarks", *context.args)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def prove(context: typer.Context) -> None:
    """Break it in every planned way and see that what is promised still holds, or that a test notices."""
    _run("-m", "proving", *context.args)


def _run(*arguments: str, tolerated: tuple[int, ...] = (0,)) -> None:
    code = _code(*arguments)
    if code not in tolerated:
        raise typer.Exit(code)


def _code(*arguments: str) -> int:
    """Of a Python that ends when this one does; after Ctrl-C, which it got too, it ends its stack before this goes on."""
    with subprocess.Popen([sys.executable, *arguments], cwd=REPOSITORY, preexec_fn=leash()) as child:
        while True:
            with suppress(KeyboardInterrupt):
                return child.wait()


def _mount(module: str) -> None:
    if find_spec(module) is not None:
        mount: Callable[[typer.Typer], Any] = importlib.import_module(module).mount
        mount(app)


def main() -> None:
    """Runs the command line: an expected error is one line on standard error and exit code 1."""
    try:
        for module in EXTENSIONS:
            _mount(module)
        app()
    except StackError as error:
        if "--debug" in sys.argv:
            raise
        _errors.print(f"[red]igny8:[/] {error}", soft_wrap=True, markup=True, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        _errors.print(
            f"[red]igny8:[/] unexpected {type(error).__name__}: {error} (more with ./igny8 --debug …)",
            soft_wrap=True,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
