"""Taking a post down: only one of ours, whatever number the caller remembers."""

from typing import Any

import pytest
from aiohttp import web
from publisher.adapters.target import TargetError, fingerprint

from tests.unit.publisher.adapters.test_wordpress_failure_names import INDEX, serving, target_at


class Site:
    """Has the one post 123."""

    def __init__(self, text: str) -> None:
        self.post = {"id": 123, "link": "https://site/p", "slug": "p", "status": "publish"}
        self._text = text

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/wp-json/":
            return web.json_response(INDEX)
        assert request.path == "/wp-json/wp/v2/posts/123"
        if request.method == "POST":
            self.post |= await request.json()
        return web.json_response(self.post | {"content": {"raw": self._text}})


async def unpublish(site: Any) -> str:
    async with serving(site) as url, target_at(url) as target:
        return (await target.unpublish_post("123")).status


async def test_ours_becomes_a_draft() -> None:
    site = Site(f"<p>text<!-- igny8:{fingerprint('k')} --></p>")
    assert await unpublish(site) == "draft"
    assert site.post["status"] == "draft"


async def test_a_strangers_with_the_same_number_stays() -> None:
    site = Site("<p>their text</p>")
    with pytest.raises(TargetError) as refused:
        await unpublish(site)
    assert (refused.value.code, refused.value.retryable) == ("not_ours", False)
    assert refused.value.remedy
    assert site.post["status"] == "publish"
