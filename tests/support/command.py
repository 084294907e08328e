"""The `igny8` command as a user runs it, and whether it left anything running."""

import subprocess
import sys
from pathlib import Path

import psutil

from tests.support import untraced

IGNY8 = Path(sys.executable).parent / "igny8"
DEADLINE = 300


def igny8(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, with no other IGNY8 variables than the given ones."""
    given = {name: value for name, value in untraced.environment().items() if not name.startswith("IGNY8_")}
    return subprocess.run(
        [IGNY8, *arguments],
        env=given | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def left_behind(data_dir: Path) -> list[str]:
    """The command lines of processes that were started for a data directory and still run: all work in it."""
    found = []
    for process in psutil.process_iter():
        try:
            command, directory = process.cmdline(), process.cwd()
        except psutil.Error:
            continue
        if Path(directory).is_relative_to(data_dir) or any(str(data_dir) in word for word in command):
            found.append(" ".join(command))
    return found
