"""Which class a request is counted in, and the circuit breaker."""

import re
import time

import pytest
from common.api.errors import ApiError
from common.auth.identity import anonymous
from gateway.edge import breaker
from gateway.edge.breaker import FAILURES, OPEN_SECONDS, Breaker
from gateway.edge.limits import Class, LimitedBody, Limits, class_of, parse_limits
from gateway.edge.waiting import preferred_wait
from gateway.windows import Windows, network_of
from limits import RateLimitItemPerMinute
from limits.aio.storage import memory
from starlette.types import Message


class TestClasses:
    @pytest.mark.parametrize(
        ("method", "path", "expected"),
        [
            ("POST", "/api/v1/auth/login/", "auth"),
            ("POST", "/api/v1/auth/password-reset/confirm/", "auth"),
            ("GET", "/api/v1/auth/me/", "read"),
            ("HEAD", "/api/v1/planner/keywords/", "read"),
            ("POST", "/api/v1/planner/keywords/", "write"),
            ("DELETE", "/api/v1/planner/keywords/1/", "write"),
            ("POST", "/api/v1/planner/keywords/import_csv/", "import"),
            ("POST", "/api/v1/planner/keywords/bulk-import/", "import"),
            ("POST", "/api/v1/admin/seed-keywords/import/", "import"),
            ("GET", "/api/v1/planner/imports/1/", "read"),
            ("POST", "/api/v1/planner/keywords/auto_cluster/", "ai"),
            ("POST", "/api/v1/writer/tasks/auto_generate_content/", "ai"),
            ("POST", "/api/v1/writer/images/generate_images/", "ai"),
            ("POST", "/api/v1/automation/runs/", "ai"),
            ("POST", "/api/v1/automation/runs/1/retry/", "ai"),
            ("POST", "/api/v1/automation/runs/1/pause/", "write"),
            ("POST", "/api/v1/billing/webhooks/stripe/", "webhook"),
            ("POST", "/api/v1/integration/webhooks/", "write"),
            ("GET", "/api/docs", None),
            ("GET", "/livez", None),
        ],
    )
    def test_are_told_by_method_and_path(self, method: str, path: str, expected: str | None) -> None:
        assert class_of(method, path) == expected

    def test_what_is_left_out_stays_as_the_product_says(self) -> None:
        assert parse_limits("write=5, ai=7") == {
            "auth": 10, "read": 600, "write": 5, "ai": 7, "import": 10, "webhook": 300,
            "failed": 60,
        }  # fmt: skip

    @pytest.mark.parametrize("text", ["write", "write=0", "write=-1", "wirte=5", "write=5.5", "=5"])
    def test_a_mistake_is_named(self, text: str) -> None:
        with pytest.raises(ValueError, match=re.escape(repr(text))):
            parse_limits(text)


class TestWindows:
    async def test_counters_that_have_ended_are_thrown_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 1_000_000_010.0
        monkeypatch.setattr(time, "time", lambda: now)
        monkeypatch.setattr("gateway.windows.monotonic", lambda: now)
        for exact in (False, True):
            windows = Windows(exact=exact)
            storage = windows._own.storage
            assert isinstance(storage, memory.MemoryStorage)
            for caller in range(20):
                assert (await windows.hit(RateLimitItemPerMinute(2), "read", str(caller))).remaining == 1
            kept = len(storage.storage) + len(storage.events)
            assert kept == 20
            now += 1_000
            await windows.hit(RateLimitItemPerMinute(2), "read", "another")
            assert len(storage.storage) + len(storage.events) == 1

    async def test_tell_what_is_left_and_when_there_is_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time", lambda: 1_000_000_010.0)  # 10 s into one of its minutes
        windows, limit = Windows(), RateLimitItemPerMinute(2)
        found = [await windows.hit(limit, "read", "x") for _ in range(3)]
        assert [(each.allowed, each.remaining) for each in found] == [(True, 1), (True, 0), (False, 0)]
        assert all(1 <= each.reset_seconds <= 60 for each in found)
        assert (await windows.look(limit, "read", "y")).allowed
        assert (await windows.hit(limit, "read", "y")).remaining == 1

    @pytest.mark.parametrize(
        ("address", "counted_as"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("testclient", "testclient"),
            ("", ""),
        ],
    )
    async def test_are_those_of_a_subscriber_and_not_of_each_of_its_addresses(
        self, address: str, counted_as: str
    ) -> None:
        assert network_of(address) == counted_as
        limits = Limits({"auth": 2, "read": 2}, Windows())
        nobody = anonymous("auth/login/", "request")
        classes: tuple[Class, ...] = ("auth", "read")
        for of in classes:
            await limits.count(of, nobody, address)
            await limits.count(of, nobody, counted_as)
            with pytest.raises(ApiError, match="At most 2"):
                await limits.count(of, nobody, address)


class TestBodies:
    @pytest.mark.parametrize("path", ["planner/keywords/import_csv/", "admin/industries/import/"])
    def test_of_files_may_be_large(self, path: str) -> None:
        assert (
            LimitedBody(nothing, f"/api/v1/{path}", [(b"content-length", b"100000000")]).most == 100_000_000
        )

    @pytest.mark.parametrize("kind", [b"text/csv", b"multipart/form-data; boundary=x", b"application/json"])
    @pytest.mark.parametrize("path", ["planner/keywords/bulk-import/", "planner/keywords/"])
    def test_that_are_read_whole_may_not_whatever_they_are_called(self, path: str, kind: bytes) -> None:
        headers = [(b"content-type", kind), (b"content-length", b"1000001")]
        with pytest.raises(ApiError) as refused:
            LimitedBody(nothing, f"/api/v1/{path}", headers)
        assert refused.value.status == 413


async def nothing() -> Message:
    raise AssertionError("nobody reads it")


class TestBreaker:
    def test_leaves_a_service_that_fails_alone_and_lets_one_request_try(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 100.0
        monkeypatch.setattr(breaker, "monotonic", lambda: now)
        service = Breaker()
        for _ in range(FAILURES):
            assert service.wait_seconds() == 0
            service.failed()
        assert service.wait_seconds() == OPEN_SECONDS
        now += OPEN_SECONDS
        assert service.wait_seconds() == 0
        assert service.wait_seconds() > 0, "only one tries"
        service.failed()
        now += OPEN_SECONDS
        assert service.wait_seconds() == 0
        service.succeeded()
        assert service.wait_seconds() == service.wait_seconds() == 0

    def test_failures_between_answers_do_not_add_up(self) -> None:
        service = Breaker()
        for _ in range(10 * FAILURES):
            service.failed()
            service.succeeded()
        assert service.wait_seconds() == 0


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("wait=5", 5), ("respond-async, wait = 10", 10), ("wait=600", 60), ('WAIT="7"; x=1', 7), ("await=5", 0), ("wait=x", 0)],
)  # fmt: skip
def test_how_long_a_client_wants_to_wait(prefer: str, seconds: int) -> None:
    assert preferred_wait([(b"prefer", prefer.encode())]) == seconds
