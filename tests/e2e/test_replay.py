"""Hearing everything again changes nothing: from the operator's `republish`, or in another order and several times."""

import json
from collections.abc import Iterator

import pytest
from common.contracts.base import SERVICES
from common.messaging.inbox import Message

from tests.e2e.conftest import Shared
from tests.support.command import igny8
from tests.support.replay import Copy, copies, disorder, everything_said

NO_NEW = ("events", "outbox", "dead_letters", "catch_up_requests")
FINDS_IT_DONE = {"release_content", "write_export_part"}
"""Jobs that a replay may ask for again: by their `release_id` the decision is `[]` the second time, and a part ends once."""


def facts(shared: Shared) -> dict[str, int]:
    return {name: shared.product.scalar(name, "SELECT count(*) FROM events") for name in SERVICES}


@pytest.fixture(scope="module")
def replicas(shared: Shared) -> Iterator[list[Copy]]:
    with copies(shared.product) as made:
        yield made


@pytest.fixture(scope="module")
async def said(shared: Shared) -> list[list[Message]]:
    """The topics after everything was said again: the embedded broker may have had an earlier life."""
    igny8("events", "republish", "--json", "--data-dir", shared.product.stack.layout.data_dir)
    shared.product.quiet()
    return await everything_said(str(shared.product.stack.status()["kafka"]))


def test_saying_everything_again_changes_nothing(shared: Shared) -> None:
    product = shared.product
    product.quiet()
    digests, recorded = product.digests(), facts(shared)
    result = igny8("events", "republish", "--json", "--data-dir", product.stack.layout.data_dir)
    assert result.returncode == 0, result.stderr
    said = {each["service"]: each["facts"] for each in json.loads(result.stdout)["services"]}
    assert said == recorded
    product.quiet()
    assert product.digests() == digests
    assert facts(shared) == recorded


def test_every_view_is_what_the_facts_say(shared: Shared) -> None:
    data_dir = shared.product.stack.layout.data_dir
    result = igny8("projections", "rebuild", "--verify", "--json", "--data-dir", data_dir)
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result.stdout)
    assert found["equal"]
    assert {each["service"] for each in found["projections"]} == set(SERVICES)
    rows = sum(table["live"]["rows"] for each in found["projections"] for table in each["tables"])
    assert rows > 100


async def test_the_topics_hold_every_public_fact(shared: Shared, said: list[list[Message]]) -> None:
    """So that the replay below is one of everything."""
    heard = {
        headers["ce_id"].decode(): headers["ce_accountid"].decode()
        for partition in said
        for headers in (dict(each.headers) for each in partition)
    }
    erased = {
        row["id"]
        for row in shared.product.rows("billing", "SELECT account_id::text AS id FROM erased_accounts")
    }
    assert len({partition[0].topic for partition in said}) == len(SERVICES)
    stored, taken = (
        {
            row["id"]
            for name in SERVICES
            for row in shared.product.rows(name, f"SELECT event_id::text AS id FROM {table}")
        }
        for table in ("events", "inbox")
    )
    # Facts of an account that was erased are gone; the broker and the inboxes still know their ids.
    assert {id for id, account in heard.items() if account not in erased} <= stored
    assert taken & stored <= heard.keys()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("service", SERVICES)
async def test_any_order_and_repetition_leaves_every_service_as_it_was(
    service: str, seed: int, replicas: list[Copy], said: list[list[Message]]
) -> None:
    [copy] = [each for each in replicas if each.service.name == service]
    digests = await copy.digests()
    before = {table: copy.count(table) for table in NO_NEW}
    jobs = copy.jobs()
    await copy.deliver(disorder(said, seed))
    assert copy.count("inbox") > 0
    assert await copy.digests() == digests
    assert {table: copy.count(table) for table in NO_NEW} == before
    assert set(copy.jobs() - jobs) <= FINDS_IT_DONE
