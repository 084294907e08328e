"""Requests made up from the API description: no answer is a fault of ours, nor one that the description does not know.

The last of the files: what such requests make is odd, and other tests look at what tenants made.
"""

import os
from datetime import date

import pytest

from proving.api import ask_product
from tests.e2e.conftest import Shared

pytestmark = pytest.mark.usefixtures("uncounted")  # what it passes here is only what makes requests

SEED = "IGNY8_PROVE_SEED"
"""Set it to the seed a failure printed, to have the same requests again. Without it there are others every day."""
REQUESTS = 2_000
"""About ten for each operation; `./igny8 prove --only api` sends 20,000."""


def test_no_answer_is_a_fault_or_unlike_the_description(shared: Shared) -> None:
    seed = int(os.environ.get(SEED) or date.today().toordinal())
    print(f"again: {SEED}={seed}, or ./igny8 prove --only api --seed {seed}")
    report = ask_product(shared.product, shared.client, cases=REQUESTS, seed=seed, say=lambda _done: None)
    print(f"answers by operation: { ({name: dict(seen) for name, seen in report.by_operation.items()}) }")
    assert list(report.findings.values()) == []
    assert report.cases >= REQUESTS  # what so few of them reach is chance
    shared.product.quiet()  # and nothing of it is parked
