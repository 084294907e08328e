"""The commands as typed: what they print, what they refuse, and their exit codes; on billing's own database."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from billing.model import MODEL
from billing.wallets.decisions import WALLET, GrantCredits
from common.database import Database, Transaction
from common.ids import new_id, stable_id
from igny8_local.errors import StackError
from igny8_local.operate import mount
from typer.testing import CliRunner, Result

from tests.support.database import ServiceUrls

ACCOUNT = stable_id("operator", "account")


@pytest.fixture
async def billing(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]],
) -> AsyncIterator[ServiceUrls]:
    """Two grants on one wallet."""
    with service_database("billing") as urls:
        database = Database(urls.service, MODEL)
        await database.open()

        async def grant(tx: Transaction) -> None:
            for amount in (5_000, 7_000):
                await tx.handle(WALLET, ACCOUNT, GrantCredits(new_id(), "purchase", amount))

        await database.run(ACCOUNT, grant)
        await database.close()
        yield urls


async def run(*arguments: str) -> Result:
    """In a thread, as a command has an event loop of its own."""
    app = typer.Typer()
    mount(app)
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


async def run_json(urls: ServiceUrls, *arguments: str, code: int = 0) -> Any:
    result = await run(*arguments, "--service", "billing", "--database", urls.owner, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


async def test_events_are_shown_and_listed(billing: ServiceUrls) -> None:
    stream = f"{WALLET.category}-{ACCOUNT}"
    shown = await run_json(billing, "events", "show", stream)
    assert (shown["service"], shown["stream"]) == ("billing", stream)
    assert [(each["version"], each["type"], each["data"]["amount"]) for each in shown["events"]] == [
        (1, "CreditsGranted", 5_000),
        (2, "CreditsGranted", 7_000),
    ]
    tail = await run_json(billing, "events", "tail", "-n", "1")
    assert tail == {"events": shown["events"][1:]}
    for_people = await run("events", "show", stream, "--service", "billing", "--database", billing.owner)
    assert "CreditsGranted" in for_people.stdout
    assert "7000" in for_people.stdout
    assert for_people.exit_code == 0


async def test_a_difference_is_shown_and_repaired(billing: ServiceUrls) -> None:
    before = await run_json(billing, "projections", "digests")
    assert {"wallets", "credit_transactions", "rate_cards"} <= set(before["billing"])
    assert (await run_json(billing, "projections", "rebuild", "--verify"))["equal"] is True
    with psycopg.connect(billing.owner) as connection:
        connection.execute("UPDATE wallets SET balance = 1")

    found = await run_json(billing, "projections", "rebuild", "--verify", code=1)
    (wallet,) = [
        table for projection in found["projections"] for table in projection["tables"] if not table["equal"]
    ]
    assert (wallet["table"], wallet["live"]["rows"], wallet["rebuilt"]["rows"]) == ("wallets", 1, 1)
    assert wallet["only_live"][0]["balance"] == 1
    assert wallet["only_rebuilt"][0]["balance"] == 12_000
    for_people = await run(
        "projections", "rebuild", "--verify", "--service", "billing", "--database", billing.owner
    )
    assert for_people.exit_code == 1
    assert "different  billing" in for_people.stdout

    done = await run_json(billing, "projections", "rebuild")
    changed = {
        table["table"]: (table["removed"], table["written"])
        for projection in done["projections"]
        for table in projection["tables"]
        if table["removed"] or table["written"]
    }
    assert changed == {"wallets": (1, 1)}
    assert await run_json(billing, "projections", "digests") == before


async def test_replicas_are_asked_for_once_however_often_that_is_said(billing: ServiceUrls) -> None:
    row = "INSERT INTO replica_accounts (account_id, version) VALUES (%s, 3)"
    with psycopg.connect(billing.owner, autocommit=True) as connection:
        connection.execute(row, (ACCOUNT,))

        def there() -> tuple[Any, ...]:
            query = (
                "SELECT (SELECT count(*) FROM replica_accounts), (SELECT json_agg(json_build_array(consumer, source,"
                " extract(epoch FROM since)::int)) FROM catch_up_requests)"
            )
            return connection.execute(query).fetchone() or ()

        for _ in range(2):
            done = await run_json(billing, "replicas", "rebuild")
            assert done == {"services": [{"service": "billing", "sources": ["gateway"]}], "filled": False}
            assert there() == (1, [["igny8.billing", "gateway", 0]])
        await run_json(billing, "replicas", "rebuild", "--empty")
        assert there() == (0, [["igny8.billing", "gateway", 0]])
    for_people = await run("replicas", "rebuild", "--service", "billing", "--database", billing.owner)
    assert "billing has been told to ask gateway" in for_people.stdout


async def test_dead_letters_are_listed_retried_and_discarded(billing: ServiceUrls) -> None:
    assert await run_json(billing, "dlq", "list") == {"letters": []}
    with psycopg.connect(billing.owner) as connection:
        connection.execute("DELETE FROM outbox")
        connection.execute(
            "INSERT INTO outbox_dead_letters (position, error) SELECT position, 'too [large]' FROM events"
        )
    letters = (await run_json(billing, "dlq", "list"))["letters"]
    first, second = [letter["id"] for letter in letters]
    for_people = await run("dlq", "list", "--service", "billing", "--database", billing.owner)
    assert f"{first}  CreditsGranted" in for_people.stdout
    assert "too [large]" in for_people.stdout
    assert (await run_json(billing, "dlq", "show", first))["payload"]["amount"] == 5_000
    assert [each["id"] for each in (await run_json(billing, "dlq", "retry", first))["retried"]] == [first]
    refusal = await run("dlq", "discard", second, "--service", "billing", "--database", billing.owner)
    assert refusal.exit_code == 1
    assert [each["id"] for each in (await run_json(billing, "dlq", "list"))["letters"]] == [second]
    assert (await run_json(billing, "dlq", "discard", second, "--yes"))["discarded"]["id"] == second
    assert await run_json(billing, "dlq", "list") == {"letters": []}


REFUSED = {
    "service": (["events", "tail", "--service", "biling"], "no service 'biling'"),
    "database of nobody": (["events", "tail", "--database", "postgresql://x"], "--service"),
    "no stack": (["dlq", "list", "--service", "billing"], "is not running"),
    "no stack to rebuild": (["projections", "rebuild"], "is not running"),
    "no server": (
        ["projections", "digests", "--service", "billing", "--database", "postgresql://a:b@127.0.0.1:1/x"],
        "does not answer",
    ),
    "time": (["events", "republish", "--service", "billing", "--since", "yesterday"], "ISO 8601"),
    "which letter": (["dlq", "retry", "--service", "billing"], "--all"),
    "letter or all": (["dlq", "retry", "1", "--all", "--service", "billing"], "--all"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_done_is_one_clear_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGNY8_DATA_DIR", str(tmp_path))
    result = await run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, StackError)
    assert message in str(result.exception)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["events", "show", "wallet-none"], "No stream wallet-none"),
        (["projections", "rebuild", "--projection", "none"], "no projection 'none'"),
        (["dlq", "show", "7"], "no dead letter 7"),
    ],
)
async def test_what_is_not_there_is_named(billing: ServiceUrls, arguments: list[str], message: str) -> None:
    result = await run(*arguments, "--service", "billing", "--database", billing.owner, "--json")
    assert result.exit_code == 1
    assert message in str(result.exception)
    assert result.stdout == ""
