"""The shell script in front of the command, and the logs behind it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from igny8_local.layout import REPOSITORY
from igny8_local.rotation import RotatingLog, last_lines

from tests.parts.ports import wait_for
from tests.support import untraced


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The script in a folder of its own, with what it reads before it installs anything."""
    for name in ("igny8", "uv.lock", "pyproject.toml"):
        shutil.copy2(REPOSITORY / name, tmp_path / name)
    package = tmp_path / "services" / "planner"
    package.mkdir(parents=True)
    shutil.copy2(REPOSITORY / "services" / "planner" / "pyproject.toml", package)
    return tmp_path


def run(checkout: Path, python: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHON": python}
    return subprocess.run(
        [checkout / "igny8", "status", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def python_that_refuses(checkout: Path, word: str) -> str:
    path = checkout / "python"
    path.write_text(f'#!/bin/sh\ncase "$*" in *{word}*) exit 1 ;; esac\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_says_what_to_install_where_python_has_no_venv(checkout: Path) -> None:
    result = run(checkout, python_that_refuses(checkout, "ensurepip"))
    assert (result.returncode, result.stdout) == (1, "")
    assert "apt install python3-venv" in result.stderr
    assert not (checkout / ".venv").exists()


def test_refuses_an_old_python(checkout: Path) -> None:
    result = run(checkout, python_that_refuses(checkout, "version_info"))
    assert (result.returncode, result.stdout) == (1, "")
    assert "3.11" in result.stderr


def test_a_log_stays_within_its_size_and_keeps_whole_lines(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "x.log", max_bytes=1_000, backups=2)
    for number in range(1_000):
        log.write(b"line %d\n" % number)
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["x.log", "x.log.1", "x.log.2"]
    assert all(file.stat().st_size <= 1_010 for file in files)
    assert last_lines(tmp_path / "x.log", 120) == [f"line {number}" for number in range(880, 1_000)]


def test_what_is_ended_takes_along_what_it_started() -> None:
    command = [sys.executable, "-m", "igny8_local.main", "prove", "--only", "delivery"]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=untraced.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            below = psutil.Process(process.pid)
            wait_for(
                lambda: any("postgres" in each.name() for each in below.children(recursive=True)),
                what="a database server is there",
            )
            started = below.children(recursive=True)
            process.terminate()
            wait_for(lambda: not any(each.is_running() for each in started), what="everything ended")
        finally:
            process.kill()
