"""The figures of the store can be measured: each once, in small; how large they are is for the bench to say."""

from collections.abc import Awaitable, Callable, Iterator

import pytest

from benchmarks import append, authentication, command, growth, lists, load, overview, rebuild
from benchmarks.pairs import Figure
from benchmarks.parts import Parts
from tests.support.database import PostgresServer

Measure = Callable[[Parts, int], Awaitable[list[Figure]]]


@pytest.fixture(scope="module")
def parts(postgres: PostgresServer) -> Iterator[Parts]:
    with pytest.MonkeyPatch.context() as patched, Parts(4_000, postgres) as parts:
        for module in (append, command, growth, lists, load):
            patched.setattr(module, "SECONDS", 0.02)
            patched.setattr(module, "TURNS", 1)
        patched.setattr(growth, "SMALL", 2_000)
        patched.setattr(lists, "PAGES", 4)
        patched.setattr(authentication, "SECONDS", 0.1)
        patched.setattr(load, "LONG", 300)
        patched.setattr(overview, "TIMES", 10)
        yield parts


@pytest.mark.parametrize(
    "measure",
    [
        append.one_writer,
        append.many_writers,
        append.one_account,
        append.against_copy,
        append.against_recorder,
        command.measure,
        load.short,
        load.long,
        rebuild.decoded,
        rebuild.written,
        growth.appends,
        growth.lists,
        overview.dashboards,
        overview.searches,
        overview.notifications,
        overview.progress,
        lists.barely,
        lists.against_django,
        authentication.measure,
    ],
    ids=lambda measure: f"{measure.__module__.partition('.')[2]}.{measure.__name__}",
)
async def test_can_be_measured(parts: Parts, measure: Measure) -> None:
    (figure,) = await measure(parts, 1)
    assert 0 < figure.low <= figure.value <= figure.high
    assert figure.target[0] in "≥≤"


async def test_deep_pages_can_be_measured(parts: Parts) -> None:
    last, by_cursor, middle = await lists.deep(parts, 1)
    assert [figure.target for figure in (last, by_cursor, middle)] == ["≤ 1.1", "≤ 1.1", ""]
    assert min(last.value, by_cursor.value, middle.value) > 0
