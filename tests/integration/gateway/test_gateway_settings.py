"""Settings of an account, and what staff keep for all: prompts, authors, strategies, providers, models."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from common.ai.prompts import PROMPTS
from common.contracts.gateway import SecretRef
from common.ids import SYSTEM_ACCOUNT
from gateway.ai_models.shipped import ship_models
from gateway.ai_settings import trials

from tests.integration.gateway.running import Gateway, Tenant, at_once
from tests.parts.fake_ai import FakeAI

SYSTEM = "/api/v1/system"
INTEGRATIONS = f"{SYSTEM}/settings/integrations"
KEY = "sk-canary-of-the-test"


async def send(tenant: Tenant, method: str, path: str, body: Any = None) -> httpx.Response:
    async with tenant.client() as client:
        return await client.request(method, path, json=body)


async def done(tenant: Tenant, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = await send(tenant, method, path, body)
    assert answer.status_code == status, answer.text
    return answer.json()["data"] if answer.content else None


async def refused(tenant: Tenant, method: str, path: str, body: Any = None) -> tuple[int, str]:
    answer = await send(tenant, method, path, body)
    return answer.status_code, answer.json()["error_code"]


def become(tenant: Tenant, role: str) -> None:
    """What a membership's change would do; the last answered change made the gateway forget what it knew."""
    with psycopg.connect(tenant.gateway.urls.owner) as connection:
        connection.execute("UPDATE members SET role = %s WHERE account_id = %s", (role, tenant.account_id))


async def sector_of(tenant: Tenant) -> str:
    site = await done(tenant, "POST", "/api/v1/account/sites/", {"name": "Acme"}, 201)
    path = f"/api/v1/account/sites/{site['id']}/sectors/"
    return str((await done(tenant, "POST", path, {"name": "Cranes"}, 201))["id"])


async def facts(tenant: Tenant) -> str:
    with psycopg.connect(tenant.gateway.urls.owner) as connection:
        rows = connection.execute(
            "SELECT data::text FROM events WHERE account_id = %s", (tenant.account_id,)
        ).fetchall()
    return "\n".join(row[0] for row in rows)


async def if_match(
    tenant: Tenant, method: str, path: str, body: Any, version: int
) -> tuple[int, dict[str, Any]]:
    async with tenant.client() as client:
        answer = await client.request(method, path, json=body, headers={"If-Match": f'"{version}"'})
    return answer.status_code, answer.json() if answer.content else {}


IDEAS = {"prompt_type": "ideas", "prompt_value": "Exactly {count} ideas about {cluster_name}."}


class TestPrompts:
    PATH = f"{SYSTEM}/prompts/"

    async def test_are_written_changed_reset_and_archived(self, tenant: Tenant) -> None:
        made = await done(tenant, "POST", self.PATH, IDEAS, 201)
        assert (made["function_name"], made["is_default"], made["number"]) == ("generate_ideas", False, 1)
        one = f"{self.PATH}{made['id']}/"
        changed = await done(tenant, "PATCH", one, {"prompt_value": "{count} new ideas"})
        assert (changed["prompt_value"], changed["number"]) == ("{count} new ideas", 2)
        reset = await done(tenant, "POST", f"{one}reset_to_default/")
        assert (reset["is_default"], reset["number"]) == (True, 3)
        assert reset["prompt_value"] == PROMPTS["ideas"].default
        texts = (await done(tenant, "GET", f"{one}versions/"))["results"]
        assert [each["number"] for each in texts] == [3, 2, 1]
        assert texts[2]["prompt_value"] == IDEAS["prompt_value"]
        assert texts[2]["written_by"] == f"user:{tenant.user_id}"
        await done(tenant, "DELETE", one, status=204)
        assert (await done(tenant, "GET", self.PATH))["results"] == []
        assert await refused(tenant, "GET", one) == (404, "NOT_FOUND")
        (gone,) = (await done(tenant, "GET", f"{self.PATH}?deleted=true"))["results"]
        assert gone["id"] == made["id"]
        await done(tenant, "POST", f"{one}restore/")
        assert await done(tenant, "GET", one) == await done(tenant, "PUT", one, {**IDEAS, **_value(gone)})

    async def test_a_type_is_reset_whether_there_is_a_prompt_or_not(self, tenant: Tenant) -> None:
        reset = f"{self.PATH}reset_to_default/"
        first = await done(tenant, "POST", reset, {"prompt_type": "clustering"})
        assert first["is_default"]
        await done(tenant, "PATCH", f"{self.PATH}{first['id']}/", {"prompt_value": "Group them."})
        again = await done(tenant, "POST", reset, {"prompt_type": "clustering"})
        assert (again["id"], again["is_default"], again["number"]) == (first["id"], True, 3)

    async def test_cannot_be_what_could_not_be_used(self, tenant: Tenant) -> None:
        await done(tenant, "POST", self.PATH, IDEAS, 201)
        assert await refused(tenant, "POST", self.PATH, IDEAS) == (409, "PROMPT_TYPE_TAKEN")
        for wrong, field in (
            ({"prompt_type": "clustering", "prompt_value": "{nothing}"}, "prompt_value"),
            ({"prompt_type": "poems", "prompt_value": "x"}, "prompt_type"),
            ({"prompt_type": "clustering", "prompt_value": "x" * 20_001}, "prompt_value"),
            ({**IDEAS, "function_name": "auto_cluster"}, "function_name"),
        ):
            answer = await send(tenant, "POST", self.PATH, wrong)
            assert answer.status_code == 400
            assert list(answer.json()["errors"]) == [field]

    async def test_the_defaults_tell_their_placeholders(self, tenant: Tenant) -> None:
        defaults = await done(tenant, "GET", f"{self.PATH}defaults/")
        assert [each["prompt_type"] for each in defaults] == list(PROMPTS)
        (ideas,) = (each for each in defaults if each["prompt_type"] == "ideas")
        assert ideas["required_placeholders"] == ["count"]
        assert "{count}" in ideas["prompt_value"]


def _value(prompt: dict[str, Any]) -> dict[str, Any]:
    return {"prompt_value": prompt["prompt_value"]}


class TestAuthors:
    PATH = f"{SYSTEM}/author-profiles/"

    async def test_exactly_one_is_the_default(self, tenant: Tenant) -> None:
        ada = await done(tenant, "POST", self.PATH, {"name": "Ada", "tone": "dry"}, 201)
        bea = await done(
            tenant, "POST", self.PATH, {"name": "Bea", "language": "de-AT", "is_default": True}, 201
        )
        assert (ada["is_default"], bea["is_default"]) == (True, True)
        assert await self.defaults(tenant) == [bea["id"]]
        assert await refused(tenant, "PATCH", f"{self.PATH}{bea['id']}/", {"is_default": False}) == (
            409,
            "DEFAULT_PROFILE_NEEDED",
        )
        await done(tenant, "DELETE", f"{self.PATH}{bea['id']}/", status=204)
        assert await self.defaults(tenant) == [ada["id"]]
        back = await done(tenant, "POST", f"{self.PATH}{bea['id']}/restore/")
        assert (back["is_default"], back["language"]) == (False, "de-AT")
        put = await done(tenant, "PUT", f"{self.PATH}{bea['id']}/", {"name": "Bea", "is_default": True})
        assert put["language"] == "en"
        assert await self.defaults(tenant) == [bea["id"]]

    async def defaults(self, tenant: Tenant) -> list[str]:
        listed = (await done(tenant, "GET", self.PATH))["results"]
        return [each["id"] for each in listed if each["is_default"]]

    async def test_bad_fields_are_named(self, tenant: Tenant) -> None:
        answer = await send(tenant, "POST", self.PATH, {"name": " ", "language": "Deutsch"})
        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {"name", "language"}


class TestStrategies:
    PATH = f"{SYSTEM}/strategies/"

    async def test_the_newest_active_one_of_a_sector_relieves_the_others(self, tenant: Tenant) -> None:
        sector = await sector_of(tenant)
        body = {"name": "One", "sector_id": sector, "section_logic": {"introduction": ["a number"]}}
        one = await done(tenant, "POST", self.PATH, body, 201)
        assert (one["sector_name"], one["is_active"], one["section_logic"]) == (
            "Cranes",
            True,
            {"introduction": ["a number"]},
        )
        whole = await done(tenant, "POST", self.PATH, {"name": "All", "prompt_types": ["ideas"]}, 201)
        two = await done(tenant, "POST", self.PATH, {"name": "Two", "sector_id": sector}, 201)
        active = (await done(tenant, "GET", f"{self.PATH}?is_active=true"))["results"]
        assert {each["id"] for each in active} == {whole["id"], two["id"]}
        moved = await done(
            tenant, "PATCH", f"{self.PATH}{one['id']}/", {"sector_id": None, "is_active": True}
        )
        assert (moved["sector_id"], moved["site_id"], moved["section_logic"]) == (
            None,
            None,
            one["section_logic"],
        )
        assert not (await done(tenant, "GET", f"{self.PATH}{whole['id']}/"))["is_active"]
        await done(tenant, "DELETE", f"{self.PATH}{one['id']}/", status=204)
        assert not (await done(tenant, "POST", f"{self.PATH}{one['id']}/restore/"))["is_active"]

    async def test_a_sector_of_nobody_or_somebody_else_is_not_found(
        self, gateway: Gateway, tenant: Tenant
    ) -> None:
        theirs = await sector_of(await gateway.register())
        body = {"name": "One", "sector_id": theirs}
        assert await refused(tenant, "POST", self.PATH, body) == (404, "NOT_FOUND")
        mine = await done(tenant, "POST", self.PATH, {"name": "One"}, 201)
        for method in ("PUT", "PATCH"):
            assert await refused(tenant, method, f"{self.PATH}{mine['id']}/", body) == (404, "NOT_FOUND")

    async def test_logic_that_cannot_be_written_is_refused(self, tenant: Tenant) -> None:
        body = json.dumps({"name": "One", "section_logic": {"introduction": "\ud800"}})
        async with tenant.client() as client:
            answer = await client.post(self.PATH, content=body, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["error_code"]) == (400, "VALIDATION_ERROR"), answer.text
            assert (await client.get(self.PATH)).json()["data"]["count"] == 0

    async def test_logic_has_a_limit(self, tenant: Tenant) -> None:
        for logic in ({"a": "x" * 16_001}, {"a": "\0"}):
            answer = await send(tenant, "POST", self.PATH, {"name": "One", "section_logic": logic})
            assert answer.status_code == 400
            assert list(answer.json()["errors"]) == ["section_logic"]


BODIES = {
    "prompts": {"prompt_type": "clustering", "prompt_value": "Group {keywords}."},
    "author-profiles": {"name": "Ada"},
    "strategies": {"name": "One"},
}


@pytest.mark.parametrize("kind", BODIES)
async def test_members_read_and_only_owners_and_admins_write(
    gateway: Gateway, tenant: Tenant, kind: str
) -> None:
    path, body = f"{SYSTEM}/{kind}/", BODIES[kind]
    one = f"{path}{(await done(tenant, 'POST', path, body, 201))['id']}/"
    stranger = await gateway.register()
    changes = [("PUT", one, body), ("PATCH", one, {}), ("DELETE", one, None)]
    for method, where, sent in [("GET", one, None), *changes, ("POST", f"{one}restore/", None)]:
        assert await refused(stranger, method, where, sent) == (404, "NOT_FOUND")
    assert (await done(stranger, "GET", path))["results"] == []
    for role in ("viewer", "editor"):
        become(tenant, role)
        await done(tenant, "GET", one)
        for method, where, sent in [("POST", path, body), *changes, ("POST", f"{one}restore/", None)]:
            assert await refused(tenant, method, where, sent) == (403, "FORBIDDEN")
    become(tenant, "admin")
    await done(tenant, "PATCH", one, {})


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeAI]:
    server = FakeAI()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def reachable(fake: FakeAI, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> FakeAI:
    """The operator permits the fake's private address."""
    fake.reset()
    host = fake.url.removeprefix("http://").removesuffix("/v1")
    monkeypatch.setattr(gateway.runtime.settings, "allowed_private_hosts", (host,))
    return fake


@pytest.mark.parametrize(
    ("path", "made_of", "change"),
    [
        ("prompts/", IDEAS, {**IDEAS, "prompt_value": "{count} other ideas"}),
        ("author-profiles/", {"name": "Ada", "is_default": True}, {"name": "Grace"}),
        ("strategies/", {"name": "Depth"}, {"name": "Breadth"}),
    ],
)
async def test_a_change_is_made_at_the_version_it_names_and_at_no_other(
    tenant: Tenant, path: str, made_of: dict[str, Any], change: dict[str, Any]
) -> None:
    made = await done(tenant, "POST", f"{SYSTEM}/{path}", made_of, 201)
    one, version = f"{SYSTEM}/{path}{made['id']}/", made["version"]
    for method, body in (("PATCH", change), ("PUT", made_of)):
        status, shown = await if_match(tenant, method, one, body, version)
        assert status == 200, shown
        assert (await if_match(tenant, method, one, body, version))[0] == 412
        version = shown["data"]["version"]
    assert (await if_match(tenant, "DELETE", one, None, version - 1))[0] == 412
    assert (await if_match(tenant, "DELETE", one, None, version))[0] == 204


class TestIntegrationSettings:
    async def test_are_set_at_the_version_that_a_change_names(self, gateway: Gateway) -> None:
        staff = await gateway.register()
        become(staff, "developer")
        for path in (f"{INTEGRATIONS}/openai/", "/api/v1/admin/platform-keys/openai/"):
            version = (await done(staff, "GET", path))["version"]
            for model in ("one", "two"):
                body = {"model": model, "is_active": False}  # the platform's are in force for every tenant
                status, shown = await if_match(staff, "PUT", path, body, version)
                assert status == 200, shown
                assert (await if_match(staff, "PUT", path, {"model": "x"}, version))[0] == 412
                version = shown["data"]["version"]

    async def test_a_key_goes_into_the_secret_store_and_never_comes_out(self, tenant: Tenant) -> None:
        set = await done(tenant, "PUT", f"{INTEGRATIONS}/openai/", {"api_key": KEY, "model": "gpt-4o"})
        assert (set["has_api_key"], set["source"], set["model"]) == (True, "account", "gpt-4o")
        kept = await done(tenant, "POST", f"{INTEGRATIONS}/openai/", {"is_active": True})
        assert kept["has_api_key"]
        answers = [
            await send(tenant, "GET", f"{INTEGRATIONS}/{each}") for each in ("", "openai/", "runware/")
        ]
        assert KEY not in "".join(each.text for each in answers)
        stored = await facts(tenant)
        assert KEY not in stored
        (written,) = [json.loads(line) for line in stored.splitlines() if '"settings_type": "openai"' in line]
        ref = SecretRef(**written["secret"])
        assert await tenant.gateway.runtime.secrets.get(tenant.account_id, ref) == KEY
        gone = await done(tenant, "PUT", f"{INTEGRATIONS}/openai/", {"api_key": ""})
        assert not gone["has_api_key"]

    async def test_a_stored_key_does_not_follow_to_another_address(
        self, tenant: Tenant, reachable: FakeAI
    ) -> None:
        path = f"{INTEGRATIONS}/openai/"
        await done(tenant, "PUT", path, {"api_key": KEY})
        body = {"base_url": reachable.url}
        assert await refused(tenant, "PUT", path, body) == (400, "API_KEY_NEEDED")
        trial = await done(tenant, "POST", f"{path}test_connection/", body)
        assert (trial["status"], trial["error_code"]) == ("failed", "AI_PROVIDER_REJECTED")
        assert [call.status for call in reachable.calls()] == [401]
        await done(tenant, "PUT", path, {**body, "api_key": reachable.key})
        assert (await done(tenant, "POST", f"{path}test_connection/", {}))["status"] == "connected"

    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:9/v1", "http://169.254.169.254/v1", "file:///etc/passwd", "http://a:b@x.example"],
    )
    async def test_an_address_inside_is_refused(self, tenant: Tenant, url: str) -> None:
        answer = await send(tenant, "PUT", f"{INTEGRATIONS}/openai/", {"base_url": url, "api_key": KEY})
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["base_url"]
        trial = await done(
            tenant, "POST", f"{INTEGRATIONS}/openai/test_openai/", {"base_url": url, "api_key": KEY}
        )
        assert (trial["status"], trial["error_code"]) == ("failed", "AI_PROVIDER_UNREACHABLE")
        assert KEY not in str(trial)

    @pytest.mark.parametrize("key", ["ключ", "sk-1\nX-Other: 1", "sk-\x7f"])
    async def test_a_key_that_no_header_can_hold_is_refused(self, tenant: Tenant, key: str) -> None:
        for method, path in (("PUT", ""), ("POST", "test_connection/")):
            for provider in ("openai", "runware"):
                url = f"{INTEGRATIONS}/{provider}/{path}"
                assert await refused(tenant, method, url, {"api_key": key}) == (400, "VALIDATION_ERROR")

    async def test_images_have_fields_of_their_own(self, tenant: Tenant) -> None:
        path = f"{INTEGRATIONS}/image_generation/"
        body = {"provider": "runware", "size": "1024x768", "quality": "high"}
        set = await done(tenant, "PUT", path, body)
        assert {name: set[name] for name in body} == body
        for wrong in ({"size": "big"}, {"size": "0x0"}, {"provider": "other"}, {"api_key": KEY}):
            assert await refused(tenant, "PUT", path, wrong) == (400, "VALIDATION_ERROR")

    async def test_are_for_owners_and_admins(self, tenant: Tenant) -> None:
        become(tenant, "admin")
        listed = await done(tenant, "GET", f"{INTEGRATIONS}/")
        assert [each["settings_type"] for each in listed["results"]] == [
            "openai",
            "runware",
            "image_generation",
        ]
        await done(tenant, "PUT", f"{INTEGRATIONS}/runware/", {"model": "civitai:1@1"})
        become(tenant, "editor")
        assert await refused(tenant, "GET", f"{INTEGRATIONS}/") == (403, "FORBIDDEN")
        for path in ("openai/", "openai/test_connection/", "runware/test_runware/", "openai/generate_image/"):
            assert await refused(tenant, "POST", f"{INTEGRATIONS}/{path}", {}) == (403, "FORBIDDEN")


class TestTrials:
    @pytest.mark.parametrize("provider", ["openai", "runware"])
    async def test_say_what_is_wrong(self, tenant: Tenant, reachable: FakeAI, provider: str) -> None:
        url = reachable.url if provider == "openai" else reachable.runware_url
        path = f"{INTEGRATIONS}/image_generation/test_{provider}/"
        good = {"base_url": url, "api_key": reachable.key}
        trial = await done(tenant, "POST", path, good)
        assert (trial["status"], trial["error_code"], trial["base_url"]) == ("connected", None, url)
        assert await self.code(tenant, path, {}) == "API_KEY_MISSING"
        assert await self.code(tenant, path, {**good, "api_key": "sk-wrong"}) == "AI_PROVIDER_REJECTED"
        for fault, code in (("500", "AI_PROVIDER_OVERLOADED"), ("garbage", "AI_ANSWER_INVALID")):
            reachable.fail(fault)  # type: ignore[arg-type]
            assert await self.code(tenant, path, good) == code
        closed = {**good, "base_url": url.replace("/v1", "/nowhere/v1")}
        assert await self.code(tenant, path, closed) == "AI_PROVIDER_REJECTED"

    async def code(self, tenant: Tenant, path: str, body: dict[str, str]) -> str:
        trial = await done(tenant, "POST", path, body)
        assert trial["status"] == "failed"
        assert trial["remedy"]
        return str(trial["error_code"])

    async def test_do_not_wait_for_ever(
        self, tenant: Tenant, reachable: FakeAI, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trials, "CHECK_SECONDS", 0.2)
        body = {"base_url": reachable.url, "api_key": reachable.key}
        for path in ("openai/test_openai/", "runware/test_runware/"):
            reachable.fail("hang")
            assert await self.code(tenant, f"{INTEGRATIONS}/{path}", body) == "AI_TIMEOUT"

    @pytest.mark.parametrize("provider", ["openai", "runware"])
    async def test_make_a_picture_by_the_accounts_own_key(
        self, tenant: Tenant, reachable: FakeAI, provider: str
    ) -> None:
        path = f"{INTEGRATIONS}/{provider}/"
        asked = {"prompt": "a crane"}
        failed = await done(tenant, "POST", f"{path}generate_image/", asked)
        assert (failed["status"], failed["error_code"]) == ("failed", "API_KEY_MISSING")
        url = reachable.url if provider == "openai" else reachable.runware_url
        await done(tenant, "PUT", path, {"base_url": url, "api_key": reachable.key})
        await done(
            tenant, "PUT", f"{INTEGRATIONS}/image_generation/", {"provider": provider, "size": "256x192"}
        )
        reachable.reset()
        made = await done(tenant, "POST", f"{INTEGRATIONS}/image_generation/generate_image/", asked)
        assert (made["status"], made["width"], made["height"]) == ("connected", 256, 192)
        assert base64.b64decode(made["image_url"].partition(",")[2]).startswith(b"\x89PNG")
        assert [call.prompt for call in reachable.calls()] == ['"a crane"']


class TestStaff:
    async def test_keep_the_platforms_settings(self, gateway: Gateway, tenant: Tenant) -> None:
        path = "/api/v1/admin/platform-keys/runware/"
        for method, body in (("GET", None), ("PUT", {"model": "civitai:1@1"})):
            assert await refused(tenant, method, path, body) == (403, "FORBIDDEN")
        staff = await gateway.register()
        become(staff, "developer")
        set = await done(staff, "PUT", path, {"api_key": KEY, "model": "civitai:1@1"})
        assert (set["has_api_key"], set["model"]) == (True, "civitai:1@1")
        assert KEY not in (await send(staff, "GET", "/api/v1/admin/platform-keys/")).text
        shown = await done(tenant, "GET", f"{INTEGRATIONS}/runware/")
        assert (shown["source"], shown["has_api_key"]) == ("platform", False)
        with psycopg.connect(gateway.urls.owner) as connection:
            row = connection.execute(
                "SELECT meta->>'actor' FROM events WHERE account_id = %s AND data->>'settings_type' = 'runware'",
                (SYSTEM_ACCOUNT,),
            ).fetchone()
        assert row == (f"user:{staff.user_id}",)

    async def test_keep_the_model_catalogue(self, gateway: Gateway, tenant: Tenant) -> None:
        await ship_models(gateway.runtime.database)
        path = "/api/v1/admin/ai-models/"
        listed = await done(tenant, "GET", f"{SYSTEM}/ai-models/?page_size=100")
        (mini,) = (each for each in listed["results"] if each["name"] == "gpt-4o-mini")
        assert (mini["input_price"], mini["output_price"], mini["kind"]) == (0.15, 0.6, "chat")
        one = f"{path}{mini['id']}/"
        for method, where in (("GET", path), ("GET", one), ("DELETE", one)):
            assert await refused(tenant, method, where) == (403, "FORBIDDEN")
        staff = await gateway.register()
        become(staff, "developer")
        new = {"name": "our-own", "provider": "vllm", "kind": "chat", "input_price": "0.000001"}
        assert (await done(staff, "POST", path, new, 201))["input_price"] == 0.000001
        assert await refused(staff, "POST", path, {**new, "provider": "x"}) == (409, "MODEL_EXISTS")
        wrong = {**new, "input_price": "0.0000001"}
        assert await refused(staff, "POST", path, wrong) == (400, "VALIDATION_ERROR")
        changed = await done(staff, "PATCH", one, {"input_price": 0.2})
        assert (changed["input_price"], changed["output_price"]) == (0.2, 0.6)
        await ship_models(gateway.runtime.database)
        assert (await done(staff, "GET", one))["input_price"] == 0.2
        await at_once(
            gateway,
            SYSTEM_ACCOUNT,
            done(staff, "PATCH", one, {"input_price": 0.3}),
            done(staff, "PATCH", one, {"output_price": 0.7}),
        )
        both = await done(staff, "GET", one)
        assert (both["input_price"], both["output_price"]) == (0.3, 0.7)
        await done(staff, "DELETE", one, status=204)
        listed = await done(tenant, "GET", f"{SYSTEM}/ai-models/?page_size=100&kind=chat")
        names = [each["name"] for each in listed["results"]]
        assert "our-own" in names
        assert "gpt-4o-mini" not in names

    async def test_everybody_may_know_what_the_ai_can_be_asked(self, tenant: Tenant) -> None:
        found = (await done(tenant, "GET", f"{SYSTEM}/ai-functions/"))["results"]
        assert [each["name"] for each in found][:2] == ["auto_cluster", "generate_ideas"]
        assert all(each["cost"] and each["input_schema"] and each["output_schema"] for each in found)
