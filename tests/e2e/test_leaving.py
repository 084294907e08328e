"""An account takes everything along, and leaves nothing behind: export, then erasure, with canaries planted all over."""

import asyncio
import csv
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from billing import model as billing
from common.contracts.base import SERVICES
from common.operate.projections import verify
from igny8_local.demo.client import Client, Refused

from tests.e2e.conftest import Shared
from tests.parts.ports import wait_for
from tests.support.canaries import dump, said, where
from tests.support.product import few_keywords

PASSWORD = "Zqpassword-7"
CLEAR = {
    "account slug": "zqslug",
    "site name": "zqsite",
    "site domain": "zqdomain",
    "sector name": "zqsector",
    "WordPress user": "zqwordpress",
    "prompt": "zqprompt",
    "author profile": "zqauthor",
    "strategy": "zqstrategy",
    "keyword": "zqkeyword",
    "article": "zqarticle",
    "alternative text": "zqpicture",
}
"""What lies as it is in tables and facts until the account is erased."""
SEALED = {
    "account name": "zqaccount",
    "first name": "zqfirst",
    "last name": "zqlast",
    "e-mail": "zqmail",
    "invited e-mail": "zqguest",
    "API key's name": "zqimporter",
}
"""What is encrypted with the account's data key wherever it is kept."""
SECRET = {"password": PASSWORD, "WordPress password": "zqapplication", "provider's key": "sk-zqprovider"}
"""What nobody is ever shown again, not even its owner."""
REMAINS = {
    "topics": "until the broker's retention ends: a log cannot forget one tenant's messages (docs/decisions/0009)",
    "mail": "what was sent has left: this folder stands for other people's mailboxes",
}
"""Where a canary may still be found after the erasure, and why."""


KEPT = {
    "billing": {
        *("events", "snapshots", "wallets", "credit_grants", "credit_transactions"),
        *("usage_log", "reservations", "expiry_schedule", "entitlements", "monthly_use"),
    },
    "gateway": {"account_slugs", "audit_entries"},
}
"""The tables that outlive an account: amounts and limits; who did what, by ids; and hashes of slugs."""


@dataclass
class Leaving:
    """A tenant with a canary in every field that it can fill."""

    client: Client
    account: str
    registered: dict[str, Any]
    api_key: str
    archive: bytes = b""

    def members(self) -> dict[str, bytes]:
        """Of the exported archive, by their paths."""
        with tarfile.open(fileobj=io.BytesIO(self.archive)) as opened:
            return {each.name: opened.extractfile(each).read() for each in opened}  # type: ignore[union-attr]


class _Planting(Client):
    def register(self, **body: str) -> Any:
        canaries = {
            "email": f"{SEALED['e-mail']}@example.com",
            "password": PASSWORD,
            "account_name": SEALED["account name"],
            "account_slug": CLEAR["account slug"],
            "first_name": SEALED["first name"],
            "last_name": SEALED["last name"],
        }
        self.registered = super().register(**canaries)
        return self.registered


@pytest.fixture(scope="module")
def leaving(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leaving]:
    client = _Planting(shared.product.url)
    rows = list(csv.reader(few_keywords(tmp_path_factory.mktemp("leaving"), 8).open()))
    path = tmp_path_factory.mktemp("planted") / "keywords.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [rows[0], *([f"{row[0]} {CLEAR['keyword']}", *row[1:]] for row in rows[1:])]
        )
    summary = shared.product.run(path, 1, client=client)
    assert summary["problems"] == []
    account = client.get("account/")["id"]
    site = client.post(
        "account/sites/", {"name": CLEAR["site name"], "domain": f"{CLEAR['site domain']}.example"}
    )
    client.post(f"account/sites/{site['id']}/sectors/", {"name": CLEAR["sector name"]})
    wordpress = {
        "wp_url": "https://wordpress.example.com",
        "wp_username": CLEAR["WordPress user"],
        "wp_app_password": SECRET["WordPress password"],
    }
    _patch(client, f"account/sites/{site['id']}/", wordpress)
    client.post(
        "system/prompts/", {"prompt_type": "clustering", "prompt_value": f"{CLEAR['prompt']} {{keywords}}"}
    )
    client.post("system/author-profiles/", {"name": CLEAR["author profile"]})
    client.post("system/strategies/", {"name": CLEAR["strategy"]})
    client.post(
        "account/invitations/", {"email": f"{SEALED['invited e-mail']}@example.com", "role": "viewer"}
    )
    made = client.post("auth/api-keys/", {"name": SEALED["API key's name"], "scopes": ["read"]})
    provider = {"api_key": SECRET["provider's key"], "is_active": False}
    client._answer(client._http.put("system/settings/integrations/openai/", json=provider))
    (article,) = client.every("writer/content/")
    _patch(client, f"writer/content/{article['id']}/", {"title": f"About {CLEAR['article']}"})
    image = next(client.every("writer/images/"))
    _patch(client, f"writer/images/{image['id']}/", {"alt_text": CLEAR["alternative text"]})
    shared.product.quiet()
    yield Leaving(client, account, client.registered, made["key"])
    client.close()


def _patch(client: Client, path: str, body: dict[str, Any]) -> None:
    client._answer(client._http.patch(path, json=body))


def places(shared: Shared) -> dict[str, bytes]:
    """Everything that the product keeps or has written down anywhere, by where it is; in lower case."""
    layout = shared.product.stack.layout
    found = {
        f"database {service}": dump(shared.product.stack.database_url(service, "owner"))
        for service in (*SERVICES, "secrets")
    }
    found["topics"] = asyncio.run(said(layout.broker.read_text().strip()))
    folders = {
        "objects": layout.objects,
        "pages": layout.published,
        "mail": layout.mail,
        "logs": layout.logs,
        "spans": shared.spans,
    }
    for name, folder in folders.items():
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        found[name] = b"".join(str(path.relative_to(folder)).encode() + path.read_bytes() for path in files)
    return {name: content.lower() for name, content in found.items()}


@pytest.fixture(scope="module")
def before(shared: Shared, leaving: Leaving) -> dict[str, bytes]:
    return places(shared)


def test_the_canaries_are_found_where_they_were_planted(before: dict[str, bytes]) -> None:
    """So that finding none later means something."""
    databases = {f"database {service}" for service in SERVICES}
    for what, found in where(CLEAR, before).items():
        assert found & databases, what
        assert not found & {"logs", "spans", "database secrets"}, (what, found)
    kept = where(CLEAR, before)
    assert kept["article"] >= {"database writer", "database gateway", "topics"}
    assert kept["keyword"] >= {"database planner", "database writer", "database publisher", "pages", "topics"}
    assert kept["alternative text"] >= {"database writer"}


def test_keys_and_headers_of_messages_are_looked_through_too(
    leaving: Leaving, before: dict[str, bytes]
) -> None:
    account = leaving.account.encode()
    for part in (b"\n" + account + b"\nce_", b"ce_accountid\n" + account + b"\n"):
        assert part in before["topics"]


def test_what_is_personal_or_secret_is_nowhere_to_be_read_even_before(before: dict[str, bytes]) -> None:
    found = where(SEALED, before)
    assert found.pop("invited e-mail") == {"mail"}
    assert set().union(*found.values()) == set(), found
    assert set().union(*where(SECRET, before).values()) == set()


@pytest.fixture(scope="module")
def exported(shared: Shared, leaving: Leaving, before: dict[str, bytes]) -> Leaving:
    client = leaving.client
    task = client.post("account/export/", {})["task_id"]
    assert client.post("account/export/", {})["task_id"] == task, "one at a time"

    def done() -> bool:
        progress = client.get(f"system/settings/task_progress/{task}/")
        assert progress["status"] != "failed", progress
        return bool(progress["status"] == "completed" and progress["percent"] == 100)

    wait_for(done, what="the export is complete")
    shown = client.get(f"account/export/{task}/")
    assert (shown["status"], shown["services"]) == ("completed", sorted(SERVICES))
    answer = client._http.get(shown["file"].removeprefix("/api/v1/"))
    assert answer.status_code == 200
    leaving.archive = answer.content
    return leaving


class TestTheExport:
    def test_holds_everything_but_secrets(self, exported: Leaving) -> None:
        text = b"".join(exported.members().values()).lower()
        assert [what for what, word in (CLEAR | SEALED).items() if word.encode() not in text] == []
        assert [what for what, word in SECRET.items() if word.lower().encode() in text] == []
        assert b"$argon2" not in text

    def test_holds_every_row_and_every_picture(self, shared: Shared, exported: Leaving) -> None:
        members = exported.members()
        lines = {
            service: [json.loads(line) for line in members[f"{service}.jsonl"].splitlines()]
            for service in SERVICES
        }
        assert all(set(line) == {"kind", "id", "fields"} for of in lines.values() for line in of)
        for service, table in (("planner", "keywords"), ("writer", "content"), ("writer", "images")):
            query = f"SELECT count(*) FROM {table} WHERE account_id = %s"
            count = shared.product.scalar(service, query, exported.account)
            assert sum(line["kind"] == table for line in lines[service]) == count > 0, table
        files = [line["fields"] for line in lines["writer"] if line["kind"] == "file"]
        assert len(files) >= 2
        assert {path: len(members[path]) for path in (each["path"] for each in files)} == {
            each["path"]: each["size"] for each in files
        }

    def test_holds_nothing_of_anybody_else(self, shared: Shared, exported: Leaving) -> None:
        text = b"".join(exported.members().values())
        others = [shared.client.get("account/")["id"]]
        for path in ("planner/keywords/", "writer/content/", "account/sites/", "publisher/publications/"):
            others += [str(each.get("id") or each["content_id"]) for each in shared.client.every(path)]
        assert len(others) > 20
        assert [id for id in others if id.encode() in text] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_with_a_tenant_forgets_unless_it_is_named_here(service: str, shared: Shared) -> None:
    rows = shared.product.rows(
        service,
        "SELECT c.relname AS name, EXISTS (SELECT FROM pg_policies WHERE tablename = c.relname"
        " AND policyname = 'not_erased') AS forgets FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE a.attname = 'account_id' AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace",
    )
    assert len(rows) > 8
    assert {row["name"] for row in rows if not row["forgets"]} == KEPT.get(service, set()) | {
        "erased_accounts"
    }


def ledger(shared: Shared, account: str) -> dict[str, Any]:
    """What was granted and used."""
    query = (
        "SELECT count(*) AS entries, sum(amount) AS amount, max(version) AS version,"
        " (SELECT balance FROM wallets WHERE account_id = %s) AS balance,"
        " (SELECT sum(credits_used) FROM usage_log WHERE account_id = %s) AS used"
        " FROM credit_transactions WHERE account_id = %s"
    )
    return shared.product.rows("billing", query, account, account, account)[0]


def test_only_who_knows_the_slug_and_the_password_erases(shared: Shared, exported: Leaving) -> None:
    client = exported.client
    for body in (
        {"account_slug": "another", "password": PASSWORD},
        {"account_slug": CLEAR["account slug"], "password": "Wrong-Horse-7"},
        {"account_slug": CLEAR["account slug"]},
    ):
        with pytest.raises(Refused) as refused:
            client.post("account/erase/", body)
        assert refused.value.code == "VALIDATION_ERROR"
    with httpx.Client(headers={"X-API-Key": exported.api_key}, trust_env=False) as by_key:
        body = {"account_slug": CLEAR["account slug"], "password": PASSWORD}
        answer = by_key.post(f"{shared.product.url}/api/v1/account/erase/", json=body)
    assert answer.status_code == 403
    assert client.get("account/")["id"] == exported.account


def facts_of(shared: Shared, account: str) -> dict[str, int]:
    query = "SELECT count(*) FROM events WHERE account_id = %s"
    return {service: shared.product.scalar(service, query, account) for service in SERVICES}


@pytest.fixture(scope="module")
def after(shared: Shared, exported: Leaving) -> dict[str, Any]:
    """Erase it; what others had before, and what is left."""
    neighbour = shared.client.get("account/")["id"]
    shared.product.quiet()
    had = facts_of(shared, neighbour)
    amounts = ledger(shared, exported.account)
    body = {"account_slug": CLEAR["account slug"], "password": PASSWORD}
    exported.client.post("account/erase/", body)
    at_once = exported.client._http.get("account/").status_code
    shared.product.quiet()
    assert facts_of(shared, neighbour) == had
    return {"places": places(shared), "amounts": amounts, "at_once": at_once}


class TestTheErasure:
    def test_leaves_no_canary_but_where_it_says_so(self, after: dict[str, Any]) -> None:
        left = where(CLEAR | SEALED | SECRET, after["places"])
        assert {what: found - set(REMAINS) for what, found in left.items() if found - set(REMAINS)} == {}
        assert set().union(*where(SEALED | SECRET, {"topics": after["places"]["topics"]}).values()) == set()

    def test_leaves_ids_and_amounts_only(
        self, shared: Shared, exported: Leaving, after: dict[str, Any]
    ) -> None:
        left = facts_of(shared, exported.account)
        assert left.pop("billing") > 0
        assert left == {"gateway": 1, "planner": 0, "writer": 0, "publisher": 0}
        assert ledger(shared, exported.account) == after["amounts"]
        assert after["amounts"]["used"] > 0
        layout = shared.product.stack.layout
        assert [path for path in (layout.objects / exported.account).rglob("*") if path.is_file()] == []
        assert not (layout.published / CLEAR["account slug"]).exists()
        key = "SELECT wrapped IS NULL AND erased_at IS NOT NULL FROM data_keys WHERE account_id = %s"
        assert shared.product.scalar("secrets", key, exported.account) is True

    async def test_leaves_views_that_are_what_the_facts_say(
        self, shared: Shared, after: dict[str, Any]
    ) -> None:
        url = shared.product.stack.database_url("billing", "owner")
        found = [await verify(url, billing.MODEL, each) for each in billing.MODEL.projections]
        assert [each.projection for each in found if not each.equal] == []

    def test_ends_every_way_in_at_once(
        self, shared: Shared, exported: Leaving, after: dict[str, Any]
    ) -> None:
        assert after["at_once"] == 401
        auth = f"{shared.product.url}/api/v1/auth"
        sign_in = {"email": f"{SEALED['e-mail']}@example.com", "password": PASSWORD}
        refresh = {"refresh": exported.registered["refresh"]}
        with httpx.Client(trust_env=False) as nobody:
            assert nobody.post(f"{auth}/login/", json=sign_in).status_code == 401
            assert nobody.post(f"{auth}/refresh/", json=refresh).status_code == 401
            by_key = {"X-API-Key": exported.api_key}
            path = f"{shared.product.url}/api/v1/planner/keywords/"
            assert nobody.get(path, headers=by_key).status_code == 401

    def test_frees_the_email_and_keeps_the_slug(self, shared: Shared, after: dict[str, Any]) -> None:
        """Who comes back begins anew; nobody comes under the name of one who left."""
        client = shared.product.client()
        body = {"email": f"{SEALED['e-mail']}@example.com", "password": PASSWORD, "account_name": "New"}
        with pytest.raises(Refused) as refused:
            client.register(**body, account_slug=CLEAR["account slug"])
        assert refused.value.code == "SLUG_TAKEN"
        assert UUID(client.register(**body)["account_id"])
        client.close()

    def test_harms_nobody_else(self, shared: Shared, after: dict[str, Any]) -> None:
        shared.product.quiet()
        assert shared.client.count("publisher/publications/") == shared.summary["published"]
        image = next(shared.client.every("writer/images/"))
        answer = httpx.get(f"{shared.product.url}/api/v1/writer/images/{image['id']}/file/")
        assert answer.status_code == 200
        assert all(status.healthy for status in shared.product.stack.services())
