"""Killed in the middle of work, each service, the broker and the database: the run ends as if nothing had happened."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from igny8_local.demo import run as run_module
from igny8_local.demo.run import WordPress

from tests.parts.ports import wait_for
from tests.parts.wordpress import RealWordPress
from tests.support.patience import PatientClient
from tests.support.product import Product, few_keywords, product, totals
from tests.support.proxy import KeepingProxy

ARTICLES = 3


@pytest.fixture(scope="module")
def victim() -> Iterator[Product]:
    """One stack that is killed piece by piece."""
    with product() as running:
        yield running


@pytest.fixture(scope="module")
def keywords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_keywords(tmp_path_factory.mktemp("keywords"))


@pytest.fixture(scope="module")
def undisturbed(victim: Product, keywords: Path) -> dict[str, Any]:
    """What the run comes to when nobody kills anything."""
    summary = victim.run(keywords, ARTICLES)
    assert summary["problems"] == []
    return totals(summary)


class Running:
    """A tenant's run in a thread of its own."""

    def __init__(self, victim: Product, keywords: Path) -> None:
        self.summary: dict[str, Any] | None = None
        self.error: BaseException | None = None
        self._victim = victim
        self._keywords = keywords
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.summary = self._victim.run(self._keywords, ARTICLES, client=PatientClient(self._victim.url))
        except BaseException as error:
            self.error = error

    @property
    def going(self) -> bool:
        return self._thread.is_alive()

    def result(self) -> dict[str, Any]:
        self._thread.join(240)
        assert not self.going, "the run has not ended"
        if self.error is not None:
            raise self.error
        assert self.summary is not None
        return self.summary


JOB = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
BLOCKED = "SELECT count(*) FROM pg_locks WHERE relation = 'inbox'::regclass AND NOT granted"


def running_job(victim: Product, service: str) -> None:
    """Return the moment the service is seen with a running job."""
    with psycopg.connect(victim.stack.database_url(service, "owner"), autocommit=True) as connection:
        wait_for(lambda: connection.execute(JOB).fetchone() != (0,), what=f"a job runs in {service}")


@contextmanager
def open_batch(victim: Product, service: str) -> Iterator[None]:
    """Hold the service's next batch open in its middle: it waits for its inbox, its transaction has begun."""
    with psycopg.connect(victim.stack.database_url(service, "owner")) as holder:
        holder.execute("LOCK TABLE inbox IN SHARE ROW EXCLUSIVE MODE")
        with psycopg.connect(victim.stack.database_url(service, "owner"), autocommit=True) as watcher:
            wait_for(
                lambda: watcher.execute(BLOCKED).fetchone() != (0,),
                what=f"a batch is open in {service}",
            )
        yield


@pytest.mark.parametrize("service", ["planner", "writer", "publisher"])
def test_a_service_killed_with_a_job_running_changes_nothing(
    service: str, victim: Product, keywords: Path, undisturbed: dict[str, Any]
) -> None:
    run = Running(victim, keywords)
    running_job(victim, service)
    assert run.going
    old = victim.stack.kill(service)
    wait_for(lambda: victim.stack.pid(service) not in (None, old), what=f"{service} is started again")
    assert totals(run.result()) == undisturbed
    victim.quiet()


@pytest.mark.parametrize("service", ["billing", "gateway"])
def test_a_service_killed_with_a_batch_open_changes_nothing(
    service: str, victim: Product, keywords: Path, undisturbed: dict[str, Any]
) -> None:
    run = Running(victim, keywords)
    running_job(
        victim, "writer"
    )  # past the registration and the upload, which a client cannot repeat blindly
    with open_batch(victim, service):
        assert run.going
        old = victim.stack.kill(service)
    wait_for(lambda: victim.stack.pid(service) not in (None, old), what=f"{service} is started again")
    assert totals(run.result()) == undisturbed
    victim.quiet()


def test_a_killed_broker_changes_nothing(
    victim: Product, keywords: Path, undisturbed: dict[str, Any]
) -> None:
    run = Running(victim, keywords)
    running_job(victim, "writer")
    before = (victim.stack.state() or {})["incarnation"]
    victim.stack.kill("broker")
    wait_for(lambda: (victim.stack.state() or {}).get("incarnation") != before, what="a new broker lives")
    assert totals(run.result()) == undisturbed
    victim.quiet()


def test_a_killed_database_server_changes_nothing(
    victim: Product, keywords: Path, undisturbed: dict[str, Any]
) -> None:
    run = Running(victim, keywords)
    running_job(victim, "writer")
    old = victim.stack.kill("postgres")
    wait_for(lambda: victim.stack.pid("postgres") not in (None, old), what="PostgreSQL is started again")
    assert totals(run.result()) == undisturbed
    victim.quiet()


@pytest.mark.wordpress
def test_killed_between_wordpress_answer_and_our_record_ten_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Still one post and one of each medium."""
    # Ten restarts one after the other let nothing be published meanwhile, minutes on a slow machine.
    monkeypatch.setattr(run_module, "STALLED_SECONDS", 480)
    articles = 5
    with (
        RealWordPress() as site,
        KeepingProxy(site.url) as proxy,
        product(
            IGNY8_ALLOWED_PRIVATE_HOSTS=urlsplit(proxy.url).netloc,
            IGNY8_SITE_SETTLE_SECONDS="5",  # this site answers within one, also under load
        ) as running,
    ):
        kills = []

        def creation(method: str, path: str) -> bool:
            return method == "POST" and path.rstrip("/").endswith(("/posts", "/media"))

        def next_kill() -> None:
            old = running.stack.kill("publisher")
            kills.append(old)
            # Requests of the dead process that wait for their turn must be seen as dead first.
            wait_for(lambda: running.stack.pid("publisher") not in (None, old), what="the publisher is back")
            if len(kills) < 10:
                proxy.arm(creation, next_kill)

        proxy.arm(creation, next_kill)
        target = WordPress(proxy.url, site.user, site.app_password)
        summary = running.run(
            few_keywords(tmp_path), articles, client=PatientClient(running.url), wordpress=target
        )
        assert len(kills) == proxy.kept == 10
        assert summary["published"] == articles
        query = {"per_page": "100", "status": "any", "context": "edit"}
        posts = httpx.get(
            f"{site.url}/wp-json/wp/v2/posts", params=query, auth=(site.user, site.app_password)
        ).json()
        ours = [post["title"]["raw"] for post in posts if "igny8:" in post["content"]["raw"]]
        assert sorted(ours) == sorted(
            row["title"] for row in running.rows("writer", "SELECT title FROM content")
        )
        media = httpx.get(
            f"{site.url}/wp-json/wp/v2/media",
            params={"per_page": "100", "context": "edit"},
            auth=(site.user, site.app_password),
        ).json()
        slugs = [medium["slug"] for medium in media]
        assert len(slugs) == len(set(slugs)) == summary["images"]
