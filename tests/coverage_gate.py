"""`python -m tests.coverage_gate`: every branch of what decides, stores, says and hears is covered, or this fails."""

import fnmatch
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMPLETE = (
    "services/*/decisions.py",
    "services/planner/planner/automation/process.py",
    "services/billing/billing/wallets/events.py",
    "libs/common/common/ai/operations/decisions.py",
    "libs/common/common/database.py",
    "libs/common/common/eventsourcing/event.py",
    "libs/common/common/eventsourcing/decider.py",
    "libs/common/common/messaging/relay.py",
    "libs/common/common/messaging/inbox.py",
)
"""Decisions, store, outbox, inbox and wallet; tenancy is SQL, and its tests are in tests/integration/kit/test_store.py."""


def gaps(files: Mapping[str, Any]) -> list[str]:
    """What is missing, a line per file; `files` as in coverage's JSON report. A pattern without files is a gap too."""
    missing: dict[str, str] = {}
    for pattern in COMPLETE:
        found = {name: file for name, file in files.items() if fnmatch.fnmatch(name, pattern)}
        if not found:
            missing[pattern] = f"{pattern}: nothing of it was measured"
        for name, file in found.items():
            if file["missing_lines"] or file["missing_branches"]:
                lines = ", ".join(str(line) for line in file["missing_lines"])
                branches = ", ".join(f"{a}→{b if b > 0 else 'exit'}" for a, b in file["missing_branches"])
                missing[name] = f"{name}: lines {lines or 'none'}; branches {branches or 'none'}"
    return list(missing.values())


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "-q", "--fail-under=0", "-o", str(report)]
        subprocess.run(command, check=True)
        found = gaps(json.loads(report.read_text())["files"])
    for line in found:
        print(f"not covered completely: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
