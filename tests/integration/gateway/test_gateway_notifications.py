"""Notifications: made of what is heard, seen by whom they concern, read by each for itself, mailed once."""

import asyncio
import random
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from common.contracts.billing import CreditsDeducted
from common.contracts.gateway import MembershipChanged
from common.contracts.operations import AIOperationFailed
from common.contracts.planner import PipelineRunFinished, PipelineRunStarted
from common.contracts.publisher import PublishFailed
from common.database import Transaction
from common.ids import new_id
from common.messaging.envelope import Heard
from gateway.activity.reactions import notes
from gateway.notifications import views
from gateway.notifications.kinds import KINDS, notice_of
from gateway.notifications.reactions import notices

from tests.integration.gateway.running import Gateway, Tenant, heard
from tests.parts.ports import eventually

PATH = "/api/v1/notifications/"


async def take(gateway: Gateway, events: Collection[Heard[Any]]) -> None:
    for event in events:

        async def work(tx: Transaction, event: Heard[Any] = event) -> None:
            await notes.handle(event, tx)
            await notices.handle(event, tx)

        await gateway.runtime.database.run(event.account_id, work)


async def ask(tenant: Tenant, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    async with tenant.client() as client:
        return await client.request(method, PATH + path, json=body, headers=headers)


async def data(tenant: Tenant, method: str, path: str, body: Any = None, **headers: str) -> Any:
    answer = await ask(tenant, method, path, body, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def listed(tenant: Tenant, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await data(tenant, "GET", query))["results"]
    return found


async def unread(tenant: Tenant) -> int:
    return int((await data(tenant, "GET", "unread_count/"))["unread"])


async def want(tenant: Tenant, kind: str, **channels: bool) -> Any:
    return await data(tenant, "PATCH", "preferences/", {"preferences": [{"kind": kind, **channels}]})


def ended(outcome: Any = "completed") -> PipelineRunFinished:
    return PipelineRunFinished(run_id=new_id(), outcome=outcome, reason=None)


LOW = CreditsDeducted(
    operation_id=new_id(),
    item_id=new_id(),
    function="auto_cluster",
    amount=10_000,
    balance=5_000,
    available=0,
)


class TestList:
    async def test_shows_what_was_heard_newest_first(self, gateway: Gateway, tenant: Tenant) -> None:
        run, failure = (
            ended(),
            PublishFailed(
                content_id=new_id(), version=1, site_id=new_id(), error_code="X", message="No right."
            ),
        )
        await take(gateway, heard(tenant.account_id, run, failure))
        newest, older = await listed(tenant)
        assert (newest["kind"], newest["content_id"], newest["site_id"], newest["read"]) == (
            "publishing_failed",
            str(failure.content_id),
            str(failure.site_id),
            False,
        )
        assert (older["kind"], older["task_id"]) == ("run_completed", str(run.run_id))
        assert older["message"] == "The pipeline run has completed."
        assert [each["id"] for each in await listed(tenant, "?kind=run_completed")] == [older["id"]]

    async def test_is_the_same_however_shuffled_and_repeated(
        self, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "KEPT", 3)
        events = heard(tenant.account_id, *(ended() for _ in range(5)))
        await take(gateway, events)
        expected = await listed(tenant)
        assert len(expected) == 3
        for seed in range(3):
            async with gateway.runtime.database.transaction(tenant.account_id) as tx:
                await tx.execute("DELETE FROM notifications")
            shuffled = [*events, *events]
            random.Random(seed).shuffle(shuffled)
            await take(gateway, shuffled)
            assert await listed(tenant) == expected, seed

    async def test_tells_once_of_an_operation_of_which_several_items_failed(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        def failed(operation_id: UUID, message: str) -> AIOperationFailed:
            return AIOperationFailed(
                operation_id=operation_id,
                function="generate_content",
                item_id=new_id(),
                error_code="AI_TIMEOUT",
                message=message,
            )

        one, other = new_id(), new_id()
        events = heard(
            tenant.account_id, failed(one, "slow"), failed(other, "no key"), failed(one, "still slow")
        )
        for seed in range(4):
            shuffled = [*events, *events]
            random.Random(seed).shuffle(shuffled)
            await take(gateway, shuffled)
            told = [(each["task_id"], each["message"]) for each in await listed(tenant)]
            assert told == [
                (str(one), "generate_content has failed for an item: still slow"),
                (str(other), "generate_content has failed for an item: no key"),
            ], seed
            async with gateway.runtime.database.transaction(tenant.account_id) as tx:
                await tx.execute("DELETE FROM notifications")

    async def test_has_nothing_of_another_tenant(self, gateway: Gateway, tenant: Tenant) -> None:
        other = await gateway.register()
        await take(gateway, heard(other.account_id, ended()))
        assert await listed(tenant) == []
        (theirs,) = await listed(other)
        answer = await ask(tenant, "POST", f"{theirs['id']}/read/")
        assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")
        assert await unread(other) == 1

    async def test_begins_when_somebody_becomes_a_member(self, gateway: Gateway, tenant: Tenant) -> None:
        await take(gateway, heard(tenant.account_id, ended(), age=timedelta(hours=1)))
        assert await listed(tenant) == []


class TestMembers:
    async def test_see_what_their_role_and_sites_let_them(self, gateway: Gateway, tenant: Tenant) -> None:
        async with tenant.client() as client:
            made = await client.post("/api/v1/account/sites/", json={"name": "Acme"})
        site = made.json()["data"]["id"]
        editor = await tenant.invite("editor", [site])
        theirs, others = new_id(), new_id()
        started = [
            PipelineRunStarted(run_id=run, site_id=of, sector_id=new_id(), auto_approve=False)
            for run, of in ((theirs, UUID(site)), (others, new_id()))
        ]
        runs = [PipelineRunFinished(run_id=run, outcome="completed") for run in (theirs, others)]
        failures = [
            PublishFailed(content_id=new_id(), version=1, site_id=of, error_code="X", message="No.")
            for of in (UUID(site), new_id())
        ]
        joined = MembershipChanged(user_id=editor.user_id, role="editor")
        await take(gateway, heard(tenant.account_id, *started, *runs, *failures, LOW, joined))
        assert [each["kind"] for each in await listed(tenant)] == [
            "member_changed",
            "credits_low",
            *["publishing_failed"] * 2,
            *["run_completed"] * 2,
        ]
        seen = await listed(editor)
        assert [each["kind"] for each in seen] == ["publishing_failed", "run_completed"]
        assert (seen[0]["site_id"], seen[1]["task_id"]) == (site, str(theirs))
        assert await unread(editor) == 2

    async def test_read_each_for_itself(self, gateway: Gateway, tenant: Tenant) -> None:
        admin = await tenant.invite("admin")
        await take(gateway, heard(tenant.account_id, *(ended() for _ in range(3))))
        newest, *_ = await listed(tenant)
        marked = await data(tenant, "POST", f"{newest['id']}/read/")
        assert marked == {**newest, "read": True}
        await data(tenant, "POST", f"{newest['id']}/read/")
        assert (await unread(tenant), await unread(admin)) == (2, 3)
        assert [each["id"] for each in await listed(tenant, "?unread=false")] == [newest["id"]]
        assert len(await listed(tenant, "?unread=true")) == 2
        assert (await data(tenant, "POST", "read_all/"))["unread"] == 0
        assert (await unread(tenant), await unread(admin)) == (0, 3)
        await take(gateway, heard(tenant.account_id, ended()))
        assert await unread(tenant) == 1
        with psycopg.connect(gateway.urls.owner) as connection:
            (facts,) = connection.execute(
                "SELECT count(*) FROM events WHERE account_id = %s AND stream LIKE 'notices-%%'",
                (tenant.account_id,),
            ).fetchone() or (0,)
        assert facts == 2

    async def test_choose_what_they_are_told(self, gateway: Gateway, tenant: Tenant) -> None:
        await take(gateway, heard(tenant.account_id, ended(), ended("failed")))
        before = await data(tenant, "GET", "preferences/")
        assert before["version"] == 0
        after = await want(tenant, "run_completed", in_app=False)
        assert [each["kind"] for each in after["preferences"] if not each["in_app"]] == ["run_completed"]
        assert [each["kind"] for each in await listed(tenant)] == ["run_failed"]
        assert await unread(tenant) == 1
        assert after == await data(tenant, "GET", "preferences/")

    async def test_choose_two_things_at_once_and_lose_neither(self, tenant: Tenant) -> None:
        await asyncio.gather(
            *(want(tenant, kind, **{name: False}) for kind in KINDS for name in ("in_app", "email"))
        )
        wanted = (await data(tenant, "GET", "preferences/"))["preferences"]
        assert {(each["in_app"], each["email"]) for each in wanted} == {(False, False)}

    async def test_change_preferences_only_as_they_saw_them(self, tenant: Tenant) -> None:
        changed = await want(tenant, "run_failed", email=False)
        body = {"preferences": [{"kind": "run_failed", "email": True}]}
        stale = await ask(tenant, "PATCH", "preferences/", body, **{"If-Match": '"0"'})
        assert (stale.status_code, stale.json()["error_code"]) == (412, "PRECONDITION_FAILED")
        current = f'"{changed["version"]}"'
        assert (await ask(tenant, "PATCH", "preferences/", body, **{"If-Match": current})).status_code == 200

    async def test_refuse_what_is_no_kind(self, tenant: Tenant) -> None:
        answer = await ask(tenant, "PATCH", "preferences/", {"preferences": [{"kind": "weather"}]})
        assert (answer.status_code, answer.json()["error_code"]) == (400, "VALIDATION_ERROR")


class TestMails:
    async def test_go_once_to_who_wants_them(self, gateway: Gateway, tenant: Tenant) -> None:
        admin = await tenant.invite("admin")
        await want(admin, "run_failed", email=False)
        await want(admin, "run_completed", email=True)
        events = heard(tenant.account_id, ended("failed"), ended())
        await take(gateway, events)
        (mine,) = await eventually(lambda: notified(gateway, tenant), what="the owner's mail")
        (theirs,) = await eventually(lambda: notified(gateway, admin), what="the admin's mail")
        assert mine["Subject"] == "IGNY8: a pipeline run has failed"
        assert "no reason is known" in mine.get_content()
        assert theirs["Subject"] == "IGNY8: a pipeline run has completed"
        async with gateway.runtime.database.transaction(tenant.account_id) as tx:
            await tx.execute("DELETE FROM notifications")
            for event in events:
                notice = notice_of(event.data)
                assert notice is not None
                assert await views.mail_to(tx, event, notice) == []

    async def test_go_to_no_site_that_is_not_ones_own(self, gateway: Gateway, tenant: Tenant) -> None:
        viewer = await tenant.invite("viewer")
        await want(viewer, "publishing_failed", email=True)
        failure = PublishFailed(
            content_id=new_id(), version=1, site_id=new_id(), error_code="X", message="No right."
        )
        await take(gateway, heard(tenant.account_id, failure, LOW))
        await eventually(lambda: notified(gateway, tenant), what="the owner's mail of low credits")
        assert mails(gateway, tenant) == {str(tenant.user_id)}

    async def test_are_not_sent_of_what_is_long_over(self, gateway: Gateway, tenant: Tenant) -> None:
        with psycopg.connect(gateway.urls.owner) as connection:
            connection.execute(
                "UPDATE users SET created_at = created_at - interval '1 year' WHERE user_id = %s",
                (tenant.user_id,),
            )
        await take(gateway, heard(tenant.account_id, ended("failed"), age=timedelta(days=2)))
        assert len(await listed(tenant)) == 1
        assert mails(gateway, tenant) == set()


def notified(gateway: Gateway, tenant: Tenant) -> list[Any]:
    return [mail for mail in gateway.mailed(tenant.email) if str(mail["Subject"]).startswith("IGNY8: ")]


def mails(gateway: Gateway, tenant: Tenant) -> set[str]:
    """Whom a mail was asked for."""
    with psycopg.connect(gateway.urls.owner) as connection:
        rows = connection.execute(
            "SELECT user_id::text FROM notification_mails WHERE account_id = %s", (tenant.account_id,)
        ).fetchall()
    return {user_id for (user_id,) in rows}
