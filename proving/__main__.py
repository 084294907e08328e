"""`python -m proving [--kills N [--minutes M] [--wordpress] [--kafka] [--brokers] [--outage S]] [--sabotage] …`.

Exit code 0 only when everything holds. Where nothing is named, a short sample of everything runs.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import sys

import structlog
from igny8_local.leash import end_on_term_as_on_interrupt
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from proving import kills, proofs, sabotage
from proving.copies import NotIsolated
from proving.defects import DEFECTS, Defect
from proving.faults import OUTAGE_SECONDS
from proving.outcome import Outcome
from proving.proofs import PROOFS
from proving.report import Wanted
from proving.sabotage import Unusable, Verdict

SHORT_SAMPLE = 6
"""Of the planted defects, where no suite is named: about a minute."""
SHORT_KILLS = 20
"""The same of the kills: about three minutes."""
FULL_KILLS = 1_000
SHORT_OUTAGE = 15.0
"""Seconds in which the broker is away before them."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="igny8 prove", description=__doc__)
    parser.add_argument("--kills", type=int, metavar="N", help="kill N times while tenants run pipelines")
    parser.add_argument("--minutes", type=float, metavar="M", help="end the kills after so long")
    parser.add_argument("--wordpress", action="store_true", help="one tenant publishes to a real WordPress")
    parser.add_argument(
        "--kafka", action="store_true", help="on a real Kafka, which is also away for two minutes"
    )
    parser.add_argument(
        "--outage", type=float, metavar="S", help="first of all the broker is away for so many seconds"
    )
    parser.add_argument("--brokers", action="store_true", help="kill nothing but the broker")
    parser.add_argument("--sabotage", action="store_true", help="plant every defect; each must be caught")
    parser.add_argument("--sample", type=int, metavar="N", help="only N of the defects, drawn by --seed")
    parser.add_argument("--seed", type=int, help="repeats a sample; without it one is made up and printed")
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        choices=["kills", *PROOFS, *(defect.name for defect in DEFECTS)],
        help=f"kills, {', '.join(PROOFS)} in full size, or one of the defects; may be repeated",
    )
    parser.add_argument(
        "--size", type=int, metavar="N", help="what --only names in this size, in its own unit"
    )
    parser.add_argument("--json", action="store_true", help="a JSON list on standard output, nothing else")
    given = parser.parse_args()
    if given.size is not None and not {"kills", *PROOFS}.intersection(given.only or ()):
        parser.error("--size goes with --only and the name of a proof")
    end_on_term_as_on_interrupt()
    screen = Console(stderr=given.json, highlight=False)
    try:
        outcomes = _prove(given, screen)
    except (NotIsolated, Unusable) as error:
        sys.exit(f"igny8 prove: {error}")
    except KeyboardInterrupt:
        return 130
    if given.json:
        print(json.dumps([outcome.as_dict() for outcome in outcomes], indent=1))
    return 0 if all(outcome.holds for outcome in outcomes) else 1


def _prove(given: argparse.Namespace, screen: Console) -> list[Outcome]:
    """What is named, in the order of the options; where nothing is, a short sample of everything."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    named = given.only or ()
    defects = [defect for defect in DEFECTS if defect.name in named]
    sabotaged = bool(given.sabotage or given.sample or defects)
    everything = given.kills is None and not sabotaged and not named
    outcomes: list[Outcome] = []
    if given.kills is not None or "kills" in named or everything:
        number = given.kills or (SHORT_KILLS if everything else given.size or FULL_KILLS)
        outage = given.outage
        if outage is None:
            outage = OUTAGE_SECONDS if given.kafka else SHORT_OUTAGE if everything else 0.0
        wanted = Wanted(number, seed, given.minutes, given.wordpress, given.kafka, given.brokers, outage)
        outcomes += kills.prove(wanted, screen)
    for name, proof in PROOFS.items():
        if name in named or everything:
            size = proof.short if everything else given.size or proof.full
            outcomes += proofs.prove(name, size, seed, screen)
    if sabotaged or everything:
        sample = SHORT_SAMPLE if everything else given.sample
        outcomes += _sabotage(defects or list(DEFECTS), sample, seed, screen)
    return outcomes


def _sabotage(chosen: list[Defect], size: int | None, seed: int, screen: Console) -> list[Outcome]:
    if size is not None:
        screen.print(f"{size} of {len(chosen)} defects; the same ones again: --sample {size} --seed {seed}")
        chosen = sabotage.sample(chosen, size, seed)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.completed} of {task.total}  {task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("", total=len(chosen))

        def heard(verdict: Verdict) -> None:
            progress.advance(task)
            if not verdict.caught:
                progress.print(f"[red]not caught[/] {verdict.defect.name}: {verdict.reason}")

        verdicts = asyncio.run(
            sabotage.plant(
                chosen,
                workers=min(len(chosen), (os.cpu_count() or 1) + 1),  # tests also wait
                started=lambda what: progress.update(task, description=what),
                heard=heard,
            )
        )
    screen.print(_table(verdicts))
    return [verdict.outcome for verdict in verdicts]


def _table(verdicts: list[Verdict]) -> Table:
    table = Table("promise", "defect", "caught by", "seconds")
    table.columns[1].no_wrap = True
    table.columns[2].overflow = "fold"
    table.columns[3].justify = "right"
    for verdict in verdicts:
        test = escape(verdict.defect.test.rpartition("::")[2])
        caught = test if verdict.caught else f"[red]nobody[/], {verdict.reason} ({test})"
        table.add_row(verdict.defect.promise.text, verdict.defect.name, caught, f"{verdict.seconds:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
