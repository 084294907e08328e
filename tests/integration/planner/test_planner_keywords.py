"""Keywords, imports, clusters and ideas over HTTP, on a real PostgreSQL."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from common.auth.identity import HEADER, Identity
from common.contracts.operations import AIOperationRequested
from common.contracts.planner import (
    IdeaItem,
    IdeasQueued,
    KeywordsArchived,
    KeywordsChanged,
    KeywordsClustered,
)
from common.database import MAX_MESSAGE_BYTES
from common.ids import new_id
from common.jobs.worker import GiveUp
from planner.ideas.decisions import IDEAS, AddIdea

from tests.integration.planner.conftest import add_keywords, new_tenant, place
from tests.integration.planner.others import Others
from tests.integration.writer.service_parts import Parts, Tenant

SAMPLES = Path(__file__).parents[3] / "samples"


async def upload(
    planner: Parts, tenant: Tenant, body: bytes, name: str = "k.csv", key: str | None = None, **form: str
) -> httpx.Response:
    identity = Identity(account_id=tenant.id, user_id=tenant.user, role="owner", request_id="r")
    return await planner.client.post(
        "/planner/keywords/import_csv/",
        files={"file": (name, body, "text/csv")},
        data={**place(tenant), **form},
        headers={HEADER: planner._signer.sign(identity)} | ({"Idempotency-Key": key} if key else {}),
    )


async def imported(planner: Parts, tenant: Tenant, body: bytes, name: str = "k.csv") -> dict[str, Any]:
    accepted = await upload(planner, tenant, body, name)
    assert accepted.status_code == 202, accepted.text
    task = accepted.json()["data"]["task_id"]
    assert accepted.headers["location"].endswith(f"{task}/")
    await planner.work()
    data: dict[str, Any] = (await planner.call(tenant, "GET", f"/planner/imports/{task}/")).json()["data"]
    return data


async def count(planner: Parts, tenant: Tenant, path: str = "/planner/keywords/", **query: Any) -> int:
    answered = await planner.call(tenant, "GET", path, **query)
    assert answered.status_code == 200, answered.text
    return int(answered.json()["data"]["count"])


class TestImport:
    @pytest.mark.parametrize(
        ("sample", "keywords"),
        [
            ("equipment-finance.csv", 94),
            ("equipment-finance-keyword-planner.csv", 117),
            ("marketing-agency.csv", 107),
        ],
    )
    async def test_takes_a_sample_and_takes_it_again_without_change(
        self, planner: Parts, tenant: Tenant, sample: str, keywords: int
    ) -> None:
        body = (SAMPLES / sample).read_bytes()
        first = await imported(planner, tenant, body, sample)
        assert (first["status"], first["new"]) == ("completed", keywords)
        assert first["read"] == first["new"] + first["duplicates"] + first["failed"]
        before = await planner.facts(tenant)
        again = await imported(planner, tenant, body, sample)
        assert (again["new"], again["duplicates"]) == (0, keywords + first["duplicates"])
        assert await count(planner, tenant) == keywords
        assert not [
            fact for fact in (await planner.facts(tenant))[len(before) :] if "keywords-" in fact.stream
        ]

    async def test_under_one_key_a_file_is_imported_once_and_no_other(
        self, planner: Parts, tenant: Tenant
    ) -> None:
        first, again = [await upload(planner, tenant, b"Keyword\na\n", key="monday") for _ in range(2)]
        assert first.json()["data"]["task_id"] == again.json()["data"]["task_id"]
        assert again.headers["Idempotency-Replayed"] == "true"
        other = await upload(planner, tenant, b"Keyword\nb\n", key="monday")
        assert (other.status_code, other.json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
        await planner.work()
        assert await count(planner, tenant) == 1

    async def test_lists_bad_rows_beside_the_good_ones(self, planner: Parts, tenant: Tenant) -> None:
        body = b"Keyword,Volume,Difficulty\ngood,100,20\nbad,many,20\n,5,5\nGOOD,1,1\n"
        result = await imported(planner, tenant, body)
        assert (result["read"], result["new"], result["duplicates"], result["failed"]) == (4, 1, 1, 2)
        assert [(error["line"], error["column"]) for error in result["errors"]] == [
            (3, "Volume"),
            (4, "Keyword"),
        ]

    async def test_counts_the_same_after_a_crash_in_the_middle(
        self, planner: Parts, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [f"keyword {n},{n}" for n in range(4_500)]
        accepted = await upload(planner, tenant, "\n".join(["Keyword,Volume", *rows]).encode())
        (job,) = await planner.due()
        (handler,) = [each for each in planner.handlers if each.job.name == "import_keywords"]
        task = asyncio.ensure_future(handler.run(planner.attempt(job)))
        while not await count(planner, tenant):
            assert not task.done()
        task.cancel()
        await asyncio.wait([task])
        assert 0 < await count(planner, tenant) < 4_500
        await handler.run(planner.attempt(job, 2))
        result = await planner.call(tenant, "GET", f"/planner/imports/{accepted.json()['data']['task_id']}/")
        assert (result.json()["data"]["new"], result.json()["data"]["duplicates"]) == (4_500, 0)
        changed = await planner.said(tenant, KeywordsChanged)
        assert sum(len(said.keywords) for said in changed) == 4_500
        assert max(len(said.keywords) for said in changed) == 500
        assert await count(planner, tenant) == 4_500

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "empty_file"),
            (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "binary_file"),
            (b"Name,Price\na,1\n", "no_keyword_column"),
        ],
    )
    async def test_refuses_what_is_no_keyword_list_at_once(
        self, planner: Parts, tenant: Tenant, body: bytes, reason: str
    ) -> None:
        refused = await upload(planner, tenant, body, "mine.csv")
        assert refused.status_code == 400, refused.text
        assert refused.json()["details"]["reason"] == reason
        assert "mine.csv" in refused.json()["errors"]["file"][0]
        assert not await planner.due()

    async def test_refuses_a_foreign_place_and_a_missing_file(self, planner: Parts, tenant: Tenant) -> None:
        stranger = await new_tenant(planner)
        foreign = await upload(planner, tenant, b"Keyword\na\n", sector_id=str(stranger.sector))
        assert foreign.status_code == 404
        assert (await upload(planner, tenant, b"Keyword\na\n", site_id="x")).status_code == 400
        nothing = await planner.call(tenant, "POST", "/planner/keywords/import_csv/", place(tenant))
        assert nothing.status_code == 400

    async def test_says_why_it_failed(self, planner: Parts, tenant: Tenant, tmp_path: Path) -> None:
        accepted = await upload(planner, tenant, b"Keyword\na\n")
        for file in (tmp_path / "objects").rglob("*"):
            if file.is_file():
                file.unlink()
        (job,) = await planner.due()
        (handler,) = [each for each in planner.handlers if each.job.name == "import_keywords"]
        with pytest.raises(GiveUp) as error:
            await handler.run(planner.attempt(job))
        assert handler.give_up is not None
        await handler.give_up(planner.attempt(job), error.value)
        task = accepted.json()["data"]["task_id"]
        data = (await planner.call(tenant, "GET", f"/planner/imports/{task}/")).json()["data"]
        assert data["status"] == "failed"
        assert "upload it again" in data["reason"]


class TestKeywords:
    async def test_are_unique_in_their_sector(self, planner: Parts, tenant: Tenant) -> None:
        await add_keywords(planner, tenant, "Forklift  Lease")
        again = await planner.call(
            tenant, "POST", "/planner/keywords/", {**place(tenant), "keyword": "forklift LEASE"}
        )
        assert (again.status_code, again.json()["error_code"]) == (409, "KEYWORD_EXISTS")
        assert await add_keywords(planner, tenant, "FORKLIFT LEASE", "new one", "New One") != []
        assert await count(planner, tenant) == 2

    async def test_are_free_again_once_archived(self, planner: Parts, tenant: Tenant) -> None:
        (keyword,) = await add_keywords(planner, tenant, "forklift lease")
        deleted = await planner.call(tenant, "DELETE", f"/planner/keywords/{keyword}/")
        assert deleted.status_code == 204
        assert await count(planner, tenant) == 0
        assert await count(planner, tenant, deleted=True) == 1
        assert len(await add_keywords(planner, tenant, "forklift lease")) == 1
        assert [said.keyword_ids for said in await planner.said(tenant, KeywordsArchived)] == [(keyword,)]

    async def test_racers_for_one_keyword_make_one(self, planner: Parts, tenant: Tenant) -> None:
        body = {**place(tenant), "keyword": "forklift"}
        answers = await asyncio.gather(
            *(planner.call(tenant, "POST", "/planner/keywords/", body) for _ in range(10))
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9

    async def test_can_be_changed_and_found(self, planner: Parts, tenant: Tenant) -> None:
        first, second, third = await add_keywords(planner, tenant, "forklift", "crane 100%", "digger")
        patched = await planner.call(
            tenant,
            "PATCH",
            f"/planner/keywords/{first}/",
            {"keyword": "Big forklift", "difficulty": 42, "intent": "commercial", "volume": None},
        )
        assert patched.json()["data"]["keyword"] == "Big forklift"
        assert patched.json()["data"]["volume"] is None
        assert patched.json()["data"]["sector_name"] == "Equipment"
        taken = await planner.call(tenant, "PATCH", f"/planner/keywords/{second}/", {"keyword": "Digger"})
        assert taken.status_code == 409
        assert await count(planner, tenant, search="FORKLIFT") == 1
        assert await count(planner, tenant, search="0%") == 1
        assert await count(planner, tenant, intent="commercial", difficulty_min=42, difficulty_max=42) == 1
        assert await count(planner, tenant, volume_min=99) == 1
        assert await count(planner, tenant, volume_max=98, status="new") == 1
        ordered = await planner.call(tenant, "GET", "/planner/keywords/", ordering="-keyword")
        assert [each["id"] for each in ordered.json()["data"]["results"]] == [
            str(id) for id in (third, second, first)
        ]
        put = await planner.call(tenant, "PUT", f"/planner/keywords/{third}/", {"keyword": "digger"})
        assert put.json()["data"]["volume"] is None

    async def test_bulk_calls_change_all_or_none(self, planner: Parts, tenant: Tenant) -> None:
        ids = [str(id) for id in await add_keywords(planner, tenant, "a", "b")]
        gone = {"keyword_ids": [*ids, str(uuid4())]}
        assert (await planner.call(tenant, "POST", "/planner/keywords/bulk_delete/", gone)).status_code == 404
        assert await count(planner, tenant) == 2
        path = "/planner/keywords/bulk_update_status/"
        mapped = await planner.call(tenant, "POST", path, {"keyword_ids": ids, "status": "mapped"})
        assert (mapped.status_code, mapped.json()["error_code"]) == (409, "INVALID_TRANSITION")
        same = await planner.call(tenant, "POST", path, {"keyword_ids": ids, "status": "new"})
        assert same.json()["data"]["count"] == 2
        await planner.call(tenant, "POST", "/planner/keywords/bulk_delete/", {"keyword_ids": ids})
        assert await count(planner, tenant) == 0

    async def test_export_is_a_file_that_spreadsheets_do_not_run(
        self, planner: Parts, tenant: Tenant
    ) -> None:
        await add_keywords(planner, tenant, "=1+1", "forklift, used")
        exported = await planner.call(tenant, "GET", "/planner/keywords/export_csv/")
        lines = exported.text.splitlines()
        assert lines[0].startswith("Keyword,Volume")
        assert lines[1].startswith("'=1+1,100")
        assert lines[2].startswith('"forklift, used",99')

    async def test_strangers_and_viewers_change_nothing(self, planner: Parts, tenant: Tenant) -> None:
        stranger = await new_tenant(planner)
        (keyword,) = await add_keywords(planner, tenant, "forklift")
        path = f"/planner/keywords/{keyword}/"
        for method, body in (("GET", None), ("PATCH", {"volume": 1}), ("DELETE", None)):
            assert (await planner.call(stranger, method, path, body)).status_code == 404
        assert (await planner.call(tenant, "DELETE", path, role="viewer")).status_code == 403
        foreign = {**place(tenant), "keyword": "x"}
        assert (await planner.call(stranger, "POST", "/planner/keywords/", foreign)).status_code == 404
        assert (await planner.call(tenant, "POST", "/planner/keywords/", {"keyword": "x"})).status_code == 400

    async def test_a_member_of_another_site_finds_nothing_here(self, planner: Parts, tenant: Tenant) -> None:
        (keyword,) = await add_keywords(planner, tenant, "forklift")
        path, new = f"/planner/keywords/{keyword}/", {"keyword": "excavator"}
        elsewhere = (new_id(),)
        for method, where, body in (
            ("GET", path, None),
            ("DELETE", path, None),
            ("POST", "/planner/keywords/", {**place(tenant), **new}),
            ("POST", "/planner/keywords/bulk-import/", {**place(tenant), "keywords": [new]}),
        ):
            answered = await planner.call(tenant, method, where, body, sites=elsewhere)
            assert answered.status_code == 404, method
        assert await count(planner, tenant, sites=elsewhere) == 0
        assert await count(planner, tenant, sites=(tenant.site,)) == 1


class TestExport:
    @pytest.mark.parametrize(
        "question",
        [{"difficulty_max": 2**40}, {"volume_min": -1}, {"volume_max": 2**70}, {"search": "a\x00b"}],
    )
    async def test_a_question_that_cannot_be_asked_is_refused_before_the_answer_begins(
        self, planner: Parts, tenant: Tenant, question: dict[str, Any]
    ) -> None:
        for path in ("/planner/keywords/export_csv/", "/planner/keywords/"):
            answered = await planner.call(tenant, "GET", path, **question)
            assert (answered.status_code, answered.json()["error_code"]) == (400, "VALIDATION_ERROR"), path


class TestVersions:
    async def test_a_change_of_another_version_changes_nothing(self, planner: Parts, tenant: Tenant) -> None:
        (keyword,) = await add_keywords(planner, tenant, "forklift")
        cluster = await planner.call(tenant, "POST", "/planner/clusters/", {**place(tenant), "name": "Lifts"})
        for path, change, methods in (
            (f"/planner/keywords/{keyword}/", {"keyword": "crane"}, ("PUT", "PATCH", "DELETE")),
            (f"/planner/clusters/{cluster.json()['data']['id']}/", {"name": "Cranes"}, ("PATCH", "DELETE")),
        ):
            before = await planner.call(tenant, "GET", path)
            for method in methods:
                body = None if method == "DELETE" else change
                late = await planner.call(tenant, method, path, body, if_match='"0"')
                assert (late.status_code, late.json()["error_code"]) == (412, "PRECONDITION_FAILED"), method
            assert (await planner.call(tenant, "GET", path)).json()["data"] == before.json()["data"]
            answers = await asyncio.gather(
                *(
                    planner.call(
                        tenant, "PATCH", path, dict.fromkeys(change, f"{n}"), if_match=before.headers["etag"]
                    )
                    for n in range(8)
                )
            )
            assert sorted(each.status_code for each in answers) == [200] + [412] * 7


class TestClustersAndIdeas:
    async def test_clustering_takes_only_what_waits_and_is_charged_once(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        texts = [
            f"{verb} {thing}" for thing in ("forklift", "dental chair") for verb in ("lease", "rent", "buy")
        ]
        ids = await add_keywords(planner, tenant, *texts)
        body = {"sector_id": str(tenant.sector), "keyword_ids": [str(id) for id in ids]}
        path = "/planner/keywords/auto_cluster/"
        accepted = await planner.call(tenant, "POST", path, body, key="k")
        assert accepted.status_code == 202, accepted.text
        await others.settle()
        await planner.lose_answers(tenant)
        again = await planner.call(tenant, "POST", path, body, key="k")
        assert (again.status_code, again.json()["data"]) == (202, accepted.json()["data"])
        (outcome,) = await planner.said(tenant, KeywordsClustered)
        placed = [id for cluster in outcome.clusters for id in cluster.keyword_ids]
        assert len(placed) == len(set(placed))
        assert len(placed) + outcome.unclustered == len(ids)
        assert await count(planner, tenant, status="mapped") == len(placed)
        assert outcome.charge is not None
        listed = await planner.call(tenant, "GET", "/planner/clusters/", ordering="-volume")
        clusters = listed.json()["data"]["results"]
        assert sum(cluster["keywords_count"] for cluster in clusters) == len(placed)
        assert sum(cluster["volume"] for cluster in clusters) == sum(
            cluster.volume for cluster in outcome.clusters
        )
        if not outcome.unclustered:
            again = await planner.call(tenant, "POST", "/planner/keywords/auto_cluster/", body)
            assert again.status_code == 400

    async def test_a_cluster_that_goes_sets_its_keywords_free(self, planner: Parts, tenant: Tenant) -> None:
        cluster = await self._cluster(planner, tenant)
        (keyword,) = await add_keywords(planner, tenant, "forklift")
        moved = await planner.call(tenant, "PATCH", f"/planner/keywords/{keyword}/", {"cluster_id": cluster})
        assert (moved.json()["data"]["status"], moved.json()["data"]["cluster_name"]) == ("mapped", "Lifts")
        detail = await planner.call(tenant, "GET", f"/planner/clusters/{cluster}/")
        assert (detail.json()["data"]["status"], detail.json()["data"]["keywords_count"]) == ("mapped", 1)
        await planner.call(tenant, "PATCH", f"/planner/clusters/{cluster}/", {"name": "Lifting"})
        assert (await planner.call(tenant, "DELETE", f"/planner/clusters/{cluster}/")).status_code == 204
        assert await count(planner, tenant, status="new") == 1
        assert await count(planner, tenant, "/planner/clusters/") == 0
        assert await count(planner, tenant, "/planner/clusters/", deleted=True) == 1
        refused = await planner.call(
            tenant, "PATCH", f"/planner/keywords/{keyword}/", {"cluster_id": cluster}
        )
        assert refused.status_code == 404

    async def test_ideas_are_proposed_queued_and_edited(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        cluster = await self._cluster(planner, tenant)
        (keyword,) = await add_keywords(planner, tenant, "forklift lease")
        await planner.call(tenant, "PATCH", f"/planner/keywords/{keyword}/", {"cluster_id": cluster})
        accepted = await planner.call(
            tenant, "POST", "/planner/clusters/auto_generate_ideas/", {"cluster_ids": [cluster], "count": 2}
        )
        assert accepted.status_code == 202, accepted.text
        await others.settle()
        listed = (await planner.call(tenant, "GET", "/planner/ideas/")).json()["data"]["results"]
        assert [(idea["status"], idea["cluster_name"]) for idea in listed] == [("new", "Lifts")] * 2
        first, second = (idea["id"] for idea in listed)
        edited = await planner.call(
            tenant, "PATCH", f"/planner/ideas/{first}/", {"idea_title": "Mine", "status": "rejected"}
        )
        assert (edited.json()["data"]["idea_title"], edited.json()["data"]["status"]) == ("Mine", "rejected")
        both = await planner.call(tenant, "POST", "/planner/ideas/queue/", {"idea_ids": [first, second]})
        assert (both.status_code, both.json()["error_code"]) == (409, "INVALID_TRANSITION")
        assert not await planner.said(tenant, IdeasQueued)
        one = await planner.call(tenant, "POST", "/planner/ideas/queue/", {"idea_ids": [second]})
        assert one.json()["data"]["count"] == 1
        await planner.call(tenant, "POST", "/planner/ideas/queue/", {"idea_ids": [second]})
        assert len(await planner.said(tenant, IdeasQueued)) == 1
        assert (await planner.call(tenant, "DELETE", f"/planner/ideas/{first}/")).status_code == 204
        assert await count(planner, tenant, "/planner/ideas/") == 1

    async def test_many_long_ideas_are_queued_in_several_messages(
        self, planner: Parts, tenant: Tenant
    ) -> None:
        cluster = UUID(await self._cluster(planner, tenant))
        long = [
            IdeaItem(
                idea_id=new_id(),
                cluster_id=cluster,
                title="Long",
                description="x" * 5_000,
                content_type="post",
                content_structure="guide",
                target_keywords=(),
                word_count=900,
            )
            for _ in range(60)
        ]
        async with planner.database.transaction(tenant.id) as tx:
            for idea in long:
                await tx.handle(IDEAS, cluster, AddIdea(tenant.site, tenant.sector, idea))
        body = {"idea_ids": [str(idea.idea_id) for idea in long]}
        queued = await planner.call(tenant, "POST", "/planner/ideas/queue/", body)
        assert (queued.status_code, queued.json()["data"]) == (200, {"count": 60}), queued.text
        said = await planner.said(tenant, IdeasQueued)
        assert all(len(msgspec.json.encode(contract)) < MAX_MESSAGE_BYTES for contract in said)
        assert {idea.idea_id for contract in said for idea in contract.ideas} == {i.idea_id for i in long}
        assert await count(planner, tenant, "/planner/ideas/", status="queued") == 60

    async def test_ideas_by_hand_stay_in_their_sector(self, planner: Parts, tenant: Tenant) -> None:
        cluster = await self._cluster(planner, tenant)
        body = {**place(tenant), "keyword_cluster": cluster, "idea_title": "Mine"}
        made = await planner.call(tenant, "POST", "/planner/ideas/", body)
        assert made.status_code == 201, made.text
        assert made.json()["data"]["estimated_word_count"] == 1_000
        foreign = {**body, "keyword_cluster": str(new_id())}
        assert (await planner.call(tenant, "POST", "/planner/ideas/", foreign)).status_code == 404
        stranger = await new_tenant(planner)
        path = f"/planner/ideas/{made.json()['data']['id']}/"
        assert (await planner.call(stranger, "GET", path)).status_code == 404

    async def test_without_credits_nothing_is_asked(self, planner: Parts) -> None:
        poor = await new_tenant(planner, credits=1)
        await add_keywords(planner, poor, "forklift", "crane")
        refused = await planner.call(
            poor, "POST", "/planner/keywords/auto_cluster/", {"sector_id": str(poor.sector)}
        )
        assert (refused.status_code, refused.json()["error_code"]) == (402, "INSUFFICIENT_CREDITS")
        assert not await planner.said(poor, AIOperationRequested)

    @staticmethod
    async def _cluster(planner: Parts, tenant: Tenant) -> str:
        made = await planner.call(tenant, "POST", "/planner/clusters/", {**place(tenant), "name": "Lifts"})
        assert made.status_code == 201, made.text
        return str(UUID(made.json()["data"]["id"]))

    async def test_views_applied_twice_stay_the_same(
        self, planner: Parts, tenant: Tenant, others: Others
    ) -> None:
        ids = await add_keywords(planner, tenant, "forklift lease", "crane lease", "digger")
        cluster = await self._cluster(planner, tenant)
        await planner.call(tenant, "PATCH", f"/planner/keywords/{ids[0]}/", {"cluster_id": cluster})
        body = {**place(tenant), "keyword_cluster": cluster, "idea_title": "Mine"}
        idea = (await planner.call(tenant, "POST", "/planner/ideas/", body)).json()["data"]["id"]
        await planner.call(tenant, "POST", "/planner/ideas/queue/", {"idea_ids": [idea]})
        await planner.call(tenant, "DELETE", f"/planner/keywords/{ids[2]}/")
        await imported(planner, tenant, b"Keyword\nexcavator\n")
        await others.settle()
        before = await planner.tables(tenant)
        await planner.project_again(tenant)
        assert await planner.tables(tenant) == before
