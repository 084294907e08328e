"""Each cause that the doctor names, provoked."""

import json
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from igny8_local import doctor
from igny8_local.stack import Stack

from tests.integration.local.conftest import MakeStack

WaitUntil = Callable[[Callable[[], bool]], None]


def causes(problems: object) -> list[str]:
    assert isinstance(problems, list)
    return [problem.cause for problem in problems]


@pytest.fixture
def checks(stack: Stack) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Lets the stand-in planner answer with other checks."""
    file = stack.layout.data_dir / "planner.checks.json"

    def change(changed: dict[str, Any]) -> None:
        file.write_text(json.dumps(changed))

    yield change
    file.unlink(missing_ok=True)


def test_finds_nothing_wrong_with_a_healthy_stack(stack: Stack) -> None:
    assert [problem for problem in doctor.examine(stack) if problem.cause != "lock-drift"] == []


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"migrations": {"ok": False, "detail": "0003 is missing"}}, "migrations-behind"),
        ({"relay": {"ok": True, "detail": "", "outbox_age_seconds": 31.0}}, "relay-stuck"),
        ({"relay": {"ok": False, "detail": "no leader", "outbox_age_seconds": None}}, "relay-stuck"),
        ({"consumer": {"ok": True, "detail": "", "lag": 10_001}}, "consumer-lagging"),
        ({"broker": {"ok": False, "detail": "refused"}}, "broker-away"),
        ({"database": {"ok": False, "detail": "refused"}}, "database-away"),
        ({"objects": {"ok": False, "detail": "no bucket"}}, "objects-red"),
    ],
)
def test_names_what_a_service_complains_about(
    stack: Stack, checks: Callable[[dict[str, Any]], None], changed: dict[str, Any], cause: str
) -> None:
    checks({"database": {"ok": True, "detail": ""}} | changed)
    [problem] = [each for each in doctor.examine(stack) if each.cause != "lock-drift"]
    assert problem.cause == cause
    assert "planner" in problem.detail
    assert problem.remedy


def test_names_a_service_that_is_down(stack: Stack) -> None:
    stack.hold("planner")
    try:
        assert "service-down" in causes(doctor.examine(stack))
    finally:
        stack.release("planner")
        stack.wait_ready()


def test_names_a_taken_port_and_an_unclean_stop(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.layout.create()
    stack.layout.state.write_text('{"pid": 1}')
    with socket.create_server(("127.0.0.1", stack.plan.port)):
        found = causes(doctor.examine(stack))
    assert [cause for cause in found if cause != "lock-drift"] == ["unclean-stop", "port-taken"]


def test_names_absent_parts_of_others(make_stack: MakeStack) -> None:
    away = {
        "IGNY8_DATABASE": "postgresql://postgres:secret@127.0.0.1:1/postgres",
        "IGNY8_KAFKA": "127.0.0.1:1",
        "IGNY8_AI_BASE_URL": "http://127.0.0.1:1/v1",
    }
    problems = doctor.examine(make_stack(environment=away))
    found = set(causes(problems))
    assert {"database-away", "broker-away", "ai-unreachable"} <= found
    assert "secret" not in repr(problems)


@pytest.mark.parametrize(
    ("status", "cause"), [(401, ["ai-refused"]), (503, ["ai-unreachable"]), (404, []), (200, [])]
)
def test_judges_an_ai_endpoint_by_its_answer(status: int, cause: list[str]) -> None:
    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        Thread(target=server.serve_forever).start()
        base = f"http://127.0.0.1:{server.server_port}/v1"
        found = causes(list(doctor.check_ai_endpoint({"IGNY8_AI_BASE_URL": base})))
        server.shutdown()
    assert found == cause


@pytest.mark.parametrize(("free", "cause"), [(10**7, ["disk-full"]), (5 * 10**8, ["disk-low"]), (10**10, [])])
def test_tells_a_full_disk_from_a_low_one(free: int, cause: list[str], tmp_path: Path) -> None:
    assert causes(list(doctor.check_data_directory(tmp_path, lambda _: free))) == cause


def test_names_a_place_where_nothing_can_be_written() -> None:
    assert "data-dir-not-writable" in causes(list(doctor.check_data_directory(Path("/proc/igny8"))))


def test_names_packages_that_differ_from_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text('[[package]]\nname = "psutil"\nversion = "0.1"\n')
    [problem] = doctor.check_lock(lock)
    assert problem.cause == "lock-drift"
    assert "psutil" in problem.detail


def test_names_a_clock_that_is_wrong(stack: Stack) -> None:
    url = (stack.state() or {})["admin_database"]
    [problem] = doctor.check_database(url, "it", now=lambda: 0.0)
    assert problem.cause == "clock-skew"
