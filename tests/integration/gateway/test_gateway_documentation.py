"""The documentation pages and all they load come from the gateway itself, and its security headers let them work."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import aiohttp
import pytest
from gateway.openapi import Schemas

from tests.integration.gateway.upstream import Running
from tests.parts.browser import RealBrowser

SWAGGER_UI = ("/api/docs", "/api/schema/swagger-ui")
REDOC = ("/api/redoc", "/api/schema/redoc")
SCHEMA = "/api/schema/"

Policy = dict[str, list[str]]


class Loaded(HTMLParser):
    """What a page loads, by the directive of a policy that has to allow it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self.found.append(("script-src", given.get("src", "'unsafe-inline'")))
        elif tag == "style":
            self.found.append(("style-src", "'unsafe-inline'"))
        elif tag == "link":
            self.found.append(("style-src" if given["rel"] == "stylesheet" else "img-src", given["href"]))
        elif tag == "redoc":
            self.found.append(("connect-src", given["spec-url"]))


def policy_of(headers: Any) -> Policy:
    (said,) = headers.getall("Content-Security-Policy")
    return {name: sources for name, *sources in (part.split() for part in said.split(";"))}


def allows(policy: Policy, directive: str, source: str) -> bool:
    """Whether it may be loaded: by its path here, by its scheme, or as part of the page."""
    sources = policy.get(directive, policy["default-src"])
    return ("'self'" if source.startswith("/") else source) in sources


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", [*SWAGGER_UI, *REDOC])
async def test_a_page_and_everything_it_loads_is_served_here(edge: Running, path: str, slash: str) -> None:
    async with aiohttp.ClientSession(edge.url) as nobody:
        async with nobody.get(path + slash, allow_redirects=False) as page:
            text = await page.text()
            policy = policy_of(page.headers)
        assert (page.status, page.content_type) == (200, "text/html")
        assert SCHEMA in text
        loaded = Loaded()
        loaded.feed(text)
        loads = [*loaded.found, ("connect-src", SCHEMA)]
        assert {directive for directive, _ in loads} >= {"script-src", "img-src"}
        for directive, source in loads:
            assert allows(policy, directive, source), f"{directive} {policy} forbids {source}"
            if source != "'unsafe-inline'":
                assert source.startswith("/"), f"{source} needs the internet"
                async with nobody.get(source) as response:
                    content = await response.read()
                    assert (response.status, bool(content)) == (200, True), source
                if directive == "script-src" and b"new Worker(" in content:
                    assert allows(policy, "worker-src", "blob:")
        async with nobody.get("/api/static/nothing.js") as response:
            assert response.status == 404


@pytest.fixture(scope="module")
def browser() -> Iterator[RealBrowser]:
    with RealBrowser() as browser:
        yield browser


class Excerpt(Schemas):
    """Of the description one area's operations: with all of them ReDoc takes half a minute on a small machine."""

    async def merged(self, own: dict[str, Any]) -> dict[str, Any]:
        whole = await super().merged(own)
        return {**whole, "paths": {path: each for path, each in whole["paths"].items() if "/auth/" in path}}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "operation"), [(SWAGGER_UI[0], ".opblock"), (REDOC[0], "[data-section-id^='operation/']")]
)
async def test_a_browser_shows_the_operations_and_complains_of_nothing(
    edge: Running, browser: RealBrowser, monkeypatch: pytest.MonkeyPatch, path: str, operation: str
) -> None:
    runtime = edge.gateway.runtime
    monkeypatch.setitem(runtime.extras, "schemas", Excerpt(runtime.settings.upstreams))
    async with aiohttp.ClientSession(edge.url) as nobody, nobody.get(SCHEMA) as response:
        described = (await response.json())["paths"].values()
    async with browser.page() as page:
        await page.open(edge.url + path)
        await page.shows(operation, sum(len(methods) for methods in described))
    assert page.complaints == []
    here = (edge.url, "data:", f"blob:{edge.url}")
    assert [each for each in page.requested if not each.startswith(here)] == []
    assert edge.url + SCHEMA in page.requested
