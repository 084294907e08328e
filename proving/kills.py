"""`prove --kills` on a terminal: a bar while it runs, then the faults by kind and what the oracle found."""

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from proving.campaign import battle
from proving.faults import Fault
from proving.oracle import SHOWN
from proving.outcome import Outcome
from proving.proofs import tell
from proving.report import Report, Struck, Wanted, table


def prove(wanted: Wanted, screen: Console) -> list[Outcome]:
    """Run the campaign and tell of it on `screen`."""
    screen.print(f"the same faults again: ./igny8 prove {wanted}")
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    fired = 0
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("", total=wanted.kills)

        def heard(each: Struck | Fault) -> None:
            nonlocal fired
            if isinstance(each, Fault):
                progress.print(f"[yellow]not fired[/] {each}")
                return
            fired += each.fault.deaths
            progress.update(task, completed=fired)
            if each.recovery is None:
                progress.print(f"[red]not recovered[/] {each.fault}")

        with battle(wanted, lambda text: progress.update(task, description=escape(text)), heard) as (
            _,
            report,
        ):
            progress.print(table(report))
    _tell(report, screen)
    return report.outcomes()


def _tell(report: Report, screen: Console) -> None:
    tell(report.outcomes(), screen)
    for finding in report.findings:
        if finding.found:
            screen.print(f"[red]{escape(str(finding))}")
    for each in report.writes.refused[:SHOWN]:
        screen.print(f"[red]refused while the broker was away:[/] {escape(each)}")
    if report.logs:
        screen.print(f"the stack's logs: {report.logs}", soft_wrap=True)
