"""`Idempotency-Key`: one effect and one answer, however often and however close together it is asked."""

import asyncio
import json
from collections import Counter
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import httpx
import psycopg
import pytest
from common.api import idempotency
from common.api.idempotency import LARGEST_BODY, LONGEST_KEY
from common.ids import new_id
from starlette.types import Message, Receive, Scope, Send

from tests.integration.kit.toy_api import ToyApi
from tests.parts.ports import eventually
from tests.support.database import ServiceUrls


def counters(urls: ServiceUrls) -> list[int]:
    with psycopg.connect(urls.owner) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM toy_counters").fetchall()]


async def test_of_200_racers_with_one_key_one_has_the_effect(api: ToyApi, toy_urls: ServiceUrls) -> None:
    account = new_id()
    answers = await asyncio.gather(*(api.post(account, {"times": 3}, "k") for _ in range(200)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {201, 409}, statuses
    assert len({answer.text for answer in answers if answer.status_code == 201}) == 1
    assert counters(toy_urls) == [3]
    assert list(api.temper.began.values()) == [1]
    again = await api.post(account, {"times": 3}, "k")
    assert again.status_code == 201


async def test_the_answer_is_replayed_with_its_headers(api: ToyApi) -> None:
    account = new_id()
    first = await api.post(account, {"times": 2}, "k")
    second = await api.post(account, {"times": 2}, "k")
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"


async def test_who_has_the_whole_answer_gets_it_again_at_once(
    api: ToyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    keep = idempotency._keep

    async def noted_keep(*arguments: Any) -> None:
        await keep(*arguments)
        order.append("kept")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def noted_send(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                order.append("sent")
            await send(message)

        await api.app(scope, receive, noted_send)

    monkeypatch.setattr(idempotency, "_keep", noted_keep)
    monkeypatch.setattr(api.client, "_transport", httpx.ASGITransport(app))
    assert (await api.post(new_id(), {"times": 1}, "k")).status_code == 201
    assert order == ["kept", "sent"]


async def test_a_file_up_to_a_megabyte_is_as_any_body(api: ToyApi) -> None:
    """Clients part the fields of a form by a line that is another one each time."""
    account = new_id()
    first, second = [await api.upload(account, b"one,two\n", "k") for _ in range(2)]
    assert first.request.headers["content-type"] != second.request.headers["content-type"]
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["idempotency-replayed"] == "true"
    assert list(api.temper.began.values()) == [1]
    other = await api.upload(account, b"one,three\n", "k")
    assert (other.status_code, other.json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_larger_file_comes_whole_and_is_the_same_by_its_content(api: ToyApi) -> None:
    account, body = new_id(), b"x" * (LARGEST_BODY * 3)
    first, second = [await api.upload(account, body, "k") for _ in range(2)]
    assert first.json()["data"]["bytes"] == len(body)
    assert second.json()["data"] == first.json()["data"]
    assert "idempotency-replayed" not in second.headers
    assert list(api.temper.began.values()) == [2]


async def test_without_a_key_each_request_has_its_effect(api: ToyApi, toy_urls: ServiceUrls) -> None:
    account = new_id()
    for _ in range(2):
        assert (await api.post(account, {})).status_code == 201
    assert counters(toy_urls) == [1, 1]


async def test_a_key_used_for_something_else_is_refused(api: ToyApi, toy_urls: ServiceUrls) -> None:
    account = new_id()
    await api.post(account, {"times": 1}, "k")
    other = await api.post(account, {"times": 2}, "k")
    assert other.status_code == 422
    assert other.json()["error_code"] == "IDEMPOTENCY_KEY_REUSED"
    assert counters(toy_urls) == [1]


async def test_the_key_of_one_account_means_nothing_to_another(api: ToyApi, toy_urls: ServiceUrls) -> None:
    one, two = await asyncio.gather(*(api.post(new_id(), {}, "k") for _ in range(2)))
    assert one.json()["data"]["id"] != two.json()["data"]["id"]
    assert counters(toy_urls) == [1, 1]


async def test_the_answer_of_one_member_is_not_for_another(api: ToyApi, toy_urls: ServiceUrls) -> None:
    account = new_id()
    assert (await api.post(account, {"times": 1}, "k")).status_code == 201
    other = await api.post(account, {"times": 1}, "k", user=new_id(), role="viewer")
    assert (other.status_code, other.json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert counters(toy_urls) == [1]


async def test_while_the_first_is_running_the_second_is_told_so(api: ToyApi) -> None:
    account = new_id()
    api.temper.go_on.clear()
    first = asyncio.create_task(api.post(account, {}, "k"))
    await eventually(lambda: api.temper.began.total() == 1, what="the first one runs")
    second = await api.post(account, {}, "k")
    assert (second.status_code, second.json()["error_code"]) == (409, "REQUEST_IN_PROGRESS")
    api.temper.go_on.set()
    assert (await first).status_code == 201
    assert (await api.post(account, {}, "k")).status_code == 201


async def test_a_request_that_takes_long_keeps_its_key(
    api: ToyApi, toy_urls: ServiceUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its process lives, however short the time is after which it counts as dead."""
    monkeypatch.setattr(idempotency, "RENEWED_SECONDS", 0.05)

    def lock_end() -> datetime:
        with psycopg.connect(toy_urls.owner) as connection:
            row = connection.execute("SELECT locked_until FROM idempotency_keys").fetchone()
        assert row
        return cast("datetime", row[0])

    account = new_id()
    api.temper.go_on.clear()
    first = asyncio.create_task(api.post(account, {}, "k"))
    await eventually(lambda: api.temper.began.total() == 1, what="the first one runs")
    begun = lock_end()
    await eventually(lambda: lock_end() > begun, what="its lock is renewed")
    renewed = lock_end()
    await eventually(lambda: lock_end() > renewed, what="its lock is renewed again")
    api.temper.go_on.set()
    assert (await first).status_code == 201
    assert (await api.post(account, {}, "k")).status_code == 201


async def test_nobody_renews_the_key_of_a_request_that_broke_off(
    api: ToyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "LOCKED_SECONDS", 0.5)
    monkeypatch.setattr(idempotency, "RENEWED_SECONDS", 0.05)
    account = new_id()
    api.temper.go_on.clear()
    first = asyncio.create_task(api.post(account, {}, "k"))
    await eventually(lambda: api.temper.began.total() == 1, what="the first one runs")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    api.temper.go_on.set()

    async def is_done() -> bool:
        return (await api.post(account, {}, "k")).status_code == 201

    await eventually(is_done, what="its repetition is done")


async def test_after_a_crash_in_between_the_repetition_finds_what_was_done(
    api: ToyApi, toy_urls: ServiceUrls
) -> None:
    """The process is gone between its work and the answer: the key's row stays locked for seconds."""
    account = new_id()
    api.temper.go_on.clear()
    first = asyncio.create_task(api.post(account, {"times": 3}, "k"))
    await eventually(lambda: counters(toy_urls) == [3], what="the work is done")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    api.temper.go_on.set()
    assert (await api.post(account, {"times": 3}, "k")).status_code == 409
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("UPDATE idempotency_keys SET locked_until = now() - interval '1 second'")
    again = await asyncio.gather(*(api.post(account, {"times": 3}, "k") for _ in range(5)))
    assert 201 in {answer.status_code for answer in again}
    assert (await api.post(account, {"times": 3}, "k")).status_code == 201
    assert counters(toy_urls) == [3]
    assert len(api.temper.began) == 1, "the repetition makes the same ids"


async def test_after_a_fault_of_ours_the_key_is_free_at_once(api: ToyApi, toy_urls: ServiceUrls) -> None:
    account = new_id()
    api.temper.crash = True
    failed = await api.post(account, {"times": 3}, "k")
    assert (failed.status_code, failed.json()["error_code"]) == (500, "INTERNAL_ERROR")
    api.temper.crash = False
    again = await api.post(account, {"times": 3}, "k")
    assert again.status_code == 201
    assert counters(toy_urls) == [3]


async def test_after_a_fault_of_ours_the_key_is_still_for_the_same_request(
    api: ToyApi, toy_urls: ServiceUrls
) -> None:
    """What the fault left is not known: another request under the key could meet it."""
    account = new_id()
    api.temper.crash = True
    await api.post(account, {"times": 3}, "k")
    api.temper.crash = False
    other = await api.post(account, {"times": 4}, "k")
    assert (other.status_code, other.json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (await api.post(account, {"times": 3}, "k")).status_code == 201
    assert counters(toy_urls) == [3]
    assert len(api.temper.began) == 1


async def test_a_streamed_answer_is_kept_whole(api: ToyApi) -> None:
    """Such an answer listens for the client's leaving, beside itself."""
    headers = api.identity(new_id()) | {"Idempotency-Key": "k"}
    for _ in range(2):
        answer = await asyncio.wait_for(api.client.post("/streams/", headers=headers), 10)
        assert (answer.status_code, answer.text) == (200, "one two")


async def test_a_refusal_is_kept_as_any_answer(api: ToyApi) -> None:
    account = new_id()
    first = await api.post(account, {"times": "many"}, "k")
    second = await api.post(account, {"times": "many"}, "k")
    assert first.status_code == second.status_code == 400
    assert second.headers["idempotency-replayed"] == "true"


async def test_each_request_forgets_some_that_are_too_old(api: ToyApi, toy_urls: ServiceUrls) -> None:
    account, other = new_id(), new_id()
    with psycopg.connect(toy_urls.owner) as connection:
        for owner, count in ((account, 15), (other, 1)):
            connection.execute("SELECT set_config('app.account_id', %s, true)", (str(owner),))
            connection.execute(
                "INSERT INTO idempotency_keys (account_id, key, fingerprint, created_at)"
                " SELECT %s, 'old' || n, '', now() - interval '25 hours' FROM generate_series(1, %s) AS n",
                (owner, count),
            )

    def kept(owner: UUID) -> int:
        with psycopg.connect(toy_urls.owner) as connection:
            connection.execute("SELECT set_config('app.account_id', %s, true)", (str(owner),))
            row = connection.execute(
                "SELECT count(*) FROM idempotency_keys WHERE account_id = %s", (owner,)
            ).fetchone()
        assert row is not None
        return int(row[0])

    left = []
    for key in ("a", "b", "c"):
        assert (await api.post(account, {}, key)).status_code == 201
        left.append(kept(account))
    assert left == [5 + 1, 2, 3]
    assert kept(other) == 1


async def test_a_key_that_is_being_worked_on_is_not_forgotten(api: ToyApi, toy_urls: ServiceUrls) -> None:
    """Nearly a day after a first try, which a fault of ours ended."""
    account = new_id()
    api.temper.go_on.clear()
    first = asyncio.create_task(api.post(account, {"times": 1}, "k"))
    await eventually(lambda: counters(toy_urls) == [1], what="the work is done")
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    other = asyncio.create_task(api.post(account, {"times": 2}, "other"))
    await eventually(lambda: sorted(counters(toy_urls)) == [1, 2], what="another one came by")
    assert (await api.post(account, {"times": 1}, "k")).status_code == 409
    api.temper.go_on.set()
    assert [answer.status_code for answer in await asyncio.gather(first, other)] == [201, 201]
    assert sorted(counters(toy_urls)) == [1, 2]


async def test_after_a_day_the_key_is_forgotten(api: ToyApi, toy_urls: ServiceUrls) -> None:
    account = new_id()
    await api.post(account, {"times": 1}, "k")
    with psycopg.connect(toy_urls.owner) as connection:
        connection.execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    assert (await api.post(account, {"times": 1}, "k")).status_code == 201
    assert counters(toy_urls) == [1, 1], "another request, and ids of its own"


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [("k" * (LONGEST_KEY + 1), {}, 400), ("k", {"padding": "x" * LARGEST_BODY}, 413)],
)
async def test_what_cannot_be_kept_is_refused(api: ToyApi, key: str, body: object, status: int) -> None:
    assert (await api.post(new_id(), body, key)).status_code == status


async def test_who_is_nobody_is_refused_by_the_route(api: ToyApi, toy_urls: ServiceUrls) -> None:
    forged = {"X-Igny8-Identity": "a.b.c", "Idempotency-Key": "k"}
    assert (await api.client.post("/counters/", json={}, headers=forged)).status_code == 401
    assert counters(toy_urls) == []


async def test_a_request_that_broke_off_in_its_body_leaves_its_key_alone(api: ToyApi) -> None:
    """What of it had come is another body: the client's repetition would be refused for a day."""
    account, said = new_id(), list[Any]()
    body = json.dumps({"times": 3}).encode()
    request = api.client.build_request(
        "POST", "/counters/", headers=api.identity(account) | {"Idempotency-Key": "k"}, content=body
    )
    scope = {
        "type": "http",
        "method": "POST",
        "path": request.url.path,
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
    }
    messages = iter(
        [{"type": "http.request", "body": body[:5], "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        said.append(message)

    await api.app(scope, receive, send)
    assert said == []
    answer = await api.post(account, {"times": 3}, "k")
    assert answer.status_code == 201, answer.text
