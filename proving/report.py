"""What a campaign of kills was to be, what it came to, and whether that holds."""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.table import Table

from proving.clerk import Writes
from proving.faults import Fault, coverage
from proving.oracle import Finding
from proving.outcome import Outcome, at_least, none_of, percentile

RECOVERY_TARGET = 10.0
BROKER_TARGET = 20.0
"""Seconds, at the 99th percentile: a broker of the embedded stack takes all services with it."""
LONGEST_RECOVERY = 90.0
"""Seconds after which nobody waits any more."""
LONG = 2
"""Kills for each point from which on a campaign strikes all of them: a round has three quarters of its faults at points."""
BROKERS = ("broker killed", "broker away")


@dataclass(frozen=True)
class Wanted:
    """`kills` counts processes killed; `minutes` ends the campaign before, if given.

    With `brokers` nothing but the broker is killed. `outage`: at first the broker is away for so many seconds.
    """

    kills: int
    seed: int = field(default_factory=lambda: random.randrange(1_000_000))
    minutes: float | None = None
    wordpress: bool = False
    kafka: bool = False
    brokers: bool = False
    outage: float = 0.0

    def __str__(self) -> str:
        rest = (f" --minutes {self.minutes:g}" if self.minutes else "") + "".join(
            f" --{part}" for part in ("wordpress", "kafka", "brokers") if getattr(self, part)
        )
        rest += f" --outage {self.outage:g}" if self.outage else ""
        return f"--kills {self.kills} --seed {self.seed}{rest}"


@dataclass(frozen=True)
class Struck:
    """A fault that fired; `recovery` in seconds, None where it took longer than is waited for."""

    fault: Fault
    at: float
    recovery: float | None


@dataclass
class Report:
    """What a campaign came to."""

    wanted: Wanted
    struck: list[Struck] = field(default_factory=list)
    not_fired: list[Fault] = field(default_factory=list)
    """Those that nobody ran into, however often they were tried."""
    findings: list[Finding] = field(default_factory=list)
    logs: Path | None = None
    """Where the stack's logs were kept, if the oracle found something."""
    writes: Writes = field(default_factory=Writes)
    """What the clerk wrote while the broker was away."""
    runs: int = 0
    calls: int = 0
    repeated: int = 0
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        """Processes killed; a broker takes the services with it, which are not counted."""
        return sum(each.fault.deaths for each in self.struck)

    @property
    def others(self) -> int:
        """Faults that killed nobody: lost answers, connections cut."""
        return sum(not each.fault.deaths for each in self.struck)

    def outcomes(self) -> list[Outcome]:
        """One line each for the kills, the recoveries and every check of the oracle."""
        broker = [each for each in self.struck if each.fault.kind in BROKERS]
        services = [each for each in self.struck if each.fault.kind not in BROKERS]
        bound = self.kills + self.others
        repeated = Outcome(
            *("AI calls repeated after a fault", self.repeated, 0, self.calls),
            f"≤ {bound}",
            self.repeated <= bound,
        )
        return [
            at_least("processes killed", self.kills, self.wanted.kills),
            Outcome("other faults", self.others, self.others, self.others, "beside them", True),
            none_of("faults that did not fire", self.not_fired),
            none_of("faults without recovery", [each for each in self.struck if each.recovery is None]),
            *self._points(),
            *self._outage(),
            *_recovery("recovery p99", services, RECOVERY_TARGET),
            *_recovery("recovery of the broker p99", broker, BROKER_TARGET),
            repeated,
            *(
                Outcome(each.check, len(each.found), 0, len(each.found), "0 findings", not each.found)
                for each in self.findings
            ),
        ]

    def _points(self) -> list[Outcome]:
        """Where there were faults enough for every point, all have to be struck."""
        struck, points = coverage([each.fault for each in self.struck])
        if self.wanted.brokers or self.kills < LONG * points:
            return []
        return [Outcome("crash points struck", struck, struck, points, f"all {points}", struck == points)]

    def _outage(self) -> list[Outcome]:
        """At least one write a second, and none refused."""
        if not self.wanted.outage:
            return []
        return [
            at_least("writes while the broker was away", self.writes.tried, round(self.wanted.outage)),
            none_of("writes refused while the broker was away", self.writes.refused),
        ]


def _recovery(name: str, struck: list[Struck], target: float) -> list[Outcome]:
    if not struck:
        return []
    seconds = sorted(LONGEST_RECOVERY if each.recovery is None else each.recovery for each in struck)
    value = percentile(seconds, 0.99)
    return [Outcome(name, value, seconds[0], seconds[-1], f"≤ {target:g} s", value <= target)]


def table(report: Report) -> Table:
    """Faults by kind: how many fired, how many did not, and how long recovery took."""
    shown = Table("fault", "fired", "not fired", "recovery p50", "p99", "longest")
    fired: dict[str, list[Struck]] = defaultdict(list)
    for struck in report.struck:
        fired[struck.fault.kind].append(struck)
    missed: Counter[str] = Counter(fault.kind for fault in report.not_fired)
    for kind in sorted({*fired, *missed}):
        seconds = sorted(LONGEST_RECOVERY if s.recovery is None else s.recovery for s in fired[kind])
        figures = [median(seconds), percentile(seconds, 0.99), seconds[-1]] if seconds else []
        shown.add_row(kind, str(len(seconds)), str(missed[kind]), *(f"{figure:.1f} s" for figure in figures))
    struck_points, points = coverage([struck.fault for struck in report.struck])
    shown.caption = (
        f"{report.kills} processes killed and {report.others} other faults in {report.seconds:.0f} s,"
        f" {struck_points} of {points} points;"
        f" {report.runs} runs, {report.calls} AI calls; again: {report.wanted}"
    )
    return shown
