"""A sample of `./igny8 prove --only replicas`, by replicas whose clocks are wrong: one by half a minute, one by an hour."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import httpx
import psycopg
import pytest
from common.auth.identity import HEADER, Identity, IdentitySigner
from common.database import Database
from common.ids import new_id
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import KeySet, OKPKey

from proving.replicas import Replica, Wanted, replicas, shake
from tests.integration.kit.toy_worker import JOB
from tests.parts.ports import eventually
from tests.support import toy
from tests.support.clocks import moved
from tests.support.database import ServiceUrls
from tests.support.messaging import Broker, real_broker

pytestmark = pytest.mark.kafka
NEARLY, FAR = 29.0, -3_600.0
ACCOUNT = new_id()


@dataclass
class Apart:
    """Two replicas, and what is needed to ask them for something."""

    broker: Broker
    urls: ServiceUrls
    running: list[Replica]
    private: Ed25519PrivateKey

    async def who(self, replica: Replica, signed: float = 0.0) -> int:
        """The status for a caller whose identity was signed so many seconds from now."""
        signer = IdentitySigner(self.private, clock=lambda: time.time() + signed)
        token = signer.sign(Identity(account_id=ACCOUNT, user_id=new_id(), role="owner"))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{replica.port}") as client:
            return (await client.get("/api/v1/toy/who/", headers={HEADER: token})).status_code


@pytest.fixture(scope="module")
async def apart(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Apart]:
    folder = tmp_path_factory.mktemp("replicas")
    private = Ed25519PrivateKey.generate()
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps(KeySet([OKPKey.import_key(private)]).as_dict(private=False)))
    with ExitStack() as parts:
        broker = parts.enter_context(real_broker())
        urls = parts.enter_context(service_database("publisher"))
        clocks = (moved(NEARLY), moved(FAR))
        running = parts.enter_context(replicas(broker.bootstrap, urls, folder, str(jwks), clocks))
        for replica in running:
            await eventually(replica.readyz, what="it answers")
        yield Apart(broker, urls, running, private)


async def test_rebalances_and_a_pause_lose_double_and_reorder_nothing(apart: Apart) -> None:
    wanted = Wanted(rebalances=2, pauses=1)
    report = await shake(apart.broker.bootstrap, apart.urls, apart.running, wanted, lambda done: None)
    assert {name: found for name, found in report.findings.items() if found} == {}
    assert (report.rebalances >= wanted.rebalances, report.pauses) == (True, wanted.pauses)
    assert report.said > 0
    assert min(report.workers) > 0, "both did jobs"


async def test_health_names_only_the_clock_that_is_far_off(apart: Apart) -> None:
    near, far = apart.running

    async def named() -> bool:
        checks = [(await replica.readyz()).get("clock", {}) for replica in (near, far)]
        return [check.get("ok") for check in checks] == [True, False] and "behind" in checks[1]["detail"]

    await eventually(named, what="the one that is an hour behind is red, the other is not")


async def test_tokens_live_by_the_databases_clock(apart: Apart) -> None:
    for replica in apart.running:
        answers = [await apart.who(replica, signed) for signed in (0.0, -3_600.0, 3_600.0)]
        assert answers == [200, 401, 401], replica.port


async def test_jobs_wait_by_the_databases_clock(apart: Apart) -> None:
    """An hour behind, a retry would begin at once; an hour ahead, in an hour."""
    database = Database(apart.urls.service, toy.MODEL)
    await database.open()
    async with database.transaction(ACCOUNT) as tx:
        for number in range(16):  # each replica has eight places
            await tx.defer(JOB, name=f"pause {number}", how="asks for a pause")
    await database.close()
    query = (
        "SELECT extract(epoch FROM max(at) FILTER (WHERE attempt = 2) - min(at)), array_agg(DISTINCT worker)"
        " FROM toy_jobs WHERE name LIKE 'pause %' GROUP BY name HAVING bool_or(what = 'done')"
    )

    def done() -> list[tuple[float, list[int]]]:
        with psycopg.connect(apart.urls.owner) as connection:
            return connection.execute(query).fetchall()

    await eventually(lambda: len(done()) == 16, what="all are done")
    pauses = [float(pause) for pause, _ in done()]
    assert min(pauses) >= 2.0
    assert {worker for _, workers in done() for worker in workers} == {
        replica.process.pid for replica in apart.running
    }
