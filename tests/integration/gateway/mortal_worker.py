"""A gateway's worker that may be told where to die, and its successors.

`python -m tests.integration.gateway.mortal_worker ARGUMENTS`, JSON: the URLs of the gateway's database and of the secrets',
the directory, the master key. One process for all successors imports what a worker needs; each worker is a fork of it.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec
from common import crash_points
from common.jobs import worker
from gateway.app import SERVICE

from tests.integration.gateway.running import make_gateway
from tests.support.database import ServiceUrls


class Arguments(msgspec.Struct):
    """What makes the same gateway in another process."""

    urls: ServiceUrls
    secret_urls: ServiceUrls
    directory: Path
    master_key: str


async def work(given: Arguments) -> None:
    gateway = make_gateway(given.urls, given.secret_urls, given.directory, master_key=given.master_key)
    assert SERVICE.jobs is not None
    await gateway.runtime.database.open()
    await worker.JobWorker(given.urls.service, SERVICE.jobs(gateway.runtime)).run(lambda: None)


def main(given: Arguments) -> None:
    crash_points.enable("gateway")
    # A test that kills ten times would wait most of a minute for a worker to be missed.
    worker.HEARTBEAT_SECONDS, worker.STALLED_AFTER_SECONDS = 0.2, 0.6
    while True:
        pid = os.fork()
        if pid == 0:
            asyncio.run(work(given))
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Arguments, dec_hook=lambda type, value: type(value)))
