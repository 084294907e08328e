"""Whose answer counts when a service is asked how it is."""

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from igny8_local.probe import health


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A service in this process that is ready."""

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"ready": True, "pid": os.getpid(), "checks": {}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_counts_the_answer_of_the_process_that_was_started(url: str) -> None:
    assert health(url, os.getpid()).ready


def test_does_not_count_that_of_another_one_which_came_first_to_the_port(url: str) -> None:
    answer = health(url, 1)
    assert not answer.ready
    assert f"another process (pid {os.getpid()})" in answer.complaint
