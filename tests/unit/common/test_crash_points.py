"""Dying on order: at the hit that was asked for, once, on record; never without a campaign."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from common.crash_points import CAMPAIGN, FIRED, POINTS, VARIABLE

HITS = """
import sys
from common.crash_points import crash_point, enable
enable("writer")
for point in sys.argv[1:]:
    crash_point(point)
    print(point, flush=True)
"""


@pytest.fixture
def control(tmp_path: Path) -> Path:
    """The directory of a campaign, which this process runs."""
    (tmp_path / CAMPAIGN).write_text(str(os.getpid()))
    (tmp_path / FIRED).mkdir()
    return tmp_path


def hit(*points: str, control: Path | None) -> "subprocess.CompletedProcess[str]":
    """A process of the writer that passes these points, one after the other."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if control:
        environment[VARIABLE] = str(control)
    return subprocess.run(
        [sys.executable, "-c", HITS, *points], env=environment, capture_output=True, text=True, check=False
    )


def test_nobody_dies_without_an_order(control: Path) -> None:
    (control / "planner.job.after_work").write_text("1")
    (control / "writer.job.before_work").write_text("1")
    assert hit("job.after_work", control=control).returncode == 0


def test_dies_at_the_hit_that_was_ordered_and_leaves_a_record(control: Path) -> None:
    (control / "writer.job.after_work").write_text("2")
    before = time.time()
    died = hit("job.after_work", "job.before_work", "job.after_work", "job.after_work", control=control)
    assert died.returncode == -signal.SIGKILL
    assert died.stdout.split() == ["job.after_work", "job.before_work"]
    record = json.loads((control / FIRED / "writer.job.after_work").read_text())
    assert before <= record["at"] <= time.time()
    assert record["pid"] > 0


def test_one_order_kills_once(control: Path) -> None:
    (control / "writer.job.after_work").write_text("1")
    codes = [hit("job.after_work", control=control).returncode for _ in range(2)]
    assert codes == [-signal.SIGKILL, 0]


def test_a_process_without_the_variable_outlives_every_order(control: Path) -> None:
    for point in POINTS:
        (control / f"writer.{point}").write_text("1")
    assert hit(*POINTS, control=None).returncode == 0


@pytest.mark.parametrize("said", [None, "", str(2**22 + 1)], ids=["nothing", "no pid", "a pid of nobody"])
def test_refuses_to_start_where_no_campaign_runs(said: str | None, tmp_path: Path) -> None:
    if said is not None:
        (tmp_path / CAMPAIGN).write_text(said)
    refused = hit("job.after_work", control=tmp_path)
    assert refused.returncode == 1
    assert f"NoCampaign: {VARIABLE} is set to {tmp_path}" in refused.stderr
