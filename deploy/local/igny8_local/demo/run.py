"""The main job, from a keyword file to published pages, through the gateway only."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from igny8_local.demo.client import Client, Json, until
from igny8_local.errors import StackError

STAGES = (
    "keywords → clusters",
    "clusters → ideas",
    "ideas → tasks",
    "tasks → content",
    "content → image prompts",
    "image prompts → images",
    "review → published",
)
IMAGES_PER_ARTICLE = 2
WORDS = 1_000
STALLED_SECONDS = 180
"""A slow model may take minutes for an article; the run counts as stalled only when nothing at all moves this long."""


@dataclass(frozen=True)
class WordPress:
    """Where to publish instead of a folder."""

    url: str
    user: str
    app_password: str


@dataclass(frozen=True)
class Wanted:
    """What the demo was asked for."""

    keywords: Path
    articles: int
    wordpress: WordPress | None = None


Report = Callable[[int, int, int], None]
"""(stage 1..7, done, of how many)"""


def needed_credits(articles: int, most_clusters: int) -> int:
    """The most a run can reserve by the default rate card (PRODUCT §4), in whole credits."""
    content = articles * WORDS * 1.25 / 500
    images = articles * IMAGES_PER_ARTICLE * 1.5
    return int(10 + 2 * most_clusters + content + images) + 1


def run(client: Client, wanted: Wanted, say: Callable[[str], None], report: Report) -> Json:
    """Do it and count what came of it; raises StackError (or `Refused`) where something is refused."""
    began = time.monotonic()
    say("registering a tenant")
    client.register(
        email=f"demo-{secrets.token_hex(6)}@example.com",
        password=f"Demo-{secrets.token_urlsafe(12)}-1a",
        account_name="Demo",
    )
    site, sector = _site(client, wanted, say)
    say(f"importing {wanted.keywords.name}")
    imported = _import(client, wanted.keywords, site, sector)
    if not client.count("planner/keywords/", sector_id=sector):
        raise StackError(f"{wanted.keywords}: no row could be imported: {imported['errors'][:3]}")
    say("running the pipeline")
    run_id = client.post(
        "automation/runs/",
        {
            "site_id": site,
            "sector_id": sector,
            "auto_approve": True,
            "articles": wanted.articles,
            "word_count": WORDS,
            "images_per_article": IMAGES_PER_ARTICLE,
        },
    )["id"]
    finished = _follow(client, run_id, report)
    say("settling the credits")
    balance = until(lambda: _settled(client), 30, "the last credits to be settled")
    return _summary(client, wanted, site, sector, finished, balance) | {
        "seconds": round(time.monotonic() - began, 1)
    }


def _site(client: Client, wanted: Wanted, say: Callable[[str], None]) -> tuple[str, str]:
    body: Json = {"name": "Demo site"}
    if wanted.wordpress:
        body |= {
            "wp_url": wanted.wordpress.url,
            "wp_username": wanted.wordpress.user,
            "wp_app_password": wanted.wordpress.app_password,
        }
    site = client.post("account/sites/", body)["id"]
    sector = client.post(f"account/sites/{site}/sectors/", {"name": "Demo sector"})["id"]
    if wanted.wordpress:
        say(f"testing the connection to {wanted.wordpress.url}")
        integration = until(
            lambda: next(
                (
                    each
                    for each in client.every("integration/integrations/", site_id=site)
                    if each["platform"] == "wordpress"
                ),
                None,
            ),
            15,
            "the publisher to hear of the site",
        )
        tested = client.post(f"integration/integrations/{integration['id']}/test-connection/", {})
        if tested["status"] != "connected":
            raise StackError(f"{wanted.wordpress.url}: {tested['error']}. {tested['remedy']}")
    return site, sector


def _import(client: Client, file: Path, site: str, sector: str) -> Json:
    task = client.upload("planner/keywords/import_csv/", file, site_id=site, sector_id=sector)["task_id"]

    def ended() -> Json | None:
        found = client.get(f"planner/imports/{task}/")
        return found if found["status"] in ("completed", "failed") else None

    imported: Json = until(ended, 120, f"the import of {file}")
    if imported["status"] == "failed":
        raise StackError(f"{file}: {imported['errors']}")
    return imported


def _follow(client: Client, run_id: str, report: Report) -> Json:
    """Watch the run until it ends or nothing moves any more."""
    last, moved = None, time.monotonic()
    while True:
        run = client.get(f"automation/runs/{run_id}/")
        stages = run["stages"]
        for stage in stages:
            report(stage["stage"], stage["done"] + stage["failed"], stage["items"])
        if run["status"] in ("completed", "failed", "cancelled"):
            return run
        progress = [(stage["status"], stage["done"], stage["failed"]) for stage in stages]
        if progress != last:
            last, moved = progress, time.monotonic()
        elif time.monotonic() - moved > STALLED_SECONDS:
            raise StackError(f"The run {run_id} has not moved for {STALLED_SECONDS} s; see ./igny8 doctor.")
        time.sleep(0.25)


def _settled(client: Client) -> Json | None:
    balance = client.get("billing/credits/balance/")
    return balance if balance["reserved"] == 0 else None


def _summary(client: Client, wanted: Wanted, site: str, sector: str, run: Json, balance: Json) -> Json:
    granted = sum(
        each["amount"]
        for each in client.every("billing/transactions/")
        if each["type"] in ("purchase", "adjustment")
    )
    publications = list(client.every("publisher/publications/", site_id=site))
    published = [each for each in publications if each["status"] == "published"]
    counts = {
        "keywords": client.count("planner/keywords/", sector_id=sector),
        "clusters": client.count("planner/clusters/", sector_id=sector),
        "unclustered": client.count("planner/keywords/", sector_id=sector, status="new"),
        "ideas": client.count("planner/ideas/", sector_id=sector),
        "tasks": client.count("writer/tasks/", sector_id=sector),
        "content": client.count("writer/content/", sector_id=sector),
        "images": client.count("writer/images/", sector_id=sector, status="generated"),
        "published": len(published),
    }
    return {
        **counts,
        "credits": {
            "granted": granted,
            "used": round(granted - balance["balance"], 3),
            "balance": balance["balance"],
        },
        "stages": [
            {
                "stage": stage["stage"],
                "items": stage["done"],
                "credits": stage["credits"],
                "seconds": stage["seconds"],
            }
            for stage in run["stages"]
        ],
        "pages": [each["external_url"] for each in published],
        "problems": _problems(wanted, run, counts, publications),
    }


def _problems(wanted: Wanted, run: Json, counts: Json, publications: list[Json]) -> list[str]:
    """What fell short of what was asked for."""
    problems = []
    if run["status"] != "completed":
        problems.append(f"the run ended as {run['status']}: {run.get('reason') or 'no reason given'}")
    problems += [
        f"stage {each['stage']}: {each['failed']} failed" for each in run["stages"] if each["failed"]
    ]
    for what, expected in (
        ("content", wanted.articles),
        ("published", wanted.articles),
        ("images", wanted.articles * IMAGES_PER_ARTICLE),
    ):
        if counts[what] < expected:
            problems.append(f"{counts[what]} of {expected} {what}")
    problems += [
        f"{each['title']!r} is not published: {each['error']}. {each['remedy']}"
        for each in publications
        if each["status"] == "failed"
    ]
    return problems


def check_file(path: Path) -> None:
    """Refuse at once what no import could read; the rest is the importer's word."""
    if path.is_dir():
        raise StackError(f"{path}: this is a directory; name the file with the keywords.")
    if not path.is_file():
        raise StackError(f"{path}: there is no such file.")
    try:
        with path.open("rb") as opened:
            empty = not opened.read(1)
    except OSError as error:
        raise StackError(f"{path}: cannot be read: {error.strerror}.") from error
    if empty:
        raise StackError(f"{path}: the file is empty.")
