"""What several end-to-end tests look at: one tenant's run on the embedded stack, and one demo to a real WordPress."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from igny8_local.demo.client import Client

from tests.parts.wordpress import RealWordPress, Request
from tests.support.command import igny8
from tests.support.product import Product, few_keywords, product

TRIAL_CREDITS = "1000"


@dataclass(frozen=True)
class Shared:
    """A running stack in which one tenant, signed in as `client`, had `summary` made; spans go to `spans`."""

    product: Product
    client: Client
    summary: dict[str, Any]
    spans: Path


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Tests may add tenants and facts to it, and leave it running and quiet. It ends with the last test that needs it."""
    folder = tmp_path_factory.mktemp("shared")
    with product(
        IGNY8_OTLP_ENDPOINT=(folder / "spans").as_uri(), IGNY8_TRIAL_CREDITS=TRIAL_CREDITS
    ) as running:
        client = running.client()
        summary = running.run(few_keywords(folder), 3, client=client)
        assert summary["problems"] == []
        running.quiet()
        try:
            yield Shared(running, client, summary, folder / "spans")
        finally:
            client.close()


@pytest.fixture(scope="package")
def wordpress() -> Iterator[RealWordPress]:
    with RealWordPress() as site:
        yield site


@dataclass(frozen=True)
class WordPressDemo:
    """A `./igny8 demo --wordpress` that has ended."""

    site: RealWordPress
    result: "subprocess.CompletedProcess[str]"
    data_dir: Path
    spans: Path
    requests: list[Request]

    @property
    def summary(self) -> dict[str, Any]:
        """Raises where standard output is anything but one JSON object."""
        found: dict[str, Any] = json.loads(self.result.stdout)
        return found


@pytest.fixture(scope="package")
def wordpress_demo(wordpress: RealWordPress, tmp_path_factory: pytest.TempPathFactory) -> WordPressDemo:
    folder = tmp_path_factory.mktemp("wordpress-demo")
    data_dir, spans = folder / "data", folder / "spans"
    result = igny8(
        *("demo", "--json", "--articles", "2", "--keywords", few_keywords(folder), "--data-dir", data_dir),
        *("--wordpress", wordpress.url, "--user", wordpress.user, "--app-password", wordpress.app_password),
        IGNY8_OTLP_ENDPOINT=spans.as_uri(),
    )
    return WordPressDemo(wordpress, result, data_dir, spans, wordpress.requests())
