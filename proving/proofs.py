"""The proofs that bring what they need, by the name `prove --only` knows them by: each with its full and its short size."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from proving import api, control, crowds, delivery, leaving, poison, replicas, twins
from proving.outcome import Outcome, Proved, Say

SHOWN = 20
"""Findings that are told one by one."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`run` gets a size (`full` or `short`, in `unit`) and a seed."""

    run: Callable[[int, int, Say], Coroutine[None, None, Proved]]
    full: int
    short: int
    unit: str


PROOFS: dict[str, Proof] = {
    "delivery": Proof(delivery.prove, 100_000, 1_000, "messages"),
    "poison": Proof(poison.prove, 20_000, 1_000, "messages"),
    "replicas": Proof(replicas.prove, 100, 4, "rebalances"),
    "services": Proof(twins.prove, 100, 5, "rebalances"),
    "logins": Proof(crowds.prove_logins, 200, 40, "users"),
    "refreshes": Proof(crowds.prove_refreshes, 1_000, 100, "racers"),
    "erasure": Proof(leaving.prove, 100, 5, "accounts"),
    "api": Proof(api.prove, 20_000, 500, "requests"),
    "celery": Proof(control.prove, 10, 2, "kills"),
}


def replay(name: str, size: int, seed: int) -> str:
    """The command that does the same again."""
    return f"./igny8 prove --only {name} --size {size} --seed {seed}"


def tell(outcomes: Iterable[Outcome], screen: Console) -> None:
    for outcome in outcomes:
        colour, word = ("green", "holds") if outcome.holds else ("red", "fails")
        screen.print(f"[{colour}]{word}[/] {outcome.name}: {outcome.value:,.3g}, target {outcome.target}")


def prove(name: str, size: int, seed: int, screen: Console) -> list[Outcome]:
    """Run a proof with a bar on `screen`, and tell there what it found."""
    proof = PROOFS[name]
    screen.print(f"{size:,} {proof.unit}; again: {replay(name, size, seed)}")
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task(name, total=1.0)
        proved = asyncio.run(proof.run(size, seed, lambda done: progress.update(task, completed=done)))
    tell(proved.outcomes, screen)
    for finding in proved.findings[:SHOWN]:
        screen.print(f"[red]{escape(finding)}")
    return proved.outcomes
