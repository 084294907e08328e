"""Figures as ratios: ours and a bare control take turns, and the control against itself tells the noise."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import wraps
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from benchmarks.parts import Parts

Run = Callable[[], Awaitable[float]]
"""One run; returns its rate (things per second)."""


Measure = Callable[["Parts", int], Coroutine[Any, Any, list["Figure"]]]
"""Makes figures out of so many pairs, or rounds where nothing is compared."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `at_least` or `at_most` is the target's bound; a line with neither is for information."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    noise: float = 0.0
    """By what part the control moved against itself, e.g. 0.1."""
    note: str = ""

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else ""

    @property
    def holds(self) -> bool:
        """The median meets the target, and the worse end lies within the control's own noise of it."""
        if self.at_least is not None:
            return self.value >= self.at_least and self.low >= self.at_least * (1 - self.noise)
        if self.at_most is None:
            return True
        return self.value <= self.at_most and self.high <= self.at_most * (1 + self.noise)


async def ratio(
    name: str,
    ours: Run,
    control: Run,
    pairs: int,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    turns: int = 1,
    warm_up: bool = True,
) -> Figure:
    """Ours over the control, `pairs` times; each run of ours stands between two of the control.

    With `at_least` it is the rate of ours over the control's, with `at_most` the time ours takes over the control's.
    A pair is the mean of `turns` of them, for short runs: what disturbs the machine for a moment disturbs both.
    """
    if warm_up:
        await control()
        await ours()
    before = await control()
    controls, rates, ratios = [before], [], []
    for _ in range(pairs):
        beside, turn_ratios = [], []
        for _ in range(turns):
            rate, after = await ours(), await control()
            turn_ratios.append(rate * 2 / (before + after))
            rates.append(rate)
            beside.append(after)
            before = after
        ratios.append(fmean(turn_ratios))
        controls.append(fmean(beside))
    if at_most is not None:
        ratios = [1 / each for each in ratios]
    note = f"{median(rates):,.0f}/s against {median(controls):,.0f}/s"
    return Figure(
        name,
        median(ratios),
        min(ratios),
        max(ratios),
        "×",
        at_least=at_least,
        at_most=at_most,
        noise=noise_of(controls),
        note=note,
    )


def on_the_services_loop(measure: Measure) -> Measure:
    """Let a figure be made on uvloop, where services run, in a thread of its own; the control runs there too."""

    @wraps(measure)
    async def measured(parts: "Parts", pairs: int) -> list[Figure]:
        def run() -> list[Figure]:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(measure(parts, pairs))

        return await asyncio.to_thread(run)

    return measured


def noise_of(controls: Sequence[float]) -> float:
    """By what part neighbouring runs of a control differ; 0 where there is only one."""
    return 1 - median([min(pair) / max(pair) for pair in pairwise(controls)] or [1.0])


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` of `values` (0 to 1) do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
