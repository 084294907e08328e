"""Modules as forks of one process with the libraries loaded: told everything, and gone with whoever started them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
from igny8_local.errors import StackError
from igny8_local.forked import Fork

from tests.parts.ports import eventually, wait_for
from tests.support import untraced

MODULE = "tests.support.forked_module"
ENVIRONMENT = {"IGNY8_WHAT": "this alone", "PYTHONUNBUFFERED": "1"}


async def start(output: IO[bytes], directory: Path, *arguments: str) -> Fork:
    return await Fork.start(
        MODULE, *arguments, environment=ENVIRONMENT, directory=directory, output=output.fileno()
    )


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


async def test_is_told_its_arguments_environment_and_directory(output: Path, tmp_path: Path) -> None:
    with output.open("wb") as opened:
        fork = await start(opened, tmp_path, "3", "more")
    assert await fork.wait() == fork.returncode == 3
    told: dict[str, Any] = json.loads(output.read_text())
    assert told == {"arguments": ["3", "more"], "environment": ENVIRONMENT, "directory": str(tmp_path)}
    with pytest.raises(ProcessLookupError):
        fork.kill()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
async def test_ends_by_a_signal_as_any_process_does(
    output: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    with output.open("wb") as opened:
        fork = await start(opened, tmp_path)
    await eventually(lambda: output.read_text().endswith("\n"), what="it runs")
    process = psutil.Process(fork.pid)
    assert process.cmdline()[0] == f"igny8 {MODULE}"
    assert os.getpgid(fork.pid) == fork.pid
    assert fork.returncode is None
    fork.send_signal(sent)
    assert await fork.wait() == -sent
    await eventually(lambda: not process.is_running(), what="nothing of it is left")


async def test_a_module_that_does_not_exist_says_so_and_ends(output: Path, tmp_path: Path) -> None:
    with output.open("wb") as opened:
        fork = await Fork.start("no_such_module", environment={}, directory=tmp_path, output=opened.fileno())
    assert await fork.wait() == 1
    assert "No module named no_such_module" in output.read_text()


STARTER = f"""
import asyncio, sys
from pathlib import Path
from igny8_local.forked import Fork

async def main():
    fork = await Fork.start({MODULE!r}, environment={{}}, directory=Path.cwd(), output=2)
    print(fork.pid, flush=True)
    if sys.argv[1:]:
        print("code", await fork.wait(), flush=True)
        fork = await Fork.start({MODULE!r}, "0", environment={{}}, directory=Path.cwd(), output=2)
        print("code", await fork.wait(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def ended(process: psutil.Process) -> bool:
    """A process without a parent may wait for long until somebody asks for its code."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@contextmanager
def starter(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Iterator[str]]]:
    """A process that starts forks, and what it says."""
    command = (sys.executable, "-c", STARTER, *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=untraced.environment()) as process:
        assert process.stdout is not None
        try:
            yield process, iter(process.stdout)
        finally:
            process.kill()


def test_ends_with_the_process_that_started_it() -> None:
    with starter() as (process, said):
        fork = psutil.Process(int(next(said)))
        library = fork.parent()
        assert library is not None
        assert library.cmdline()[0] == "igny8 libraries"
        process.kill()
        wait_for(lambda: ended(library) and ended(fork), what="both have ended")


def test_forks_end_with_the_process_of_the_libraries_and_the_next_start_loads_them_again() -> None:
    with starter("again") as (_, said):
        fork = psutil.Process(int(next(said)))
        library = fork.parent()
        assert library is not None
        library.kill()
        assert [next(said), next(said)] == ["code 255\n", "code 0\n"]
        wait_for(lambda: ended(fork), what="it has ended")


async def test_libraries_that_cannot_be_loaded_are_an_error_of_the_stack(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: Any) -> None:
        raise EOFError

    monkeypatch.setattr("igny8_local.forked._context.Process.start", break_off)
    with output.open("wb") as opened, pytest.raises(StackError, match=r"cannot be forked.*supervisor\.log"):
        await start(opened, tmp_path)
