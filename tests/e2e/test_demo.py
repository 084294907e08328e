"""`./igny8 demo` as a user runs it: what it prints, what it refuses, and that nothing is left running."""

import json
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.conftest import WordPressDemo
from tests.parts.fake_ai import FakeAI
from tests.parts.ports import free_port
from tests.parts.wordpress import RealWordPress
from tests.support.command import igny8, left_behind
from tests.support.product import few_keywords

COUNTS = {"keywords", "clusters", "unclustered", "ideas", "tasks", "content", "images", "published"}
KEYS = COUNTS | {"credits", "stages", "pages", "seconds"}
ARTICLES = 2
KEYWORDS = 24


def assert_sound(summary: dict[str, Any]) -> None:
    """The keys that are promised, and numbers that agree with each other."""
    assert set(summary) == KEYS
    assert summary["keywords"] == KEYWORDS
    assert 0 < summary["clusters"] <= KEYWORDS
    assert 0 <= summary["unclustered"] < KEYWORDS
    assert summary["ideas"] >= ARTICLES
    assert summary["tasks"] == summary["content"] == summary["published"] == ARTICLES
    assert summary["images"] == 2 * ARTICLES
    credits = summary["credits"]
    assert set(credits) == {"granted", "used", "balance"}
    assert credits["granted"] - credits["used"] == pytest.approx(credits["balance"], abs=1e-9)
    assert [stage["stage"] for stage in summary["stages"]] == [1, 2, 3, 4, 5, 6, 7]
    assert all(set(stage) == {"stage", "items", "credits", "seconds"} for stage in summary["stages"])
    assert sum(stage["credits"] for stage in summary["stages"]) == pytest.approx(credits["used"], abs=1e-9)
    assert all(0 <= stage["seconds"] <= summary["seconds"] for stage in summary["stages"])
    assert [stage["items"] for stage in summary["stages"]][3:] == [2, 2, 4, 2]
    assert len(set(summary["pages"])) == ARTICLES


class TestIntoAFolder:
    @pytest.fixture(scope="class")
    @staticmethod
    def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("demo")

    def test_prints_one_object_and_leaves_pages_and_nothing_running(self, place: Path) -> None:
        data_dir = place / "data"
        result = igny8(
            *("demo", "--json", "--articles", str(ARTICLES)),
            *("--keywords", few_keywords(place, KEYWORDS), "--data-dir", data_dir),
        )
        assert result.returncode == 0, result.stderr
        assert len(result.stdout.splitlines()) == 1
        summary = json.loads(result.stdout)
        assert_sound(summary)
        for page in summary["pages"]:
            text = Path(urlsplit(page).path).read_text()
            assert "<h1" in text
            assert "<img" in text
        index = Path(urlsplit(summary["pages"][0]).path).parents[1] / "index.html"
        assert all(Path(urlsplit(page).path).name in index.read_text() for page in summary["pages"])
        assert left_behind(data_dir) == []


@pytest.mark.wordpress
class TestToWordPress:
    def test_prints_one_object_with_the_urls_of_posts(self, wordpress_demo: WordPressDemo) -> None:
        assert wordpress_demo.result.returncode == 0, wordpress_demo.result.stderr
        assert_sound(wordpress_demo.summary)
        for page in wordpress_demo.summary["pages"]:
            assert page.startswith(wordpress_demo.site.url)
            assert httpx.get(page, follow_redirects=True).status_code == 200
        assert left_behind(wordpress_demo.data_dir) == []

    def test_a_wrong_password_is_named_with_its_site(
        self, wordpress: RealWordPress, data_dir: Path, tmp_path: Path
    ) -> None:
        result = refused(
            data_dir,
            *("--keywords", few_keywords(tmp_path, 3), "--wordpress", wordpress.url),
            *("--user", wordpress.user, "--app-password", "abcd efgh ijkl mnop qrst uvwx"),
        )
        assert wordpress.url in result
        assert "password" in result


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all refusals."""
    return tmp_path_factory.mktemp("refused") / "data"


@pytest.fixture(scope="module")
def ai() -> Iterator[FakeAI]:
    with FakeAI() as fake:
        yield fake


@pytest.fixture
def website() -> Iterator[str]:
    """Answers everything with a page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>A site of another kind</h1>")

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def refused(data_dir: Path, *arguments: str | Path) -> str:
    """What it says on standard error, as one line."""
    result = igny8("demo", "--json", "--articles", "1", "--data-dir", data_dir, *arguments)
    said = message_of(result)
    assert result.returncode == 1, said
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "unexpected" not in said
    assert left_behind(data_dir) == []
    return said


def message_of(result: "subprocess.CompletedProcess[str]") -> str:
    found: str = result.stderr[result.stderr.rfind("igny8:") :]
    return " ".join(found.split())


class TestBadInput:
    def test_no_such_file(self, data_dir: Path, tmp_path: Path) -> None:
        missing = tmp_path / "missing.csv"
        said = refused(data_dir, "--keywords", missing)
        assert str(missing) in said
        assert "no such file" in said

    def test_an_empty_file(self, data_dir: Path, tmp_path: Path) -> None:
        empty = tmp_path / "empty.csv"
        empty.touch()
        said = refused(data_dir, "--keywords", empty)
        assert str(empty) in said
        assert "empty" in said

    @pytest.mark.parametrize(
        ("content", "word"),
        [
            pytest.param(bytes(range(256)) * 64, "text", id="binary"),
            pytest.param(b"Colour,Size\nred,10\nblue,12\n", "column", id="no keyword column"),
        ],
    )
    def test_a_file_that_is_no_keyword_list(
        self, content: bytes, word: str, data_dir: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "wrong.csv"
        file.write_bytes(content)
        said = refused(data_dir, "--keywords", file)
        assert "wrong.csv" in said
        assert word in said.lower()

    def test_an_unreachable_wordpress(self, data_dir: Path, tmp_path: Path) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        said = refused(
            data_dir,
            *("--keywords", few_keywords(tmp_path, 3)),
            *("--wordpress", url, "--user", "editor", "--app-password", "abcd efgh ijkl mnop qrst uvwx"),
        )
        assert url in said

    def test_a_site_that_is_no_wordpress(self, website: str, data_dir: Path, tmp_path: Path) -> None:
        """It answers, so only the publisher finds out: what was started by then has to end."""
        said = refused(
            data_dir,
            *("--keywords", few_keywords(tmp_path, 3), "--wordpress", website),
            *("--user", "editor", "--app-password", "abcd efgh ijkl mnop qrst uvwx"),
        )
        assert website in said
        assert (data_dir / "logs" / "publisher.log").exists()

    def test_an_ai_endpoint_that_answers_garbage(self, ai: FakeAI, data_dir: Path) -> None:
        ai.fail("garbage", times=None)
        said = refused(data_dir, "--ai-base-url", ai.url, "--ai-key", ai.key, "--ai-model", "gpt-4.1-mini")
        assert ai.url in said

    def test_an_endpoint_without_a_model(self, data_dir: Path) -> None:
        assert "--ai-model" in refused(data_dir, "--ai-base-url", "http://127.0.0.1:1/v1")

    def test_a_wordpress_without_a_password(self, data_dir: Path) -> None:
        assert "--app-password" in refused(data_dir, "--wordpress", "http://127.0.0.1:1")
