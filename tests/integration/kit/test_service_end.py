"""A service that is told to end does end."""

import signal
import subprocess
import sys

HANGS = """
import asyncio, sys
from contextlib import asynccontextmanager
from fastapi import FastAPI
import uvicorn
from common import service

service.FORCED_END_SECONDS = 0.3

@asynccontextmanager
async def lifespan(app):
    yield
    await asyncio.Event().wait()

class Told(service._Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print("up", flush=True)

app = FastAPI(lifespan=lifespan)
Told(uvicorn.Config(app, port=0, log_config=None, loop="uvloop")).run()
"""


def test_also_where_something_in_it_hangs() -> None:
    """It says what hung, and its exit code tells that it was no orderly end."""
    with subprocess.Popen([sys.executable, "-c", HANGS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "service_does_not_end" in said
    assert "LifespanOn.main" in said
