"""The dashboard: what there is, what happens and what has happened, read from the views."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from common.database import Row, Sql

from gateway.overview.views import Within, as_of, counted, newest_activity, newest_runs

PIPELINE = ("keyword", "cluster", "idea", "task", "content", "image")
"""In the order in which one becomes the other."""
RUNS_SHOWN = 5


async def read_dashboard(sql: Sql, within: Within, today: date, days: int, activities: int) -> dict[str, Any]:
    """Of the `days` up to `today` where it is about days, in UTC."""
    since = today - timedelta(days=days - 1)
    known = await as_of(sql)
    pipeline = await counted(sql, within, PIPELINE, "kind", "status")
    operations = await counted(sql, within, ("ai_item",), "label", "status", since=since)
    made = await counted(sql, within, ("content", "publication"), "kind", "made_on", since=since)
    newest = await newest_activity(sql, within, activities)
    all_runs = await counted(sql, within, ("run",), "status")
    runs, stages = await newest_runs(sql, within, RUNS_SHOWN)
    return {
        "workflow_pipeline": [_stage_count(kind, pipeline) for kind in PIPELINE],
        "ai_operations": [
            _operation_count(function, operations)
            for function in dict.fromkeys(row["label"] for row in operations)
        ],
        "recent_activity": [_activity(row) for row in newest],
        "content_velocity": [_velocity(since + timedelta(days=n), made) for n in range(days)],
        "automation_status": {
            "by_status": {row["status"]: row["entries"] for row in all_runs},
            "latest": [_run(run, stages) for run in runs],
        },
        "as_of": known,
    }


def _stage_count(kind: str, rows: Sequence[Row]) -> dict[str, Any]:
    by_status = {row["status"]: row["entries"] for row in rows if row["kind"] == kind}
    return {"kind": kind, "total": sum(by_status.values()), "by_status": by_status}


def _operation_count(function: str, rows: Sequence[Row]) -> dict[str, Any]:
    own = [row for row in rows if row["label"] == function]
    return {
        "function": function,
        "by_status": {row["status"]: row["entries"] for row in own},
        "credits": sum(row["amount"] for row in own) / 1000,
    }


def _activity(row: Row) -> dict[str, Any]:
    renamed = {"at": row["said_at"], "event": row["name"]}
    same = ("event_id", "source", "kind", "id", "site_id", "sector_id", "title", "entries")
    return renamed | {name: row[name] for name in same}


def _velocity(day: date, rows: Sequence[Row]) -> dict[str, Any]:
    on = {row["kind"]: row for row in rows if row["made_on"] == day}
    content, published = on.get("content"), on.get("publication")
    return {
        "day": day,
        "created": content["entries"] if content else 0,
        "words": content["amount"] if content else 0,
        "published": published["entries"] if published else 0,
    }


def _run(run: Row, stages: Sequence[Row]) -> dict[str, Any]:
    return {
        "run_id": run["id"],
        "site_id": run["site_id"],
        "sector_id": run["sector_id"],
        "status": run["status"],
        "started_at": run["made_at"],
        "stages": [
            {
                "stage": int(stage["label"]),
                "status": _stage_status(run, stage),
                "items": stage["amount"],
                "failed": stage["failed"],
            }
            for stage in stages
            if stage["parent_id"] == run["id"]
        ],
    }


def _stage_status(run: Row, stage: Row) -> str | None:
    """What was in work ends with its run."""
    ended = run["status"] in ("completed", "failed", "cancelled") and stage["status"] == "running"
    status: str | None = run["status"] if ended else stage["status"]
    return status
