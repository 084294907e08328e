"""Requests made up from the API description: no answer is a fault of ours, nor one that the description does not know.

The last of the files: what such requests make is odd, and other tests look at what tenants made.
"""

import os
from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import pytest
from igny8_local.demo.client import Client

from proving.api import ask_product
from tests.e2e.conftest import Shared

pytestmark = pytest.mark.usefixtures("uncounted")  # what it passes here is only what makes requests

SEED = "IGNY8_PROVE_SEED"
"""Set it to the seed a failure printed, to have the same requests again. Without it there are others every day."""
REQUESTS = 2_000
"""About ten for each operation; `./igny8 prove --only api` sends 20,000."""


@pytest.fixture
def tenant(shared: Shared) -> Iterator[Client]:
    """One with a few objects, which the requests may name."""
    client = shared.product.client()
    client.register(email=f"{uuid4().hex}@example.com", password="Correct-Horse-7", account_name="Odd")
    site = client.post("account/sites/", {"name": "Site"})["id"]
    place = {
        "site_id": site,
        "sector_id": client.post(f"account/sites/{site}/sectors/", {"name": "Sector"})["id"],
    }
    client.post("planner/keywords/", {**place, "keyword": "crane financing"})
    client.post("planner/clusters/", {**place, "name": "Cranes"})
    yield client
    client.close()


def test_no_answer_is_a_fault_or_unlike_the_description(shared: Shared, tenant: Client) -> None:
    seed = int(os.environ.get(SEED) or date.today().toordinal())
    print(f"again: {SEED}={seed}, or ./igny8 prove --only api --seed {seed}")
    report = ask_product(shared.product.url, tenant, cases=REQUESTS, seed=seed, say=lambda _done: None)
    assert list(report.findings.values()) == []
    assert report.cases >= REQUESTS
    assert {200, 400, 404} <= report.statuses.keys(), report.statuses
    shared.product.quiet()  # and nothing of it is parked
