"""Whether each article lies once where it was published, as it was last to be: folders and WordPress beside the publications."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import httpx

from proving.evidence import Evidence, Row
from proving.load import IMAGES, REVISED
from tests.parts.wordpress import RealWordPress

PLACED = ("published", "unpublished")
"""What became of a publication whose post is at the site: as a draft where it was taken back."""


def published(evidence: Evidence) -> Iterable[str]:
    """One post for each article, as it was last to be, and one medium for each of its images, where they were published."""
    publications = [
        row for row in evidence.rows("publisher", "SELECT * FROM publications") if row["status"] in PLACED
    ]
    images = Counter(evidence.column("writer", "SELECT content_id FROM images WHERE status = 'generated'"))
    expected: Mapping[str, list[Row]] = defaultdict(list)
    for row in publications:
        expected[row["target"]].append(row)
    for target, rows in expected.items():
        media = sum(images[row["content_id"]] for row in rows)
        kind, _, place = target.partition(":")
        if kind == "folder":
            folder = Path(place)
            out = sum(row["status"] == "published" for row in rows)
            posts = [json.loads(path.read_bytes()) for path in (folder / ".igny8" / "post").glob("*.json")]
            yield from _as_wanted(
                str(folder), rows, [(post["fields"]["title"], post["fields"]["status"]) for post in posts]
            )
            counts = {
                "post records": (len(posts), len(rows)),
                "pages": (len(list((folder / "pages").glob("*.html"))), out),
                "media records": (len(list((folder / ".igny8" / "medium").glob("*.json"))), media),
                "media": (len(list((folder / "media").iterdir())), media),
            }
            for what, (there, wanted) in counts.items():
                if there != wanted:
                    yield f"{folder}: {there} {what} instead of {wanted}"
        elif evidence.wordpress:
            yield from _in_wordpress(evidence.wordpress, rows, media)
    for content, count in images.items():
        if count != IMAGES:
            yield f"content {content} has {count} images instead of {IMAGES}"


def _as_wanted(place: str, rows: Sequence[Row], posts: Sequence[tuple[str, str]]) -> Iterable[str]:
    """Compare what is there, by title and status, with what the publications say: how much is revised, and how much out."""
    states = {"published": "publish", "unpublished": "draft"}
    wanted = Counter((row["title"].endswith(REVISED), states[row["status"]]) for row in rows)
    there = Counter((title.endswith(REVISED), status) for title, status in posts)
    for (revised, status), count in ((wanted - there) + (there - wanted)).items():
        kind = f"{'revised' if revised else 'first'} versions as {status}"
        yield f"{place}: {there[revised, status]} {kind} instead of {wanted[revised, status]} ({count} off)"


def _in_wordpress(site: RealWordPress, rows: Sequence[Row], media: int) -> Iterable[str]:
    posts = [post for post in _listed(site, "posts") if "igny8:" in post["content"]["raw"]]
    slugs = [medium["slug"] for medium in _listed(site, "media")]
    yield from _as_wanted(site.url, rows, [(post["title"]["raw"], post["status"]) for post in posts])
    if len(posts) != len(rows):
        yield f"{site.url}: {len(posts)} posts instead of {len(rows)}"
    if len(slugs) != media:
        yield f"{site.url}: {len(slugs)} media instead of {media}"


def _listed(site: RealWordPress, what: str) -> list[Row]:
    found: list[Row] = []
    while True:
        query = {"per_page": "100", "page": str(len(found) // 100 + 1), "status": "any", "context": "edit"}
        if what == "media":
            del query["status"]
        answer = httpx.get(
            f"{site.url}/wp-json/wp/v2/{what}", params=query, auth=(site.user, site.app_password), timeout=30
        ).json()
        found += answer
        if len(answer) < 100:
            return found
