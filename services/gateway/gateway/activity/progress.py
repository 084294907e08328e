"""What a task's rows add up to: phase, item i of n (PRODUCT §7). Pure."""

from collections.abc import Sequence
from typing import Any

from common.contracts.control import Phase, ProgressReported
from common.database import Row


def operation_progress(
    operation: Row, ended: Sequence[Row], latest: ProgressReported | None
) -> dict[str, Any]:
    """An operation: its items' outcomes are the truth, the latest reported step only refines what runs."""
    outcomes = [row for row in ended if row["outcome"] is not None]
    succeeded = sum(row["outcome"] == "succeeded" for row in outcomes)
    items = operation["items"] or max(len(outcomes), 1)
    phase = _phase(operation, succeeded, len(outcomes), items, latest)
    done = phase in ("Completed", "Failed")
    return {
        "status": phase.lower() if done else "running",
        "phase": phase,
        "function": operation["function"],
        "item": len(outcomes) if done else min(len(outcomes) + 1, items),
        "items": items,
        "percent": 100 if done else _percent(len(outcomes), items, latest),
        "succeeded": succeeded,
        "failed": len(outcomes) - succeeded,
        "step": latest.step if latest and not done else "",
        "credits": sum(row["credits"] or 0 for row in ended) / 1000,
        "error": operation["message"],
        "errors": [
            {"item_id": row["item_id"], "error_code": row["error_code"], "message": row["message"]}
            for row in sorted(outcomes, key=lambda row: str(row["item_id"]))
            if row["outcome"] == "failed"
        ],
        "run_id": operation["run_id"],
    }


def _phase(
    operation: Row, succeeded: int, outcomes: int, items: int, latest: ProgressReported | None
) -> Phase:
    if operation["ended"] is not None or outcomes >= items:
        return "Completed" if succeeded else "Failed"
    if latest is not None and latest.phase not in ("Completed", "Failed"):
        return latest.phase
    return "Processing" if operation["reserved_at"] or outcomes else "Initializing"


def _percent(outcomes: int, items: int, latest: ProgressReported | None) -> int:
    counted = 100 * outcomes // items
    return min(99, max(counted, latest.percent if latest else 0))


def run_progress(run: Row, stages: Sequence[Row]) -> dict[str, Any]:
    """A pipeline run and its stages."""
    finished = [stage for stage in stages if stage["finished_version"] > stage["started_version"]]
    status = "running"
    if run["outcome"]:
        status = run["outcome"]
    elif run["cancelled"]:
        status = "cancelled"
    elif run["paused"]:
        status = "paused"
    done = status in ("completed", "failed", "cancelled")
    phase: Phase = "Completed" if status == "completed" else "Failed" if done else "Processing"
    return {
        "status": status,
        "phase": phase,
        "function": "run_pipeline",
        "item": min(len(finished) + (not done), 7),
        "items": 7,
        "percent": 100 if status == "completed" else 100 * len(finished) // 7,
        "credits": sum(stage["credits"] or 0 for stage in stages) / 1000,
        "error": run["reason"],
        "stages": [
            {
                "stage": stage["stage"],
                "status": "finished" if stage in finished else "running",
                "items": stage["items"] if stage in finished else stage["planned"],
                "failed": stage["failed"] or 0,
                "credits": (stage["credits"] or 0) / 1000,
            }
            for stage in stages
        ],
    }
