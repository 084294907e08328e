"""`python -m tests.parts.fake_ai --port N [--key K]`: the fake AI provider until it is stopped."""

import argparse

from aiohttp import web

from tests.parts.fake_ai import KEY
from tests.parts.fake_ai.server import application

parser = argparse.ArgumentParser(prog="python -m tests.parts.fake_ai", description=__doc__)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--key", default=KEY)
arguments = parser.parse_args()
# A call that hangs must not hold up the shutdown.
web.run_app(
    application(arguments.key), host="127.0.0.1", port=arguments.port, print=None, shutdown_timeout=0.5
)
