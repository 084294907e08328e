"""The writer's routes on a real PostgreSQL."""

from typing import Any
from uuid import UUID

import pytest
from common.api.answers import Listed, Success
from common.contracts.billing import CreditsRefused, CreditsReserved
from common.contracts.operations import AIOperationRequested
from common.contracts.publisher import ContentPublished, ContentUnpublished, PublishRequested
from common.contracts.writer import (
    ContentChanged,
    ContentReadyToPublish,
    ContentRejected,
    TasksArchived,
    TasksChanged,
    TasksRestored,
)
from common.ids import new_id
from writer.content.api import ContentDetail, VersionOut
from writer.images.api import ImageGroup, ImageOut
from writer.tasks.api import TaskOut
from writer.taxonomies.api import TermOut

from tests.integration.writer.conftest import CLUSTER, queued
from tests.integration.writer.service_parts import Parts, Tenant


async def tasks_of(writer: Parts, tenant: Tenant, *titles: str) -> list[str]:
    await writer.hear(tenant, queued(tenant, *titles))
    answer = await writer.call(tenant, "GET", "/writer/tasks/", ordering="title", page_size=100)
    Success[Listed[TaskOut]].model_validate(answer.json())
    return [task["id"] for task in answer.json()["data"]["results"]]


async def pay(writer: Parts, tenant: Tenant, answer: Any) -> None:
    """Billing reserves what a 202 stands for, and the worker works."""
    assert answer.status_code == 202, answer.text
    operation_id = answer.json()["data"]["task_id"]
    assert answer.headers["Location"].endswith(f"/task_progress/{operation_id}/")
    await writer.hear(
        tenant,
        CreditsReserved(
            operation_id=UUID(operation_id),
            amount=1,
            balance=200_000,
            available=150_000,
            expires_at="2030-01-01T00:00:00Z",
        ),
    )
    await writer.work()


async def article(writer: Parts, tenant: Tenant) -> str:
    """The id of an article in draft."""
    task_ids = await tasks_of(writer, tenant, "Leasing a forklift")
    body = {"task_ids": task_ids}
    await pay(writer, tenant, await writer.call(tenant, "POST", "/writer/tasks/auto_generate_content/", body))
    listed = await writer.call(tenant, "GET", "/writer/content/")
    return str(listed.json()["data"]["results"][0]["id"])


def task_body(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    return {
        "site_id": str(tenant.site),
        "sector_id": str(tenant.sector),
        "title": "Buying a crane",
        "cluster_id": str(CLUSTER),
        "content_type": "post",
        "content_structure": "how_to",
        "keywords": ["crane prices"],
    } | changes


class TestTasks:
    async def test_made_changed_archived_and_restored(self, writer: Parts, tenant: Tenant) -> None:
        made = await writer.call(tenant, "POST", "/writer/tasks/", task_body(tenant))
        assert made.status_code == 201, made.text
        Success[TaskOut].model_validate(made.json())
        path = f"/writer/tasks/{made.json()['data']['id']}/"
        changed = await writer.call(
            tenant, "PATCH", path, {"title": "Buying a used crane", "word_count": 800}
        )
        assert (changed.json()["data"]["title"], changed.json()["data"]["version"]) == (
            "Buying a used crane",
            2,
        )
        assert [said.tasks[0].title for said in await writer.said(tenant, TasksChanged)] == [
            "Buying a used crane"
        ]
        assert (await writer.call(tenant, "DELETE", path)).status_code == 204
        assert (await writer.call(tenant, "GET", path)).status_code == 404
        deleted = await writer.call(tenant, "GET", "/writer/tasks/", deleted=True)
        assert deleted.json()["data"]["count"] == 1
        task_id = UUID(made.json()["data"]["id"])
        assert [said.task_ids for said in await writer.said(tenant, TasksArchived)] == [(task_id,)]
        assert (await writer.call(tenant, "POST", f"{path}restore/")).status_code == 200
        assert (await writer.call(tenant, "GET", path)).status_code == 200
        assert [said.task_ids for said in await writer.said(tenant, TasksRestored)] == [(task_id,)]

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"title": ""}, 400, "VALIDATION_ERROR"),
            ({"content_structure": "poem"}, 400, "VALIDATION_ERROR"),
            ({"cluster_id": str(new_id())}, 404, "NOT_FOUND"),
            ({"site_id": str(new_id())}, 404, "NOT_FOUND"),
            ({"sector_id": str(new_id())}, 404, "NOT_FOUND"),
        ],
    )
    async def test_what_is_wrong_is_refused(
        self, writer: Parts, tenant: Tenant, changes: dict[str, Any], status: int, code: str
    ) -> None:
        answer = await writer.call(tenant, "POST", "/writer/tasks/", task_body(tenant, **changes))
        assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text

    async def test_found_by_keyword_status_and_order(self, writer: Parts, tenant: Tenant) -> None:
        await tasks_of(writer, tenant, "Leasing a forklift", "Renting an excavator")
        found = await writer.call(tenant, "GET", "/writer/tasks/", search="an EXCAV", status="pending")
        assert [task["title"] for task in found.json()["data"]["results"]] == ["Renting an excavator"]
        ordered = await writer.call(tenant, "GET", "/writer/tasks/", ordering="-title")
        titles = [task["title"] for task in ordered.json()["data"]["results"]]
        assert titles == ["Renting an excavator", "Leasing a forklift"]
        assert (await writer.call(tenant, "GET", "/writer/tasks/", ordering="secret")).status_code == 400

    async def test_bulk_changes_are_all_or_none(self, writer: Parts, tenant: Tenant) -> None:
        ids = await tasks_of(writer, tenant, "Leasing a forklift", "Renting an excavator")
        missing = {"task_ids": [*ids, str(new_id())], "word_count": 700}
        assert (await writer.call(tenant, "POST", "/writer/tasks/bulk_update/", missing)).status_code == 404
        refused = {"task_ids": ids, "status": "in_progress", "word_count": 700}
        answer = await writer.call(tenant, "POST", "/writer/tasks/bulk_update/", refused)
        assert (answer.status_code, answer.json()["error_code"]) == (409, "INVALID_TRANSITION")
        assert not await writer.said(tenant, TasksChanged)
        done = await writer.call(
            tenant, "POST", "/writer/tasks/bulk_update/", {"task_ids": ids, "status": "completed"}
        )
        assert done.json()["data"] == {"updated": 2}
        gone = await writer.call(tenant, "POST", "/writer/tasks/bulk_delete/", {"task_ids": ids})
        assert gone.json()["data"] == {"deleted": 2}
        assert (await writer.call(tenant, "GET", "/writer/tasks/")).json()["data"]["count"] == 0

    async def test_a_viewer_may_only_read_and_nobody_sees_another_tenants(
        self, writer: Parts, tenant: Tenant
    ) -> None:
        (task_id,) = await tasks_of(writer, tenant, "Leasing a forklift")
        path = f"/writer/tasks/{task_id}/"
        assert (await writer.call(tenant, "GET", path, role="viewer")).status_code == 200
        assert (await writer.call(tenant, "DELETE", path, role="viewer")).status_code == 403
        stranger = Tenant()
        await writer.register(stranger)
        for method in ("GET", "PATCH", "DELETE"):
            assert (await writer.call(stranger, method, path, {})).status_code == 404


class TestGenerating:
    async def test_several_tasks_are_one_reservation(self, writer: Parts, tenant: Tenant) -> None:
        ids = await tasks_of(writer, tenant, "Leasing a forklift", "Renting an excavator")
        answer = await writer.call(tenant, "POST", "/writer/tasks/auto_generate_content/", {"task_ids": ids})
        (asked,) = await writer.said(tenant, AIOperationRequested)
        assert [str(item.item_id) for item in asked.items] == ids
        assert asked.maximum == 2 * 1_000
        await pay(writer, tenant, answer)
        listed = (await writer.call(tenant, "GET", "/writer/content/")).json()["data"]
        assert listed["count"] == 2

    async def test_without_credits_none_starts(self, writer: Parts, tenant: Tenant) -> None:
        ids = await tasks_of(writer, tenant, "Leasing a forklift")
        async with writer.database.transaction(tenant.id) as tx:
            await tx.execute("UPDATE replica_balances SET available = 999")
        answer = await writer.call(tenant, "POST", "/writer/tasks/auto_generate_content/", {"task_ids": ids})
        assert (answer.status_code, answer.json()["error_code"]) == (402, "INSUFFICIENT_CREDITS")
        assert answer.json()["details"] == {"needed": 1, "available": 0.999}
        assert not await writer.said(tenant, AIOperationRequested)
        assert (await writer.call(tenant, "GET", f"/writer/tasks/{ids[0]}/")).json()["data"][
            "status"
        ] == "queued"

    async def test_a_missing_task_or_too_many_start_none(self, writer: Parts, tenant: Tenant) -> None:
        ids = await tasks_of(writer, tenant, "Leasing a forklift")
        path = "/writer/tasks/auto_generate_content/"
        missing = await writer.call(tenant, "POST", path, {"task_ids": [*ids, str(new_id())]})
        assert missing.status_code == 404
        many = await writer.call(tenant, "POST", path, {"task_ids": [str(new_id()) for _ in range(11)]})
        assert many.status_code == 400
        assert not await writer.said(tenant, AIOperationRequested)


class TestContent:
    async def test_read_edited_and_reviewed(self, writer: Parts, tenant: Tenant) -> None:
        path = f"/writer/content/{await article(writer, tenant)}/"
        detail = (await writer.call(tenant, "GET", path)).json()
        Success[ContentDetail].model_validate(detail)
        assert "<h2>" in detail["data"]["html_content"]
        assert (detail["data"]["status"], detail["data"]["text_version"]) == ("draft", 1)

        edited = await writer.call(
            tenant,
            "PATCH",
            path,
            {
                "html_content": "<h1>New</h1><p onclick='x()'>Text</p><script>evil()</script>",
                "tags": ["Cranes"],
            },
        )
        data = edited.json()["data"]
        assert data["html_content"] == "<h2>New</h2><p>Text</p>"
        assert (data["text_version"], data["word_count"]) == (2, 2)
        assert [said.version for said in await writer.said(tenant, ContentChanged)] == [2]
        versions = (await writer.call(tenant, "GET", f"{path}versions/")).json()
        Success[Listed[VersionOut]].model_validate(versions)
        assert [row["text_version"] for row in versions["data"]["results"]] == [2, 1]
        assert versions["data"]["results"][0]["actor"] == f"user:{tenant.user}"

        assert (await writer.call(tenant, "POST", f"{path}approve/")).status_code == 409, "a draft"
        assert (await writer.call(tenant, "POST", f"{path}submit/")).json()["data"]["status"] == "review"
        rejected = await writer.call(tenant, "POST", f"{path}reject/", {"reason": "too short"})
        assert rejected.json()["data"]["status"] == "draft"
        assert [said.reason for said in await writer.said(tenant, ContentRejected)] == ["too short"]
        assert (await writer.call(tenant, "POST", f"{path}submit/")).status_code == 200
        assert (await writer.call(tenant, "POST", f"{path}approve/", role="editor")).status_code == 403
        approved = await writer.call(tenant, "POST", f"{path}approve/")
        assert approved.json()["data"]["approved_version"] == 2
        await writer.work()
        (ready,) = await writer.said(tenant, ContentReadyToPublish)
        assert (ready.version, ready.run_id) == (2, None)
        assert await writer.runtime.objects.of(tenant.id).get(ready.body) == b"<h2>New</h2><p>Text</p>"

    async def test_a_large_body_lives_in_the_object_store(self, writer: Parts, tenant: Tenant) -> None:
        path = f"/writer/content/{await article(writer, tenant)}/"
        html = "<p>" + "crane " * 30_000 + "</p>"
        edited = await writer.call(tenant, "PATCH", path, {"html_content": html})
        assert edited.json()["data"]["word_count"] == 30_000
        read = (await writer.call(tenant, "GET", path)).json()["data"]["html_content"]
        assert read.count("crane") == 30_000
        assert all(len(str(fact.event)) < 64_000 for fact in await writer.facts(tenant))

    async def test_a_publish_request_hands_over_only_what_is_approved(
        self, writer: Parts, tenant: Tenant
    ) -> None:
        id = await article(writer, tenant)
        asked = PublishRequested(content_id=UUID(id), integration_id=new_id())
        await writer.hear(tenant, asked)
        assert await writer.work() == 0
        await writer.call(tenant, "POST", f"/writer/content/{id}/submit/")
        await writer.call(tenant, "POST", f"/writer/content/{id}/approve/")
        await writer.work()
        await writer.hear(tenant, asked)
        await writer.work()
        ready = await writer.said(tenant, ContentReadyToPublish)
        assert [said.integration_id for said in ready] == [None, asked.integration_id]

    async def test_archived_content_is_gone_and_comes_back(self, writer: Parts, tenant: Tenant) -> None:
        path = f"/writer/content/{await article(writer, tenant)}/"
        assert (await writer.call(tenant, "DELETE", path)).status_code == 204
        assert (await writer.call(tenant, "GET", path)).status_code == 404
        assert (await writer.call(tenant, "POST", f"{path}submit/")).status_code == 404
        assert (await writer.call(tenant, "POST", f"{path}restore/")).status_code == 200
        assert (await writer.call(tenant, "GET", path)).status_code == 200

    async def test_unpublished_content_is_handed_over_again_when_approved_again(
        self, writer: Parts, tenant: Tenant
    ) -> None:
        id = await article(writer, tenant)
        path = f"/writer/content/{id}/"
        await writer.call(tenant, "POST", f"{path}submit/")
        # It is archived before the hand-over, and restored.
        await writer.call(tenant, "POST", f"{path}approve/")
        await writer.call(tenant, "DELETE", path)
        await writer.work()
        await writer.call(tenant, "POST", f"{path}restore/")
        assert not await writer.said(tenant, ContentReadyToPublish)
        assert (await writer.call(tenant, "POST", f"{path}approve/")).status_code == 200
        await writer.work()
        assert len(await writer.said(tenant, ContentReadyToPublish)) == 1

        out: dict[str, Any] = {"content_id": UUID(id), "version": 1, "site_id": tenant.site}
        await writer.hear(tenant, ContentPublished(**out, external_id="7", external_url="https://site/7"))
        await writer.hear(tenant, ContentUnpublished(**out))
        again = await writer.call(tenant, "POST", f"{path}approve/")
        assert (again.status_code, again.json()["data"]["status"]) == (200, "review")
        await writer.work()
        assert [said.version for said in await writer.said(tenant, ContentReadyToPublish)] == [1, 1]


class TestImagesAndTerms:
    async def test_a_picture_stays_when_making_it_anew_fails(self, writer: Parts, tenant: Tenant) -> None:
        id = await article(writer, tenant)
        made = await writer.call(tenant, "POST", "/writer/images/", {"content_id": id, "prompt": "A yard"})
        path, body = (
            f"/writer/images/{made.json()['data']['id']}/",
            {"image_ids": [made.json()["data"]["id"]]},
        )
        await pay(writer, tenant, await writer.call(tenant, "POST", "/writer/images/generate_images/", body))
        again = await writer.call(tenant, "POST", "/writer/images/generate_images/", body)
        operation_id = UUID(again.json()["data"]["task_id"])
        await writer.hear(tenant, CreditsRefused(operation_id=operation_id, needed=1_000, available=0))
        shown = (await writer.call(tenant, "GET", path)).json()["data"]
        assert (shown["status"], shown["error_code"]) == ("generated", "INSUFFICIENT_CREDITS")
        await writer.call(tenant, "POST", f"/writer/content/{id}/submit/")
        await writer.call(tenant, "POST", f"/writer/content/{id}/approve/")
        await writer.work()
        (ready,) = await writer.said(tenant, ContentReadyToPublish)
        assert [str(image.image_id) for image in ready.images] == body["image_ids"]

    async def test_described_made_and_shown_to_anybody(self, writer: Parts, tenant: Tenant) -> None:
        id = await article(writer, tenant)
        body = {"content_ids": [id], "in_article": 2}
        await pay(writer, tenant, await writer.call(tenant, "POST", "/writer/image-prompts/generate/", body))
        prompts = (await writer.call(tenant, "GET", "/writer/image-prompts/")).json()
        Success[Listed[ImageOut]].model_validate(prompts)
        assert prompts["data"]["count"] == 3
        first = prompts["data"]["results"][0]["id"]
        assert (await writer.client.get(f"/writer/images/{first}/file/")).status_code == 404, "not made yet"

        path = "/writer/images/generate_images/"
        made = await writer.call(tenant, "POST", path, {"content_id": id}, key="k")
        await pay(writer, tenant, made)
        await writer.lose_answers(tenant)
        again = await writer.call(tenant, "POST", path, {"content_id": id}, key="k")
        assert (again.status_code, again.json()["data"]) == (202, made.json()["data"])
        assert (await writer.call(tenant, "GET", "/writer/image-prompts/")).json()["data"]["count"] == 0
        groups = (await writer.call(tenant, "GET", "/writer/images/grouped/")).json()
        Success[Listed[ImageGroup]].model_validate(groups)
        (group,) = groups["data"]["results"]
        assert [image["image_type"] for image in group["images"]] == ["featured", "in_article", "in_article"]
        for image in group["images"]:
            file = await writer.client.get(image["image_url"].removeprefix("/api/v1"))
            assert file.status_code == 200
            assert file.headers["content-type"] in ("image/jpeg", "image/png")
        assert (await writer.client.get(f"/writer/images/{new_id()}/file/")).status_code == 404

    async def test_described_by_hand_and_changed(self, writer: Parts, tenant: Tenant) -> None:
        id = await article(writer, tenant)
        made = await writer.call(tenant, "POST", "/writer/images/", {"content_id": id, "prompt": "A yard"})
        assert made.status_code == 201, made.text
        path = f"/writer/images/{made.json()['data']['id']}/"
        changed = await writer.call(tenant, "PATCH", path, {"alt_text": "Yard"})
        assert (changed.json()["data"]["alt_text"], changed.json()["data"]["status"]) == ("Yard", "pending")
        assert (await writer.call(tenant, "DELETE", path)).status_code == 204
        assert (await writer.call(tenant, "GET", path)).status_code == 404
        nothing = await writer.call(tenant, "POST", "/writer/images/generate_images/", {})
        assert nothing.status_code == 400

    async def test_terms_follow_from_articles_and_are_renamed(self, writer: Parts, tenant: Tenant) -> None:
        await article(writer, tenant)
        terms = (await writer.call(tenant, "GET", "/writer/taxonomies/")).json()
        Success[Listed[TermOut]].model_validate(terms)
        term = terms["data"]["results"][0]
        path = f"/writer/taxonomies/{term['id']}/"
        renamed = (await writer.call(tenant, "PATCH", path, {"name": "Cranes"})).json()["data"]
        assert (renamed["name"], renamed["slug"]) == ("Cranes", term["slug"])
        assert (await writer.call(tenant, "GET", path)).json()["data"]["name"] == "Cranes"
