"""Progress and live updates: the same rows in whatever order and however often events come."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from common.contracts import Contract
from common.contracts.billing import CreditsDeducted, CreditsReserved
from common.contracts.control import ProgressReported
from common.contracts.operations import (
    AIOperationCancelled,
    AIOperationFailed,
    AIOperationRequested,
    Charge,
    OperationItem,
    Usage,
)
from common.contracts.planner import (
    IdeasGenerated,
    PipelineRunFinished,
    PipelineRunPaused,
    PipelineRunResumed,
    PipelineRunStarted,
    PipelineStageFinished,
    PipelineStageStarted,
)
from common.database import Transaction
from common.ids import new_id
from common.messaging.envelope import Heard
from gateway.activity import live as live_module
from gateway.activity.live import LiveUpdates
from gateway.activity.reactions import reactions

from tests.integration.gateway.running import Gateway, Tenant
from tests.support.events import LONG_AGO, heard

CHARGE = Charge(kind="ideas", units=1)
USAGE = Usage(provider="local", model="local")
DIGEST = (
    "SELECT md5(string_agg(t, '' ORDER BY t)) FROM (SELECT to_jsonb(a)::text AS t FROM activity_operations a"
    " UNION ALL SELECT to_jsonb(i)::text FROM activity_items i UNION ALL SELECT to_jsonb(r)::text"
    " FROM activity_runs r UNION ALL SELECT to_jsonb(s)::text FROM activity_stages s) x"
)


def _heard(account_id: UUID, *contracts: Contract) -> list[Heard[Any]]:
    return [
        heard(account_id, contract, version, category="run", time=LONG_AGO + timedelta(seconds=version))
        for version, contract in enumerate(contracts, 1)
    ]


def _operation(operation_id: UUID, good: UUID, bad: UUID) -> tuple[Contract, ...]:
    site, sector = new_id(), new_id()
    items = tuple(OperationItem(item_id=item, charge=CHARGE) for item in (good, bad))
    return (
        AIOperationRequested(
            operation_id=operation_id,
            function="generate_ideas",
            items=items,
            maximum=4000,
            site_id=site,
            sector_id=sector,
        ),
        CreditsReserved(operation_id=operation_id, amount=4000, balance=9000, available=5000, expires_at="x"),
        AIOperationFailed(
            operation_id=operation_id,
            function="generate_ideas",
            item_id=bad,
            error_code="AI_TIMEOUT",
            message="slow",
        ),
        IdeasGenerated(
            operation_id=operation_id,
            item_id=good,
            site_id=site,
            sector_id=sector,
            ideas=(),
            usage=USAGE,
            charge=CHARGE,
        ),
        CreditsDeducted(
            operation_id=operation_id,
            item_id=good,
            function="generate_ideas",
            amount=2000,
            balance=7000,
            available=7000,
        ),
    )


def _run(run_id: UUID) -> tuple[Contract, ...]:
    site, sector = new_id(), new_id()
    return (
        PipelineRunStarted(run_id=run_id, site_id=site, sector_id=sector, auto_approve=True),
        PipelineStageStarted(run_id=run_id, stage=1, site_id=site, sector_id=sector, items=()),
        PipelineRunPaused(run_id=run_id),
        PipelineRunResumed(run_id=run_id),
        PipelineStageFinished(run_id=run_id, stage=1, items=9, failed=9, credits=0),
        PipelineStageStarted(run_id=run_id, stage=1, site_id=site, sector_id=sector, items=(new_id(),)),
        PipelineStageFinished(run_id=run_id, stage=1, items=1, failed=0, credits=10_000),
        PipelineRunFinished(run_id=run_id, outcome="completed"),
    )


async def _take(gateway: Gateway, live: LiveUpdates, events: list[Heard[Any]]) -> None:
    heard = reactions(live)
    for event in events:

        async def work(tx: Transaction, event: Heard[Any] = event) -> None:
            await heard.handle(event, tx)

        await gateway.runtime.database.run(event.account_id, work)


async def _digest(gateway: Gateway, account_id: UUID) -> str:
    async with gateway.runtime.database.transaction(account_id) as tx:
        return str(await tx.scalar(DIGEST))


async def _clear(gateway: Gateway, account_id: UUID) -> None:
    async with gateway.runtime.database.transaction(account_id) as tx:
        for table in ("operations", "items", "runs", "stages"):
            await tx.execute(f"DELETE FROM activity_{table}")


@pytest.fixture
def live(gateway: Gateway) -> LiveUpdates:
    updates: LiveUpdates = gateway.runtime.extras["gateway"].live
    return updates


class TestProgress:
    async def test_is_the_same_however_shuffled_and_repeated(
        self, gateway: Gateway, live: LiveUpdates
    ) -> None:
        account = new_id()
        cancelled = AIOperationCancelled(operation_id=new_id(), function="auto_cluster", reason="stopped")
        events = _heard(account, *_operation(new_id(), new_id(), new_id()), *_run(new_id()), cancelled)
        await _take(gateway, live, events)
        expected = await _digest(gateway, account)
        for seed in range(5):
            await _clear(gateway, account)
            shuffled = [*events, *events]
            random.Random(seed).shuffle(shuffled)
            await _take(gateway, live, shuffled)
            assert await _digest(gateway, account) == expected, seed

    async def test_of_an_operation_counts_its_items(
        self, gateway: Gateway, tenant: Tenant, live: LiveUpdates
    ) -> None:
        operation, good, bad = new_id(), new_id(), new_id()
        events = _heard(tenant.account_id, *_operation(operation, good, bad))
        path = f"/api/v1/system/settings/task_progress/{operation}/"
        async with tenant.client() as client:
            await _take(gateway, live, events[:2])
            progress = ProgressReported(
                operation_id=operation,
                function="generate_ideas",
                phase="AI Analysis",
                item=1,
                items=2,
                percent=30,
            )
            live.report(tenant.account_id, progress)
            running = (await client.get(path)).json()["data"]
            await _take(gateway, live, events[2:])
            done = (await client.get(path)).json()["data"]
        assert (running["phase"], running["item"], running["items"], running["percent"]) == (
            "AI Analysis",
            1,
            2,
            30,
        )
        assert (done["phase"], done["succeeded"], done["failed"], done["credits"]) == ("Completed", 1, 1, 2.0)
        assert done["errors"] == [{"item_id": str(bad), "error_code": "AI_TIMEOUT", "message": "slow"}]

    async def test_of_a_run_shows_its_stages(
        self, gateway: Gateway, tenant: Tenant, live: LiveUpdates
    ) -> None:
        run = new_id()
        await _take(gateway, live, _heard(tenant.account_id, *_run(run)))
        async with tenant.client() as client:
            data = (await client.get(f"/api/v1/system/settings/task_progress/{run}/")).json()["data"]
        assert (data["status"], data["credits"]) == ("completed", 10.0)
        assert data["stages"] == [
            {"stage": 1, "status": "finished", "items": 1, "failed": 0, "credits": 10.0}
        ]

    async def test_of_another_tenant_does_not_exist(
        self, gateway: Gateway, tenant: Tenant, live: LiveUpdates
    ) -> None:
        operation = new_id()
        await _take(gateway, live, _heard(new_id(), *_operation(operation, new_id(), new_id())))
        async with tenant.client() as client:
            response = await client.get(f"/api/v1/system/settings/task_progress/{operation}/")
        assert response.status_code == 404


class TestLiveUpdates:
    async def test_reach_an_open_stream_of_their_account_only(
        self, gateway: Gateway, live: LiveUpdates
    ) -> None:
        mine, other = new_id(), new_id()
        async with aclosing(live.stream(mine, 0)) as stream:
            await anext(stream)  # the retry hint: the stream is open
            arriving = asyncio.ensure_future(anext(stream))
            run = PipelineRunPaused(run_id=new_id())
            await _take(gateway, live, _heard(other, PipelineRunPaused(run_id=new_id())))
            await _take(gateway, live, _heard(mine, run))
            frame = await asyncio.wait_for(arriving, 10)
        assert b"event: PipelineRunPaused" in frame
        assert str(run.run_id).encode() in frame

    async def test_say_progress_to_its_account_only(self, live: LiveUpdates) -> None:
        mine, other = new_id(), new_id()
        steps = {
            account: ProgressReported(
                operation_id=account, function="auto_cluster", phase="Saving", item=1, items=1, percent=90
            )
            for account in (other, mine)
        }
        async with aclosing(live.stream(mine, 0)) as stream:
            await anext(stream)  # the retry hint: the stream is open
            for account, progress in steps.items():
                live.report(account, progress)
            frame = await asyncio.wait_for(anext(stream), 10)
        assert str(mine).encode() in frame

    async def test_say_of_the_sites_that_somebody_may_see(self, gateway: Gateway, live: LiveUpdates) -> None:
        account, site, other = new_id(), new_id(), new_id()
        asked = {
            each: AIOperationRequested(
                operation_id=new_id(),
                function="auto_cluster",
                items=(),
                maximum=10,
                site_id=each,
                sector_id=new_id(),
            )
            for each in (other, site)
        }
        paused = [PipelineRunPaused(run_id=new_id())]
        reserved = [
            CreditsReserved(operation_id=each.operation_id, amount=1, balance=2, available=1, expires_at="x")
            for each in asked.values()
        ]
        await _take(gateway, live, _heard(account, *asked.values(), *reserved, *paused))
        async with aclosing(live.stream(account, 0, [site])) as stream:
            await anext(stream)  # the retry hint: the stream is open
            for each in asked.values():
                progress = ProgressReported(
                    operation_id=each.operation_id,
                    function="auto_cluster",
                    phase="Saving",
                    item=1,
                    items=1,
                    percent=90,
                )
                live.report(account, progress)
            frames = [await asyncio.wait_for(anext(stream), 10) for _ in range(3)]
        mine = str(asked[site].operation_id).encode()
        names = [frame.split(b"event: ")[1].partition(b"\n")[0] for frame in frames]
        assert names == [b"AIOperationRequested", b"CreditsReserved", b"ProgressReported"]
        assert all(mine in frame for frame in frames)

    async def test_end_after_a_while_so_that_who_may_see_what_is_asked_again(
        self, live: LiveUpdates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_module, "STREAM_SECONDS", 0.0)
        async with aclosing(live.stream(new_id(), 0)) as stream:
            assert [frame async for frame in stream] == [b"retry: 2000\n\n"]

    async def test_resume_after_the_last_event_seen(self, gateway: Gateway, live: LiveUpdates) -> None:
        account, runs = new_id(), [PipelineRunPaused(run_id=new_id()) for _ in range(3)]
        await _take(gateway, live, _heard(account, *runs))
        first = (await _frames(live.stream(account, 0), 4))[1]
        last_seen = int(first.split(b"id: ")[1].split(b"\n")[0])
        resumed = await _frames(live.stream(account, last_seen), 3)
        assert [
            str(run.run_id).encode() in frame for run, frame in zip(runs[1:], resumed[1:], strict=True)
        ] == [
            True,
            True,
        ]

    async def test_are_kept_in_bounds_and_once(
        self, gateway: Gateway, live: LiveUpdates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_module, "KEPT_EVENTS", 5)
        account = new_id()
        events = _heard(account, *(PipelineRunPaused(run_id=new_id()) for _ in range(8)))
        await _take(gateway, live, [*events, events[-1]])
        async with gateway.runtime.database.transaction(account) as tx:
            assert await tx.scalar("SELECT count(*) FROM live_events") == 5


async def _frames(stream: AsyncGenerator[bytes, None], number: int) -> list[bytes]:
    async with aclosing(stream) as open_stream:
        return [await asyncio.wait_for(anext(open_stream), 10) for _ in range(number)]
