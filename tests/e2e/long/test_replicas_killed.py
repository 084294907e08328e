"""`igny8 replicas rebuild`, killed, and the service with it."""

import os
import signal
import subprocess

import psycopg
from common.contracts.base import SERVICES

from tests.e2e.conftest import Shared
from tests.e2e.long.test_replicas import followed
from tests.parts.ports import wait_for
from tests.support.command import IGNY8


def test_replicas_are_filled_also_where_asker_and_service_are_killed(shared: Shared) -> None:
    product = shared.product
    product.quiet()
    before, told = product.digests(), followed(shared)
    with psycopg.connect(product.stack.database_url("gateway", "owner")) as connection:
        connection.execute("TRUNCATE notifications, activity_items")
    assert product.digests() != before
    directory = product.stack.layout.data_dir
    command = [str(IGNY8), "replicas", "rebuild", "--service", "gateway", "--data-dir", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asker:
        query = "SELECT (SELECT count(*) FROM catch_up_requests) + (SELECT count(*) FROM catch_ups)"
        wait_for(lambda: sum(product.scalar(each, query) for each in SERVICES), what="it has asked")
        asker.kill()
    pid = product.stack.pid("gateway")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    product.quiet()
    assert product.digests() == before
    assert followed(shared) == told
