"""What the demo shows: a bar per stage while it runs, a table when it is done. All of it goes to standard error but the table."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from igny8_local.demo.run import STAGES


class Display:
    """One line for what is happening, one bar per stage."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._line = progress.add_task("", total=None)
        self._bars: dict[int, TaskID] = {}

    def say(self, text: str) -> None:
        self._progress.update(self._line, description=text)

    def stage(self, stage: int, done: int, items: int) -> None:
        if items == 0:
            return
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(f"{stage} {STAGES[stage - 1]}", total=items)
        self._progress.update(self._bars[stage], completed=done, total=items)

    def stop(self) -> None:
        self._progress.stop()


@contextmanager
def show() -> Iterator[Display]:
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
        yield Display(progress)


def print_summary(summary: dict[str, Any], where: list[tuple[str, str]], *, kept: bool) -> None:
    """The table at the end, on standard output."""
    console = Console()
    counts = Table(title="What came of it", show_header=False)
    for name in ("keywords", "clusters", "unclustered", "ideas", "tasks", "content", "images", "published"):
        counts.add_row("articles" if name == "content" else name, str(summary[name]))
    stages = Table("stage", "items", "credits", "seconds", title="Stages")
    for stage in summary["stages"]:
        stages.add_row(
            f"{stage['stage']} {STAGES[stage['stage'] - 1]}",
            str(stage["items"]),
            f"{stage['credits']:g}",
            f"{stage['seconds']:.1f}",
        )
    credits = summary["credits"]
    stages.add_section()
    stages.add_row("all", "", f"{credits['used']:g}", f"{summary['seconds']:.1f}")
    console.print(counts)
    console.print(stages)
    console.print(
        f"Credits: {credits['granted']:g} granted, {credits['used']:g} used, balance {credits['balance']:g}"
    )
    for name, place in where:
        if kept or "documentation" not in name:
            console.print(f"{name}: {place}", soft_wrap=True)
    if not kept:
        console.print("The stack is stopped again; with --keep it stays for you to look around.")
