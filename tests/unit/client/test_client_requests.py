"""What the client sends, tries again, and makes of answers."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from igny8_client import ApiError, Client
from igny8_client.connection import TRIES
from igny8_client.models import LoginIn, RefreshIn, SiteChanges, SiteIn

ID = str(uuid4())
SITE: dict[str, Any] = {
    "id": ID,
    "account_id": str(uuid4()),
    "name": "Blog",
    "slug": "blog",
    "domain": "",
    "industry": "",
    "status": "active",
    "is_active": True,
    "editors_approve": False,
    "default_sector": None,
    "wp_url": None,
    "wp_username": None,
    "version": 3,
    "created_at": "2026-11-21T12:00:00Z",
    "updated_at": "2026-11-21T12:00:00Z",
}
Answer = httpx.Response | Exception


def success(data: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json={"success": True, "data": data, "request_id": "r"})


def refused(status: int, code: str = "", **more: Any) -> httpx.Response:
    headers = more.pop("headers", None)
    body = {"success": False, "error": "No.", "error_code": code, "request_id": "r-1", **more}
    return httpx.Response(status, json=body, headers=headers)


class Server:
    """Gives the answers it was told, in turn, and keeps what it was sent."""

    def __init__(self, *answers: Answer | Callable[[httpx.Request], Answer]) -> None:
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self._answers = iter(answers)
        self.client = Client("https://igny8.example", transport=httpx.MockTransport(self._answer))
        self.client.connection.sleep = self.slept.append
        self.client.sign_in("access")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = next(self._answers)
        answer = answer(request) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sent(self, header: str) -> list[str | None]:
        return [request.headers.get(header) for request in self.requests]


class TestARequest:
    def test_names_values_and_body_as_the_document_says(self) -> None:
        server = Server(success(SITE, 201))
        site = server.client.account.sites.create(SiteIn(name="Blog", is_active=True))
        (request,) = server.requests
        assert (request.method, request.url.path) == ("POST", "/api/v1/account/sites/")
        assert request.headers["Authorization"] == "Bearer access"
        assert request.content == b'{"name":"Blog","is_active":true}'
        assert (site.id, site.version) == (UUID(ID), 3)
        assert site.created_at == datetime(2026, 11, 21, 12, tzinfo=UTC)

    def test_leaves_out_what_was_not_given_and_sends_a_null_that_was(self) -> None:
        server = Server(success(SITE), success({"count": 0, "next": None, "previous": None, "results": []}))
        server.client.account.sites.change(ID, SiteChanges(wp_url=None))
        server.client.account.sites.list(deleted=True, ordering="-name")
        assert server.requests[0].content == b'{"wp_url":null}'
        assert server.requests[1].url.query == b"deleted=true&ordering=-name"

    def test_names_the_version_it_expects(self) -> None:
        server = Server(success(SITE), httpx.Response(204))
        server.client.account.sites.change(ID, SiteChanges(name="B"), if_match=3)
        server.client.account.sites.delete(ID, if_match='"4"')
        assert server.sent("If-Match") == ['"3"', '"4"']

    def test_with_an_api_key_for_another_account(self) -> None:
        sent: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return success(SITE)

        transport = httpx.MockTransport(answer)
        with Client("https://igny8.example/", api_key="k", act_as="a", transport=transport) as client:
            client.account.sites.get(ID)
        assert (sent[0].headers["X-API-Key"], sent[0].headers["X-Act-As-Account"]) == ("k", "a")

    def test_a_misspelt_field_never_leaves(self) -> None:
        with pytest.raises(ValueError, match="nmae"):
            SiteIn.model_validate({"name": "Blog", "nmae": "Blog"})

    def test_a_field_of_a_newer_server_is_ignored(self) -> None:
        server = Server(success({**SITE, "colour": "red"}))
        assert server.client.account.sites.get(ID).name == "Blog"


class TestARefusal:
    def test_is_one_error_with_all_that_it_says(self) -> None:
        answer = refused(
            429,
            "RATE_LIMITED",
            errors={"name": ["too long"]},
            details={"limit": 5},
            headers={"Retry-After": "3600"},
        )
        with pytest.raises(ApiError) as raised:
            Server(answer).client.account.sites.create(SiteIn(name="Blog"))
        error = raised.value
        assert (error.status, error.code, error.message) == (429, "RATE_LIMITED", "No.")
        assert (error.errors, error.details) == ({"name": ["too long"]}, {"limit": 5})
        assert (error.request_id, error.retry_after) == ("r-1", 3600.0)

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(404, text="<html>"),
            httpx.Response(200, text="<html>"),
            httpx.Response(200, json=[]),
        ],
    )
    def test_of_somebody_else_has_no_code(self, answer: httpx.Response) -> None:
        with pytest.raises(ApiError) as raised:
            Server(answer).client.account.sites.get(ID)
        assert (raised.value.status, raised.value.code) == (answer.status_code, "")


class TestAnotherTry:
    def test_has_the_same_key_and_another_call_has_another(self) -> None:
        server = Server(
            refused(503), httpx.ReadError("gone"), refused(502), success(SITE, 201), success(SITE, 201)
        )
        for _ in range(2):
            server.client.account.sites.create(SiteIn(name="Blog"))
        first, *same, other = server.sent("Idempotency-Key")
        assert first
        assert same == [first] * 3
        assert other not in (None, first)
        assert server.slept == [0.5, 1.0, 2.0]

    def test_has_the_key_that_was_given(self) -> None:
        server = Server(success(SITE, 201))
        server.client.account.sites.create(SiteIn(name="Blog"), idempotency_key="order-4711")
        assert server.sent("Idempotency-Key") == ["order-4711"]

    def test_waits_as_long_as_it_was_told(self) -> None:
        server = Server(refused(429, "RATE_LIMITED", headers={"Retry-After": "7"}), success(SITE))
        server.client.account.sites.get(ID)
        assert server.slept == [7.0]

    def test_comes_while_the_first_still_runs(self) -> None:
        server = Server(httpx.ReadTimeout("slow"), refused(409, "REQUEST_IN_PROGRESS"), success(SITE, 201))
        assert server.client.account.sites.create(SiteIn(name="Blog")).version == 3

    def test_ends_at_some_time(self) -> None:
        server = Server(*[refused(503, "REPLICA_BEHIND")] * TRIES)
        with pytest.raises(ApiError, match="REPLICA_BEHIND"):
            server.client.account.sites.get(ID)
        assert len(server.requests) == TRIES

    @pytest.mark.parametrize("fault", [httpx.ReadError("gone"), refused(504, "GATEWAY_TIMEOUT")])
    def test_is_not_made_of_a_change_that_may_have_been_done(self, fault: Answer) -> None:
        server = Server(fault)
        with pytest.raises((httpx.ReadError, ApiError)):
            server.client.account.sites.change(ID, SiteChanges(name="B"), if_match=3)
        assert len(server.requests) == 1

    def test_is_made_of_any_that_never_arrived(self) -> None:
        server = Server(httpx.ConnectError("refused"), success(SITE))
        assert server.client.account.sites.change(ID, SiteChanges(name="B")).version == 3

    def test_is_not_made_of_a_login_whose_answer_was_lost(self) -> None:
        """Nobody is signed in: there is no account whose key would tell the two apart."""
        server = Server(httpx.ReadError("gone"))
        del server.client._http.headers["Authorization"]
        with pytest.raises(httpx.ReadError):
            server.client.auth.login(LoginIn(email="a@example.com", password="p"))

    @pytest.mark.parametrize("status", [400, 402, 403, 404, 409, 412, 500])
    def test_is_not_made_of_a_refusal(self, status: int) -> None:
        server = Server(refused(status, "X"))
        with pytest.raises(ApiError):
            server.client.account.sites.create(SiteIn(name="Blog"))
        assert len(server.requests) == 1


class TestAnExpiredToken:
    def test_is_renewed_once(self) -> None:
        server = Server(refused(401), success({"access": "second", "refresh": "r2"}), success(SITE))
        server.client.sign_in("first", "r1")
        assert server.client.account.sites.get(ID).version == 3
        assert server.sent("Authorization") == ["Bearer first", "Bearer first", "Bearer second"]
        assert server.requests[1].content == b'{"refresh":"r1"}'

    def test_is_the_end_where_it_cannot_be_renewed(self) -> None:
        server = Server(refused(401, "UNAUTHORIZED"), refused(401), refused(401, "UNAUTHORIZED"))
        server.client.sign_in("first", "r1")
        for _ in range(2):
            with pytest.raises(ApiError, match="UNAUTHORIZED"):
                server.client.account.sites.get(ID)
        assert len(server.requests) == 3

    def test_that_another_thread_has_renewed_is_used(self) -> None:
        def meanwhile(_request: httpx.Request) -> httpx.Response:
            server.client.sign_in("second", "r2")
            return refused(401)

        server = Server(meanwhile, success(SITE))
        server.client.sign_in("first", "r1")
        server.client.account.sites.get(ID)
        assert server.sent("Authorization") == ["Bearer first", "Bearer second"]


class TestAList:
    @staticmethod
    def page(rows: int, following: str | None) -> httpx.Response:
        return success({"count": 5, "next": following, "previous": None, "results": [SITE] * rows})

    def test_is_followed_page_by_page(self) -> None:
        server = Server(
            self.page(2, "/api/v1/account/sites/?page_size=2&page=2"),
            self.page(2, "/api/v1/account/sites/?page_size=2&page=3"),
            self.page(1, None),
        )
        first = server.client.account.sites.list(page_size=2)
        assert (first.count, [each.name for each in first.every()]) == (5, ["Blog"] * 5)
        assert [request.url.query for request in server.requests[1:]] == [
            b"page_size=2&page=2",
            b"page_size=2&page=3",
        ]
        assert {request.url.path for request in server.requests} == {"/api/v1/account/sites/"}

    def test_ends(self) -> None:
        assert Server(self.page(1, None)).client.account.sites.list().next() is None


class TestFiles:
    def test_a_file_is_sent_whole_with_each_try(self, tmp_path: Path) -> None:
        file = tmp_path / "keywords.csv"
        file.write_text("Keyword\ncrane financing\n")
        server = Server(refused(503), success({"task_id": str(uuid4())}, 202))
        server.client.planner.keywords.import_csv(file, site_id=ID, sector_id=ID)
        for request in server.requests:
            assert b'filename="keywords.csv"' in request.content
            assert b"Keyword\ncrane financing\n" in request.content
            assert b'name="site_id"\r\n\r\n' + ID.encode() in request.content

    def test_bytes_have_a_name(self) -> None:
        server = Server(
            success({"read": 1, "new": 1, "changed": 0, "duplicates": 0, "failed": 0, "errors": []})
        )
        assert server.client.admin.industries_import(("a.csv", b"industry\nLaw\n")).new == 1
        assert b"industry\nLaw\n" in server.requests[0].content

    def test_an_open_file_is_not_sent_twice_where_it_may_have_been_read(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("industry\n")
        server = Server(httpx.ReadError("gone"))
        with (tmp_path / "a.csv").open("rb") as opened, pytest.raises(httpx.ReadError):
            server.client.admin.industries_import(("a.csv", opened))

    def test_a_download_is_read_as_it_comes(self, tmp_path: Path) -> None:
        read: list[int] = []

        def chunks() -> Iterator[bytes]:
            for number in range(3):
                read.append(number)
                yield b"keyword\n"

        server = Server(lambda _: httpx.Response(200, content=chunks(), headers={"Content-Type": "text/csv"}))
        with server.client.planner.keywords.export_csv() as file:
            assert (read, file.content_type) == ([], "text/csv")
            file.save(tmp_path / "out.csv")
        assert (tmp_path / "out.csv").read_bytes() == b"keyword\n" * 3

    def test_one_of_two_formats_is_asked_for_by_its_method(self) -> None:
        server = Server(httpx.Response(200, content=b"id\n"))
        with server.client.account.audit.download(outcome="refused") as file:
            assert file.read() == b"id\n"
        assert server.requests[0].url.query == b"outcome=refused&format=csv"

    def test_a_refused_download_is_an_error(self) -> None:
        with pytest.raises(ApiError, match="FORBIDDEN"):
            Server(refused(403, "FORBIDDEN")).client.account.audit.download()


class TestLiveUpdates:
    def test_are_taken_up_again_after_the_last_one(self) -> None:
        first = (
            'retry: 2000\n\n: still here\n\nid: 7\nevent: ContentPublished\ndata: {"a":\ndata: 1}\n\nid: 8\n'
        )
        server = Server(
            httpx.Response(200, text=first),
            httpx.ReadError("gone"),
            httpx.Response(200, text='id: 9\ndata: "b"\n\n'),
        )
        stream = server.client.events.stream(last_event_id="6")
        events = [next(stream), next(stream)]
        assert [(each.id, each.event, each.data) for each in events] == [
            ("7", "ContentPublished", {"a": 1}),
            ("9", "message", "b"),
        ]
        assert server.sent("Last-Event-ID") == ["6", "7", "7"]


def test_an_answer_without_data_is_none() -> None:
    server = Server(success(None), httpx.Response(204))
    server.client.auth.logout(RefreshIn(refresh="r"))
    server.client.account.invitations.delete(uuid4())
    assert [request.method for request in server.requests] == ["POST", "DELETE"]


class TestATask:
    @staticmethod
    def at(status: str) -> httpx.Response:
        shown = {"task_id": str(uuid4()), "status": status, "phase": "Saving", "function": None, "item": 1}
        return success({**shown, "items": 2, "percent": 50, "credits": 0.5, "error": None, "as_of": []})

    def test_is_asked_for_until_it_has_ended(self) -> None:
        server = Server(self.at("running"), self.at("paused"), self.at("failed"))
        assert server.client.ended(uuid4()).status == "failed"
        assert server.slept == [0.5, 0.5]

    def test_is_not_waited_for_without_end(self) -> None:
        with pytest.raises(TimeoutError, match="50 %"):
            Server(self.at("running")).client.ended(uuid4(), seconds=-1)
