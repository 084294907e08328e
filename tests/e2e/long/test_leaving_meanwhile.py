"""While a tenant has articles made and published with secrets of its own, others are erased and the master key changes."""

import csv
import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
from common.contracts.base import SERVICES
from igny8_local.demo.client import Client, Refused
from igny8_local.demo.run import WordPress

from tests.parts.fake_ai import FakeAI
from tests.parts.ports import wait_for
from tests.parts.wordpress import RealWordPress
from tests.support.canaries import dump, where
from tests.support.command import igny8
from tests.support.product import Product, few_keywords, product

ARTICLES = 1
PASSWORD = "Correct-Horse-7"
ROTATIONS = 2
"""So many at least have to fall into the run: the first key is dropped by the second."""

pytestmark = pytest.mark.wordpress


class Tenant(Client):
    """Has its AI work done with a key of its own, which services learn before it asks for anything."""

    def __init__(self, product: Product, ai: FakeAI, name: str) -> None:
        super().__init__(product.url)
        self.product, self.ai, self.name = product, ai, name
        self.account = ""

    def register(self, **_body: str) -> Any:
        registered = super().register(
            email=f"{self.name}@example.com",
            password=PASSWORD,
            account_name=self.name,
            account_slug=self.name,
        )
        self.account = registered["account_id"]
        own = {"api_key": self.ai.key, "base_url": self.ai.url, "model": "gpt-4.1-mini", "is_active": True}
        self._answer(self._http.put("system/settings/integrations/openai/", json=own))
        query = "SELECT count(*) FROM replica_ai_settings WHERE account_id = %s"
        wait_for(
            lambda: all(self.product.scalar(each, query, self.account) for each in ("planner", "writer")),
            what="its settings have been heard",
        )
        return registered

    def erase(self) -> None:
        self.post("account/erase/", {"account_slug": self.name, "password": PASSWORD})


@dataclass
class Meanwhile:
    """What came of it all."""

    product: Product
    ai: FakeAI
    summary: dict[str, Any]
    rotations: list[dict[str, Any]]
    """Those that ended while the run went on, and a last one."""
    staying: Tenant
    gone: list[Tenant]
    stopped_by: list[str]
    """What told who went, in the middle of its own run, that it is gone."""


@pytest.fixture(scope="module")
def meanwhile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meanwhile]:
    folder = tmp_path_factory.mktemp("meanwhile")
    with FakeAI() as ai, RealWordPress() as wordpress:
        hosts = ",".join(urlsplit(url).netloc for url in (ai.url, wordpress.url))
        with product(IGNY8_ALLOWED_PRIVATE_HOSTS=hosts) as running, ThreadPoolExecutor(4) as threads:
            target = WordPress(wordpress.url, wordpress.user, wordpress.app_password)
            staying = Tenant(running, ai, "zqstaying")
            going = [Tenant(running, ai, f"zqgoing{number}") for number in range(2)]
            over = Event()
            rotated = threads.submit(_rotate, running, over)
            runs = [
                threads.submit(running.run, _planted(folder, each.name), 1, client=each) for each in going
            ]
            leaves = threads.submit(
                lambda: [_leave(each, run) for each, run in zip(going, runs, strict=True)]
            )
            try:
                summary = running.run(
                    _planted(folder, staying.name), ARTICLES, client=staying, wordpress=target
                )
            finally:
                over.set()
            stopped_by = leaves.result()
            running.quiet()
            rotations = [*rotated.result(), _rotation(running)]
            yield Meanwhile(running, ai, summary, rotations, staying, going, stopped_by)


def _planted(folder: Path, word: str) -> Path:
    """A keyword file in which every keyword has that word."""
    rows = list(csv.reader(few_keywords(folder, 16).open()))
    path = folder / f"{word}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([rows[0], *([f"{row[0]} {word}", *row[1:]] for row in rows[1:])])
    return path


def _rotation(product: Product) -> dict[str, Any]:
    done = igny8("secrets", "rotate", "--json", "--data-dir", product.stack.layout.data_dir)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _rotate(product: Product, over: Event) -> list[dict[str, Any]]:
    """One after the other, as the operator does it, until it is over."""
    done = []
    while not over.is_set():
        done.append(_rotation(product))
    return done


def _leave(tenant: Tenant, run: "Future[dict[str, Any]]") -> str:
    """Erase it in the middle of its run's first paid work; the code of the refusal that ended the run."""
    query = "SELECT count(*) FROM operations WHERE account_id = %s"
    wait_for(
        lambda: run.done() or (tenant.account and tenant.product.scalar("planner", query, tenant.account))
    )
    assert not run.done(), run.result()
    tenant.erase()
    with pytest.raises(Refused) as refused:
        run.result()
    return refused.value.code


class TestWhoStays:
    def test_has_everything_made_and_published(self, meanwhile: Meanwhile) -> None:
        assert meanwhile.summary["problems"] == []
        assert meanwhile.summary["published"] == ARTICLES

    def test_had_its_stored_key_used_for_all_of_it(self, meanwhile: Meanwhile) -> None:
        """The fake refuses any other key."""
        calls = meanwhile.ai.calls("/v1/chat/completions")
        written = [call.status for call in calls if call.schema_name == "generate_content"]
        assert written == [200] * ARTICLES, "nobody else came as far"
        assert 401 not in {call.status for call in calls}

    def test_loses_no_fact_and_no_secret(self, meanwhile: Meanwhile) -> None:
        keys = meanwhile.product.rows(
            "secrets",
            "SELECT (wrapped IS NOT NULL) AS there, (SELECT count(*) FROM secrets s WHERE s.account_id = k.account_id)"
            " AS secrets FROM data_keys k WHERE account_id = %s",
            meanwhile.staying.account,
        )
        assert [(row["there"], row["secrets"] >= 2) for row in keys] == [(True, True)]
        staying = meanwhile.staying
        tested = staying._http.post("system/settings/integrations/openai/test_connection/", json={}).json()
        assert tested["data"]["status"] == "connected"
        (integration,) = staying.every("integration/integrations/")
        found = staying.post(f"integration/integrations/{integration['id']}/test-connection/", {})
        assert found["status"] == "connected"


class TestTheMasterKey:
    def test_was_rotated_while_it_was_needed(self, meanwhile: Meanwhile) -> None:
        assert len(meanwhile.rotations) > ROTATIONS
        current = [each["current"] for each in meanwhile.rotations]
        assert len(set(current)) == len(current)
        assert sum(len(each["dropped"]) for each in meanwhile.rotations) > 0

    def test_in_force_wraps_every_data_key_that_is_left(self, meanwhile: Meanwhile) -> None:
        query = "SELECT DISTINCT master_key_id AS id FROM data_keys WHERE wrapped IS NOT NULL"
        last = meanwhile.rotations[-1]["current"]
        assert [row["id"] for row in meanwhile.product.rows("secrets", query)] == [last]


class TestWhoWent:
    def test_was_in_the_middle_of_its_work(self, meanwhile: Meanwhile) -> None:
        # 404: let in just before, and gone when its turn came.
        assert set(meanwhile.stopped_by) <= {"UNAUTHORIZED", "NOT_FOUND"}

    def test_left_no_word_and_no_key(self, meanwhile: Meanwhile) -> None:
        product = meanwhile.product
        found = {
            service: dump(product.stack.database_url(service, "owner")).lower()
            for service in (*SERVICES, "secrets")
        }
        for folder in (product.stack.layout.objects, product.stack.layout.published):
            files = [path for path in folder.rglob("*") if path.is_file()]
            found[folder.name] = b"".join(
                str(path.relative_to(folder)).encode() + path.read_bytes().lower() for path in files
            )
        assert where({"staying": meanwhile.staying.name}, found)["staying"] >= {"planner", "writer"}
        assert where({each.name: each.name for each in meanwhile.gone}, found) == {
            each.name: set() for each in meanwhile.gone
        }
        for each in meanwhile.gone:
            keys = product.rows(
                "secrets",
                "SELECT (wrapped IS NULL AND erased_at IS NOT NULL) AS gone, (SELECT count(*) FROM secrets s"
                " WHERE s.account_id = k.account_id) AS secrets FROM data_keys k WHERE account_id = %s",
                each.account,
            )
            assert keys == [{"gone": True, "secrets": 0}]

    def test_left_a_product_that_is_well(self, meanwhile: Meanwhile) -> None:
        assert all(status.healthy for status in meanwhile.product.stack.services())
