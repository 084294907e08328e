"""The shared catalogue: staff keep it by files, every tenant reads it."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from common.ids import SYSTEM_ACCOUNT
from common.operate.projections import verify
from gateway import staff_files
from gateway.app import SERVICE

from tests.integration.gateway.running import Gateway, Tenant

INDUSTRIES = "/api/v1/account/industries/"
SEEDS = "/api/v1/account/seed-keywords/"


@pytest.fixture
def industry() -> str:
    """A name that no other test has."""
    return f"Industry {uuid4().hex[:12]}"


async def send(tenant: Tenant, kind: str, text: str | bytes, **headers: str) -> httpx.Response:
    async with tenant.client() as client:
        return await client.post(
            f"/api/v1/admin/{kind}/import/",
            files={"file": ("catalogue.csv", text if isinstance(text, bytes) else text.encode())},
            headers={"X-Act-As-Account": str(tenant.account_id), **headers},
        )


async def imported(staff: Tenant, kind: str, text: str | bytes) -> dict[str, Any]:
    answer = await send(staff, kind, text)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def counts(data: dict[str, Any]) -> tuple[int, ...]:
    return tuple(data[name] for name in ("read", "new", "changed", "duplicates", "failed"))


async def listed(tenant: Tenant, path: str, **parameters: Any) -> list[dict[str, Any]]:
    async with tenant.client() as client:
        answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["data"]["results"]
    return results


async def keywords(tenant: Tenant, **parameters: Any) -> list[str]:
    return [each["keyword"] for each in await listed(tenant, SEEDS, **parameters)]


class TestIndustries:
    async def test_are_imported_by_staff_and_read_by_every_tenant(
        self, gateway: Gateway, staff: Tenant, tenant: Tenant, industry: str
    ) -> None:
        text = (
            f"industry,sector,description\n{industry},,Money\n{industry},Loans,\n{industry},Accounts,Books\n"
        )
        assert counts(await imported(staff, "industries", text)) == (3, 3, 0, 0, 0)
        viewer = await tenant.invite("viewer")
        for reader in (tenant, viewer, await gateway.register()):
            (found,) = await listed(reader, INDUSTRIES, search=industry.upper())
            assert (found["name"], found["description"]) == (industry, "Money")
            assert found["slug"] == industry.lower().replace(" ", "-")
            assert [(each["slug"], each["description"]) for each in found["sectors"]] == [
                ("accounts", "Books"),
                ("loans", ""),
            ]

    async def test_the_same_file_again_changes_nothing(self, staff: Tenant, industry: str) -> None:
        text = f"industry;sector\n{industry};Loans\n{industry};loans\n{industry};Tax\n"
        assert counts(await imported(staff, "industries", text)) == (3, 2, 0, 1, 0)
        (before,) = await listed(staff, INDUSTRIES, search=industry)
        facts = await self.facts(staff)
        assert counts(await imported(staff, "industries", text)) == (3, 0, 0, 3, 0)
        assert await listed(staff, INDUSTRIES, search=industry) == [before]
        assert await self.facts(staff) == facts

    async def facts(self, staff: Tenant) -> int:
        with psycopg.connect(staff.gateway.urls.owner) as connection:
            row = connection.execute(
                "SELECT count(*) FROM events WHERE account_id = %s AND type = 'IndustryWritten'",
                (SYSTEM_ACCOUNT,),
            ).fetchone()
        assert row is not None
        return int(row[0])

    async def test_are_changed_and_taken_out_of_use(self, staff: Tenant, industry: str) -> None:
        await imported(staff, "industries", f"industry,sector\n{industry},Loans\n{industry},Tax\n")
        (before,) = await listed(staff, INDUSTRIES, search=industry)
        off = f"industry,sector,is_active\n{industry},Tax,no\n"
        assert counts(await imported(staff, "industries", off)) == (1, 0, 1, 0, 0)
        (found,) = await listed(staff, INDUSTRIES, search=industry)
        assert [each["slug"] for each in found["sectors"]] == ["loans"]
        assert found["id"] == before["id"]
        assert counts(await imported(staff, "industries", f"industry,is_active\n{industry},no\n")) == (
            1,
            0,
            1,
            0,
            0,
        )
        assert await listed(staff, INDUSTRIES, search=industry) == []

    async def test_rows_at_fault_do_not_hold_up_the_others(self, staff: Tenant, industry: str) -> None:
        text = f"industry,is_active\n{industry},yes\n,yes\n{industry} b,perhaps\n日本,yes\na,yes,c\n"
        data = await imported(staff, "industries", text)
        assert counts(data) == (5, 1, 0, 0, 4)
        assert [(each["line"], each["column"], each["value"]) for each in data["errors"]] == [
            (3, "industry", ""),
            (4, "is_active", "perhaps"),
            (5, "industry", "日本"),
            (6, None, "c"),
        ]

    async def test_are_listed_by_page_cursor_and_field(self, staff: Tenant, industry: str) -> None:
        names = [f"{industry} {letter}" for letter in "abc"]
        await imported(staff, "industries", "\n".join(["industry", *reversed(names)]))
        seen = [
            (await listed(staff, INDUSTRIES, search=industry, page_size=1, page=page))[0]["name"]
            for page in (1, 2, 3)
        ]
        assert seen == names
        async with staff.client() as client:
            path = f"{INDUSTRIES}?search={industry}&page_size=2&cursor=&ordering=-name&fields=name"
            first = (await client.get(path)).json()["data"]
            rest = (await client.get(first["next"])).json()["data"]
        assert first["results"] + rest["results"] == [{"name": name} for name in reversed(names)]

    async def test_the_facts_say_who_it_was(self, staff: Tenant, industry: str) -> None:
        await imported(staff, "industries", f"industry\n{industry}\n")
        with psycopg.connect(staff.gateway.urls.owner) as connection:
            row = connection.execute(
                "SELECT meta->>'actor' FROM events WHERE account_id = %s AND data->>'name' = %s",
                (SYSTEM_ACCOUNT, industry),
            ).fetchone()
        assert row == (f"user:{staff.user_id}",)


class TestSeedKeywords:
    @pytest.fixture(autouse=True)
    async def catalogue(self, staff: Tenant, industry: str) -> None:
        await imported(staff, "industries", f"industry,sector\n{industry},Loans\n{industry},Tax\n")

    def file(self, industry: str) -> str:
        slug = industry.lower().replace(" ", "-")
        return (
            "Keyword,Industry,Sector,Volume,Difficulty,Intent\n"
            f"car  loan,{industry},Loans,900,40,Commercial\n"
            f"what is a loan,{slug},loans,5000,10,informational\n"
            f"tax rate,{industry},Tax,,,\n"
            f"CAR LOAN,{industry},Loans,1,1,\n"
        )

    async def test_are_imported_by_staff_and_read_by_every_tenant(
        self, staff: Tenant, tenant: Tenant, industry: str
    ) -> None:
        assert counts(await imported(staff, "seed-keywords", self.file(industry))) == (4, 3, 0, 1, 0)
        slug = industry.lower().replace(" ", "-")
        found = await listed(tenant, SEEDS, industry=slug)
        assert [each["keyword"] for each in found] == ["car loan", "tax rate", "what is a loan"]
        (sector,) = (
            each
            for each in (await listed(tenant, INDUSTRIES, search=industry))[0]["sectors"]
            if each["slug"] == "loans"
        )
        of_loan = found[0]
        assert {name: of_loan[name] for name in ("volume", "difficulty", "intent")} == {
            "volume": 900,
            "difficulty": 40,
            "intent": "commercial",
        }
        assert (of_loan["industry_name"], of_loan["sector"], of_loan["sector_id"]) == (
            industry,
            "loans",
            sector["id"],
        )
        assert (found[1]["volume"], found[1]["difficulty"], found[1]["intent"]) == (None, None, None)

    async def test_are_filtered_searched_and_ordered(self, staff: Tenant, industry: str) -> None:
        await imported(staff, "seed-keywords", self.file(industry))
        here = {"industry": industry.lower().replace(" ", "-")}
        for parameters, expected in (
            ({"sector": "tax"}, ["tax rate"]),
            ({"sector": "nothing"}, []),
            ({"intent": "commercial"}, ["car loan"]),
            ({"difficulty_max": 10}, ["what is a loan"]),
            ({"difficulty_min": 11, "difficulty_max": 40}, ["car loan"]),
            ({"volume_min": 900}, ["car loan", "what is a loan"]),
            ({"volume_max": 900}, ["car loan"]),
            ({"search": "LOAN"}, ["car loan", "what is a loan"]),
            ({"search": "%"}, []),
            ({"ordering": "-volume"}, ["what is a loan", "car loan", "tax rate"]),
            ({"ordering": "difficulty", "page_size": 1, "page": 2}, ["car loan"]),
        ):
            assert await keywords(staff, **here, **parameters) == expected, parameters
        async with staff.client() as client:
            for wrong in ({"ordering": "id"}, {"difficulty_min": 101}, {"intent": "any"}, {"volume_max": -1}):
                answer = await client.get(SEEDS, params=wrong)
                assert (answer.status_code, answer.json()["error_code"]) == (400, "VALIDATION_ERROR"), wrong

    async def test_the_same_file_again_changes_nothing_and_another_what_it_says(
        self, staff: Tenant, industry: str
    ) -> None:
        here = {"industry": industry.lower().replace(" ", "-")}
        await imported(staff, "seed-keywords", self.file(industry))
        before = await listed(staff, SEEDS, **here)
        assert counts(await imported(staff, "seed-keywords", self.file(industry))) == (4, 0, 0, 4, 0)
        assert await listed(staff, SEEDS, **here) == before
        other = f"keyword,industry,sector,volume,is_active\ncar loan,{industry},loans,7,\ntax rate,{industry},tax,,no\n"
        assert counts(await imported(staff, "seed-keywords", other)) == (2, 0, 2, 0, 0)
        after = await listed(staff, SEEDS, **here)
        assert [(each["id"], each["volume"], each["intent"]) for each in after] == [
            (before[0]["id"], 7, None),
            (before[2]["id"], 5000, "informational"),
        ]

    async def test_of_what_is_out_of_use_are_not_shown(self, staff: Tenant, industry: str) -> None:
        here = {"industry": industry.lower().replace(" ", "-")}
        await imported(staff, "seed-keywords", self.file(industry))
        await imported(staff, "industries", f"industry,sector,is_active\n{industry},loans,no\n")
        assert await keywords(staff, **here) == ["tax rate"]
        await imported(staff, "industries", f"industry,is_active\n{industry},no\n")
        assert await keywords(staff, **here) == []

    async def test_rows_at_fault_are_named(self, staff: Tenant, industry: str) -> None:
        text = (
            "keyword,industry,sector,volume,difficulty,intent\n"
            f"a,{industry},Loans,-1,,\nb,{industry},Loans,,101,\nc,{industry},Loans,,,buy\n"
            f" ,{industry},Loans,,,\nd,Nothing {industry},Loans,,,\ne,{industry},Cards,,,\nf,{industry},Loans,,,\n"
            f"g,{industry},Loans,{'0' * 20}{'9' * 20},,\n"
        )
        data = await imported(staff, "seed-keywords", text)
        assert counts(data) == (8, 1, 0, 0, 7)
        assert [(each["line"], each["column"]) for each in data["errors"]] == [
            (2, "volume"),
            (3, "difficulty"),
            (4, "intent"),
            (5, "keyword"),
            (6, "industry"),
            (7, "sector"),
            (9, "volume"),
        ]

    async def test_more_than_one_fact_holds_are_all_there(self, staff: Tenant, industry: str) -> None:
        lines = [f"loan {number},{industry},Loans,{number}" for number in range(1_201)]
        text = "\n".join(["keyword,industry,sector,volume", *lines])
        assert counts(await imported(staff, "seed-keywords", text)) == (1_201, 1_201, 0, 0, 0)
        here = {"industry": industry.lower().replace(" ", "-")}
        assert await keywords(staff, **here, ordering="-volume", page_size=1) == ["loan 1200"]
        assert await keywords(staff, **here, ordering="volume", page=1_201, page_size=1) == ["loan 1200"]

    async def test_of_racers_with_one_file_one_writes_it(self, staff: Tenant, industry: str) -> None:
        answers = await asyncio.gather(
            *(imported(staff, "seed-keywords", self.file(industry)) for _ in range(3))
        )
        assert sorted(counts(each) for each in answers) == [(4, 0, 0, 4, 0)] * 2 + [(4, 3, 0, 1, 0)]
        for name in ("industries", "seed_keywords"):
            (projection,) = (each for each in SERVICE.model.projections if each.name == name)
            built = await verify(staff.gateway.urls.owner, SERVICE.model, projection)
            assert built.equal
            assert built.facts > 0


@pytest.mark.parametrize("kind", ["industries", "seed-keywords"])
class TestFiles:
    async def test_are_for_staff_alone(self, tenant: Tenant, kind: str) -> None:
        async with tenant.client() as client:
            path, file = f"/api/v1/admin/{kind}/import/", {"file": ("a.csv", b"industry\nx\n")}
            assert (await client.post(path, files=file)).status_code == 403
            assert (await client.get(path)).status_code in (403, 405)
            assert (await client.post(f"/api/v1/account/{kind}/", json={})).status_code in (403, 405)
        async with tenant.gateway.client() as nobody:
            assert (await nobody.post(path, files=file)).status_code == 401
            assert (await nobody.get(f"/api/v1/account/{kind}/")).status_code == 401

    async def test_that_are_none_are_refused_whole(self, staff: Tenant, kind: str) -> None:
        for text in (b"", b"\xff", b"a,b\n1,2\n", b'industry\n"x\n'):
            answer = await send(staff, kind, text)
            assert (answer.status_code, list(answer.json()["errors"])) == (400, ["file"]), text
        async with staff.client() as client:
            headers = {"X-Act-As-Account": str(staff.account_id)}
            others: list[dict[str, Any]] = [{"json": {}}, {"data": {"file": "x"}, "files": {"other": b"x"}}]
            for other in others:
                answer = await client.post(f"/api/v1/admin/{kind}/import/", headers=headers, **other)
                assert (answer.status_code, list(answer.json()["errors"])) == (400, ["file"])

    async def test_have_a_limit(self, staff: Tenant, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(staff_files, "MOST_BYTES", 100)
        answer = await send(staff, kind, b"x" * 100_000)
        assert (answer.status_code, answer.json()["error_code"]) == (413, "BODY_TOO_LARGE")
