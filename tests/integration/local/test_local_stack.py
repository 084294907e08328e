"""The supervisor: what it starts, what it starts again, what it leaves behind."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from common.auth.signing_keys import JWKS_FILE
from igny8_local.errors import AlreadyRunning, StackError
from igny8_local.stack import Stack

from tests.integration.local.conftest import MakeStack
from tests.support.command import left_behind

WaitUntil = Callable[[Callable[[], bool]], None]


def told(stack: Stack, service: str) -> dict[str, str]:
    """The IGNY8 variables that the service's last start printed."""
    lines = [
        line for line in stack.layout.log(service).read_text().splitlines() if line.startswith("environment")
    ]
    answer: dict[str, str] = json.loads(lines[-1].removeprefix("environment"))
    return answer


def processes(stack: Stack) -> list[psutil.Process]:
    pids = [part["pid"] for part in (stack.state() or {})["parts"]]
    return [psutil.Process(pid) for pid in pids]


def rows(stack: Stack, query: str) -> list[Any]:
    with psycopg.connect(stack.database_url("planner", "owner")) as connection:
        return connection.execute(query).fetchall()


class TestARunningStack:
    def test_says_where_everything_is(self, stack: Stack) -> None:
        status = stack.status()
        assert [each["name"] for each in status["services"]] == ["gateway", "planner"]
        assert status["url"] == status["services"][0]["url"]
        assert all(each["healthy"] for each in status["services"])
        assert (status["services"][1]["outbox_age_seconds"], status["services"][1]["lag"]) == (0.5, 3)
        with psycopg.connect(status["databases"]["planner"]) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("igny8_planner",)
        host, port = status["kafka"].split(":")
        socket.create_connection((host, int(port)), 5).close()

    def test_tells_each_service_what_it_needs_and_no_more(self, stack: Stack) -> None:
        planner, gateway = told(stack, "planner"), told(stack, "gateway")
        assert gateway["IGNY8_UPSTREAMS"] == f"planner=http://{planner['IGNY8_LISTEN']}"
        assert "IGNY8_TOKEN_KEYS" in gateway
        assert "IGNY8_TOKEN_KEYS" not in planner
        assert planner["IGNY8_MASTER_KEY_FILE"] == gateway["IGNY8_MASTER_KEY_FILE"]
        with psycopg.connect(planner["IGNY8_RELAY_DATABASE"]) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("igny8_planner_relay",)
        with psycopg.connect(planner["IGNY8_SECRETS_DATABASE"]) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("igny8_secrets",)

    def test_publishes_the_key_that_the_gateway_signs_with(self, stack: Stack) -> None:
        [key] = json.loads(Path(told(stack, "planner")["IGNY8_JWKS"]).read_text())["keys"]
        [file] = Path(told(stack, "gateway")["IGNY8_TOKEN_KEYS"]).glob("*.pem")
        assert file.name == f"{key['kid']}.pem"

    def test_keeps_secrets_to_its_owner(self, stack: Stack) -> None:
        layout = stack.layout
        signing = [path for path in layout.token_keys.iterdir() if path.name != JWKS_FILE]
        secret = [layout.credentials, layout.state, layout.keys / "master.key", *signing]
        assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}

    def test_is_not_started_twice(self, stack: Stack) -> None:
        with pytest.raises(AlreadyRunning):
            stack.start()
        assert all(each.healthy for each in stack.services())

    def test_starts_a_killed_service_again(self, stack: Stack, wait_until: WaitUntil) -> None:
        old = stack.kill("planner")
        wait_until(lambda: stack.pid("planner") != old)
        stack.wait_ready()

    def test_gives_the_services_a_new_broker(self, stack: Stack, wait_until: WaitUntil) -> None:
        before = told(stack, "planner")
        stack.kill("broker")
        wait_until(
            lambda: told(stack, "planner")["IGNY8_KAFKA_INCARNATION"] != before["IGNY8_KAFKA_INCARNATION"]
        )
        stack.wait_ready()
        assert told(stack, "gateway")["IGNY8_KAFKA"] == stack.status()["kafka"] != before["IGNY8_KAFKA"]

    def test_recovers_a_killed_database(self, stack: Stack, wait_until: WaitUntil) -> None:
        with psycopg.connect(stack.database_url("planner", "owner")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        old = stack.kill("postgres")
        wait_until(lambda: stack.pid("postgres") != old)
        stack.wait_ready()
        assert rows(stack, "SELECT seven FROM kept") == [(7,)]

    def test_keeps_a_held_service_down_until_it_is_released(
        self, stack: Stack, wait_until: WaitUntil
    ) -> None:
        stack.hold("planner")
        assert [each.name for each in stack.services() if not each.healthy] == ["planner"]
        stack.release("planner")
        stack.wait_ready()

    def test_answers_on_the_command_line(self, stack: Stack) -> None:
        result = igny8("status", "--json", "--data-dir", str(stack.layout.data_dir))
        assert result.returncode == 0
        assert json.loads(result.stdout) == stack.status()
        log = igny8("logs", "planner", "-n", "1", "--data-dir", str(stack.layout.data_dir))
        assert log.stdout == stack.layout.log("planner").read_text().splitlines()[-1] + "\n"


class TestStartingAndStopping:
    def test_keeps_the_data_and_migrates_only_once(self, make_stack: MakeStack) -> None:
        stack = make_stack()
        stack.start()
        with psycopg.connect(stack.database_url("planner", "owner")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        running = processes(stack)
        assert stack.stop()
        assert not any(process.is_running() for process in running)
        assert not stack.stop()
        stack.start()
        assert rows(stack, "SELECT seven FROM kept") == [(7,)]
        assert rows(stack, "SELECT count(*) FROM migrated") == [(1,)]
        stack.stop()
        stack.start(migrate_again=True)
        assert rows(stack, "SELECT count(*) FROM migrated") == [(2,)]

    def test_of_two_starts_at_once_one_wins(self, make_stack: MakeStack) -> None:
        stack = make_stack()

        def start() -> str:
            try:
                stack.start()
            except AlreadyRunning:
                return "running already"
            return "started"

        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(lambda _: start(), range(2))) == ["running already", "started"]
        stack.wait_ready()

    def test_recovers_after_the_supervisor_was_killed(
        self, make_stack: MakeStack, wait_until: WaitUntil
    ) -> None:
        stack = make_stack()
        stack.start()
        orphans = processes(stack)
        supervisor = stack.supervisor_pid()
        assert supervisor
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: not any(process.is_running() for process in orphans))
        stack.start()
        assert all(each.healthy for each in stack.services())

    def test_starts_although_another_program_has_the_servers_old_pid(self, make_stack: MakeStack) -> None:
        stack = make_stack()
        stack.start()
        pid_file = stack.layout.postgres / "data" / "postmaster.pid"
        content = pid_file.read_text().split("\n", 1)[1]
        stack.stop()
        pid_file.write_text(f"{os.getpid()}\n{content}")
        stack.start()
        assert rows(stack, "SELECT 1") == [(1,)]

    def test_works_below_a_path_too_long_for_a_socket(self, make_stack: MakeStack, tmp_path: Path) -> None:
        stack = make_stack(tmp_path / ("long" * 25) / "data")
        stack.start()
        assert rows(stack, "SELECT 1") == [(1,)]

    def test_a_taken_port_is_named_with_who_has_it(self, make_stack: MakeStack) -> None:
        stack = make_stack()
        taken = stack.plan.port + 1
        with socket.create_server(("127.0.0.1", taken)), pytest.raises(StackError) as raised:
            stack.start()
        assert f"Port {taken} (planner) is taken by process {os.getpid()}" in str(raised.value)
        assert "--port" in str(raised.value)
        assert stack.supervisor_pid() is None

    def test_a_service_that_cannot_start_is_quoted_and_nothing_stays(self, make_stack: MakeStack) -> None:
        stack = make_stack(service_arguments=("--broken",))
        with pytest.raises(StackError, match="no configuration, no service") as raised:
            stack.start()
        assert "exit code 3" in str(raised.value)
        assert stack.supervisor_pid() is None
        assert not left_behind(stack.layout.data_dir)

    def test_a_failing_migration_is_quoted_and_nothing_stays(self, make_stack: MakeStack) -> None:
        stack = make_stack(migrate_arguments=("--fail=planner",))
        with pytest.raises(StackError, match=r"migrations of planner[^$]*column keyword does not exist"):
            stack.start()
        assert not left_behind(stack.layout.data_dir)

    def test_a_variable_that_makes_no_sense_is_named(self, make_stack: MakeStack) -> None:
        stack = make_stack(environment={"IGNY8_TRIAL_CREDITS": "lots", "IGNY8_SITE_SETTLE_SECONDS": "-1"})
        with pytest.raises(
            StackError, match=r"(?s)IGNY8_TRIAL_CREDITS: .*IGNY8_SITE_SETTLE_SECONDS: .*env\.example"
        ):
            stack.start()
        assert not stack.layout.data_dir.exists()

    def test_an_unwritable_place_is_named(self) -> None:
        with pytest.raises(StackError, match=r"/proc/igny8.*--data-dir"):
            Stack(Path("/proc/igny8")).start()


class TestWithPartsOfOthers:
    def test_uses_them_and_starts_none_of_its_own(self, stack: Stack, make_stack: MakeStack) -> None:
        state = stack.state()
        assert state
        environment = {
            "IGNY8_DATABASE": state["admin_database"],
            "IGNY8_DATABASE_PREFIX": "second",
            "IGNY8_KAFKA": state["kafka"],
            "IGNY8_AI_BASE_URL": "http://127.0.0.1:1/v1",
        }
        second = make_stack(environment=environment)
        second.start()
        assert [part["name"] for part in (second.state() or {})["parts"]] == ["gateway", "planner"]
        planner = told(second, "planner")
        assert planner["IGNY8_KAFKA"] == state["kafka"]
        assert planner["IGNY8_KAFKA_INCARNATION"] == ""
        assert planner["IGNY8_AI_BASE_URL"] == "http://127.0.0.1:1/v1"
        assert "IGNY8_DATABASE" not in planner
        assert "/second_planner" in second.status()["databases"]["planner"]
        second.stop()
        assert all(each.healthy for each in stack.services())

    def test_refuses_the_databases_of_a_running_stack(self, stack: Stack, make_stack: MakeStack) -> None:
        state = stack.state()
        assert state
        with (
            psycopg.connect(stack.database_url("planner")),
            pytest.raises(StackError, match="IGNY8_DATABASE_PREFIX"),
        ):
            make_stack(environment={"IGNY8_DATABASE": state["admin_database"]}).start()


class TestTheCommandLine:
    def test_an_error_is_one_line_on_standard_error(self, tmp_path: Path) -> None:
        result = igny8("logs", "planner", "--data-dir", str(tmp_path))
        assert (result.returncode, result.stdout) == (1, "")
        assert len(result.stderr.splitlines()) == 1
        assert "planner" in result.stderr

    def test_debug_shows_the_traceback(self, tmp_path: Path) -> None:
        result = igny8("--debug", "logs", "planner", "--data-dir", str(tmp_path))
        assert result.returncode == 1
        assert "Traceback" in result.stderr

    def test_status_of_nothing_is_empty_and_not_well(self, tmp_path: Path) -> None:
        result = igny8("status", "--json", "--data-dir", str(tmp_path))
        assert result.returncode == 1
        assert json.loads(result.stdout)["services"] == []


def igny8(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "igny8"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
