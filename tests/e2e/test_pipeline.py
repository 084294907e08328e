"""The main job end to end against the outside as it really is: an OpenAI-compatible endpoint and a WordPress."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from igny8_local.demo.run import WordPress

from tests.parts.fake_ai import FakeAI
from tests.parts.wordpress import RealWordPress
from tests.support.product import Product, few_keywords, product

ARTICLES = 3


@pytest.fixture(scope="module")
def wordpress() -> Iterator[RealWordPress]:
    with RealWordPress() as site:
        yield site


@pytest.fixture(scope="module")
def ai() -> Iterator[FakeAI]:
    with FakeAI() as fake:
        yield fake


@pytest.fixture(scope="module")
def outside(ai: FakeAI, wordpress: RealWordPress) -> Iterator[Product]:
    """A stack that writes by the fake OpenAI and may publish to the real WordPress."""
    with product(
        IGNY8_AI_BASE_URL=ai.url,
        IGNY8_AI_KEY=ai.key,
        IGNY8_AI_MODEL="gpt-4.1-mini",
        IGNY8_ALLOWED_PRIVATE_HOSTS=urlsplit(wordpress.url).netloc,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def summary(
    outside: Product, wordpress: RealWordPress, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    target = WordPress(wordpress.url, wordpress.user, wordpress.app_password)
    return outside.run(few_keywords(tmp_path_factory.mktemp("keywords")), ARTICLES, wordpress=target)


@pytest.mark.wordpress
class TestWordPressAndAnOpenAICompatibleEndpoint:
    def test_everything_asked_for_came_out(self, summary: dict[str, Any]) -> None:
        assert summary["problems"] == []
        assert summary["content"] == summary["published"] == ARTICLES

    def test_the_endpoint_was_asked_once_for_each_paid_step(
        self, summary: dict[str, Any], ai: FakeAI, outside: Product
    ) -> None:
        asked: dict[str, list[str]] = {}
        for call in ai.calls("/v1/chat/completions"):
            asked.setdefault(call.schema_name or "", []).append(call.idempotency_key or "")
        clusters = outside.scalar("planner", "SELECT items FROM operations WHERE function = 'generate_ideas'")
        assert len(asked["auto_cluster"]) == 1
        assert len(asked["generate_content"]) == len(asked["generate_image_prompts"]) == ARTICLES
        assert clusters is not None
        for keys in asked.values():
            assert len(set(keys)) == len(keys), "the same step was asked for twice"

    def test_each_article_is_one_post_with_its_terms_and_featured_image(
        self, summary: dict[str, Any], wordpress: RealWordPress, outside: Product
    ) -> None:
        posts = _all(wordpress, "posts", status="any", context="edit")
        ours = [
            post
            for post in posts
            if post["link"] in summary["pages"] or post["guid"]["raw"] in summary["pages"]
        ]
        assert len(ours) == ARTICLES
        titles = {row["title"] for row in outside.rows("writer", "SELECT title FROM content")}
        assert {post["title"]["raw"] for post in ours} == titles
        for post in ours:
            assert post["status"] == "publish"
            assert post["categories"], post["title"]
            assert post["featured_media"], post["title"]
            assert post["excerpt"]["raw"], post["title"]

    def test_each_image_is_one_medium_with_its_alt_text(
        self, summary: dict[str, Any], wordpress: RealWordPress, outside: Product
    ) -> None:
        media = _all(wordpress, "media", context="edit")
        alts = sorted(row["alt_text"] for row in outside.rows("writer", "SELECT alt_text FROM images"))
        assert sorted(medium["alt_text"] for medium in media) == alts
        assert len(media) == summary["images"]
        for medium in media:
            answer = httpx.get(medium["source_url"])
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("image/")

    def test_the_articles_show_their_images(self, summary: dict[str, Any], wordpress: RealWordPress) -> None:
        for post in _all(wordpress, "posts", status="any", context="edit"):
            assert "<img" in post["content"]["raw"]
            assert "wp-content/uploads" in post["content"]["raw"]


@pytest.mark.wordpress
def test_one_failing_article_does_not_hold_up_the_others(
    outside: Product, ai: FakeAI, summary: dict[str, Any], tmp_path: Path
) -> None:
    client = outside.client()
    ai.fail("500", path="/v1/chat/completions", times=None, contains="Complete Guide")
    try:
        failing = outside.run(few_keywords(tmp_path), ARTICLES, client=client)
    finally:
        ai.reset()
    written = failing["content"]
    assert failing["published"] == written
    assert failing["credits"]["granted"] - failing["credits"]["used"] == failing["credits"]["balance"]
    del summary


def _all(wordpress: RealWordPress, what: str, **query: str) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{wordpress.url}/wp-json/wp/v2/{what}",
        params={"per_page": "100", **query},
        auth=(wordpress.user, wordpress.app_password),
    )
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return [each for each in found if each.get("title", {}).get("raw") != "Hello world!"]
