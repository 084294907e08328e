"""`python -m tests.coverage_gate`: every branch of what decides, stores, says and hears is covered, or this fails."""

import fnmatch
import json
import subprocess
import sys
import tempfile
from pathlib import Path

COMPLETE = (
    "*/decisions.py",
    "*/planner/automation/process.py",
    "*/common/database.py",
    "*/common/eventsourcing/event.py",
    "*/common/eventsourcing/decider.py",
    "*/common/messaging/relay.py",
    "*/common/messaging/inbox.py",
    "*/billing/wallets/events.py",
)
"""Decisions, store, outbox, inbox and wallet; tenancy is SQL, and its tests are in tests/integration/kit/test_store.py."""


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "-q", "--fail-under=0", "-o", str(report)]
        subprocess.run(command, check=True)
        files = json.loads(report.read_text())["files"]
    incomplete = []
    for pattern in COMPLETE:
        found = {name: file for name, file in files.items() if fnmatch.fnmatch("/" + name, pattern)}
        if not found:
            incomplete.append(f"{pattern}: nothing of it was measured")
        for name, file in found.items():
            if file["missing_branches"] or file["missing_lines"]:
                where = [f"{start}->{end}" for start, end in file["missing_branches"]]
                incomplete.append(f"{name}: branches {', '.join(where)}; lines {file['missing_lines']}")
    for line in incomplete:
        print(f"not covered completely: {line}", file=sys.stderr)
    return 1 if incomplete else 0


if __name__ == "__main__":
    sys.exit(main())
