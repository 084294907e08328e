"""What may be touched where: imports, the environment, clocks, subscribers, standard output."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture.sources import (
    COMMON,
    LOCAL,
    PACKAGES,
    REPOSITORY,
    Source,
    name_of,
    parse,
    sources,
)

PURE = ("decisions.py", "events.py", "process.py")
IMPURE_CALLS = {
    "now",
    "utcnow",
    "today",
    "uuid1",
    "uuid4",
    "uuid7",
    "new_id",
    "open",
    "input",
    "print",
    "getrandbits",
}
READS_THE_ENVIRONMENT = {
    "libs/common/common/migrate.py": "runs before a service, as the owner of its database",
    "libs/common/common/crash_points.py": "the harness alone says where to die; no installation's settings do",
    "libs/common/common/ai/cpu.py": "hands its environment on to the child process it starts",
    "deploy/local/igny8_local/demo/__init__.py": "the operator's environment, from which the demo's stack is made",
    "deploy/local/igny8_local/layout.py": "the command's data directory",
    "deploy/local/igny8_local/stack.py": "the operator's environment, from which `environment.py` makes the services'",
    "deploy/local/igny8_local/forked.py": "gives a fork the environment of the process it stands for",
    "deploy/local/igny8_local/supervisor.py": "the same, in the process that starts them",
}
SERVICES_SOURCES = [source for package in PACKAGES.values() for source in sources(package)]
ALL_SOURCES = [*sources(COMMON), *SERVICES_SOURCES, *sources(LOCAL)]


def pure_sources() -> list[Source]:
    """Those of the aggregates: a folder that decides."""
    return [
        source
        for source in (*sources(COMMON), *SERVICES_SOURCES)
        if source.path.name in PURE
        and any((source.path.parent / decides).is_file() for decides in ("decisions.py", "process.py"))
    ]


def impure_calls(source: Source) -> list[str]:
    """Calls that read a clock, throw dice or touch the world: time and ids come with the command."""
    return [
        f"{source.name}:{call.lineno}: {name_of(call.func)}"
        for call in source.calls
        if name_of(call.func).rpartition(".")[2] in IMPURE_CALLS
    ]


def waits(source: Source) -> list[str]:
    kinds = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Global)
    return [f"{source.name}:{node.lineno}" for node in source.nodes if isinstance(node, kinds)]


def reads_environment(source: Source) -> list[str]:
    read = {"os.environ", "os.getenv", "os.environb", "environ", "getenv"}
    names = [node for node in source.nodes if isinstance(node, ast.Attribute | ast.Name)]
    return [f"{source.name}:{node.lineno}" for node in names if name_of(node) in read]


def subscribes(source: Source) -> list[str]:
    ways = ("subscriber", "KafkaBroker", "KafkaRouter", "getone", "getmany")
    return [
        f"{source.name}:{call.lineno}: {name_of(call.func)}"
        for call in source.calls
        if name_of(call.func).rpartition(".")[2] in ways
    ]


def prints(source: Source) -> list[str]:
    return [f"{source.name}:{call.lineno}" for call in source.calls if name_of(call.func) == "print"]


def test_import_contracts_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    kept = subprocess.run([linter, "--no-logo", "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True)
    assert kept.returncode == 0, kept.stdout + kept.stderr


def test_import_contracts_name_every_pure_module() -> None:
    configured = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    (pure,) = (contract for contract in configured["contracts"] if contract["id"] == "pure")
    roots = {COMMON: "common", **{package: name for name, package in PACKAGES.items()}}
    for source in pure_sources():
        root = next(folder for folder in roots if source.path.is_relative_to(folder))
        *folders, file = source.path.relative_to(root).with_suffix("").parts
        names = {".".join((roots[root], *folders, file)), f"{roots[root]}.*.{file}"}
        assert names & set(pure["source_modules"]), source.name


def test_decisions_read_no_clock_and_throw_no_dice() -> None:
    assert len(pure_sources()) > 20
    assert [found for source in pure_sources() for found in (*impure_calls(source), *waits(source))] == []


def test_only_the_settings_read_the_environment() -> None:
    found = {place.partition(":")[0] for source in ALL_SOURCES for place in reads_environment(source)}
    assert found == READS_THE_ENVIRONMENT.keys()


def test_one_factory_makes_every_subscriber() -> None:
    everything = [place for source in ALL_SOURCES for place in subscribes(source)]
    assert everything
    files = {place.partition(":")[0].removeprefix("libs/common/common/messaging/") for place in everything}
    assert files == {"consumer.py", "truncation.py"}  # the second looks at single messages, in no group


def test_services_and_the_kit_speak_through_the_log() -> None:
    assert [place for source in (*SERVICES_SOURCES, *sources(COMMON)) for place in prints(source)] == []


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (impure_calls, "at = datetime.now(UTC)"),
        (impure_calls, "def decide(): return uuid4()"),
        (waits, "async def decide(): ..."),
        (reads_environment, "key = os.environ['IGNY8_KEY']"),
        (reads_environment, "key = os.getenv('IGNY8_KEY')"),
        (reads_environment, "from os import environ\nkey = environ['IGNY8_KEY']"),
        (subscribes, "@broker.subscriber('topic')\nasync def hear(): ..."),
        (subscribes, "broker = faststream.kafka.KafkaBroker()"),
        (prints, "print('here')"),
    ],
)
def test_the_checks_find_what_they_forbid(check: Callable[[Source], list[str]], text: str) -> None:
    assert check(parse(text, PACKAGES["billing"] / "wallets" / "decisions.py"))
    assert not check(parse("total = sum(amounts)", PACKAGES["billing"] / "wallets" / "decisions.py"))
