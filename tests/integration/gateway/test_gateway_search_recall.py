"""How much of what was meant the search finds when it is mistyped: of every kind, by made mistakes and by real ones."""

from collections.abc import Collection, Sequence
from typing import Any

import pytest
from common.contracts import Contract
from common.contracts.planner import (
    ClusterName,
    ClustersChanged,
    IdeasChanged,
    IdeaTitle,
    KeywordItem,
    KeywordsChanged,
)
from common.contracts.writer import ContentChanged, TaskItem, TasksCreated
from common.database import Transaction
from common.ids import new_id
from gateway.overview.reactions import seen
from gateway.overview.search import search
from gateway.overview.views import SEARCHED, Within

from tests.integration.gateway.running import Gateway, Tenant, heard
from tests.support.misspellings import by_hand, keywords, labelled

SHOWN = 10


def said_of(texts: Collection[str]) -> list[Contract]:
    """A keyword, a cluster, an idea, a task and an article of each text."""
    place: dict[str, Any] = {"site_id": new_id(), "sector_id": new_id()}
    task: dict[str, Any] = {
        "cluster_id": new_id(),
        "idea_id": None,
        "content_type": "post",
        "content_structure": "guide",
        "word_count": 700,
    }
    named = tuple(KeywordItem(keyword_id=new_id(), keyword=text) for text in texts)
    clusters = tuple(ClusterName(cluster_id=new_id(), name=text) for text in texts)
    ideas = tuple(IdeaTitle(idea_id=new_id(), title=text, status="new") for text in texts)
    tasks = tuple(TaskItem(task_id=new_id(), title=text, **task) for text in texts)
    return [
        KeywordsChanged(keywords=named, **place),
        ClustersChanged(clusters=clusters, **place),
        IdeasChanged(ideas=ideas, **place),
        TasksCreated(tasks=tasks, **place),
        *(
            ContentChanged(content_id=new_id(), version=1, title=text, status="draft", **place)
            for text in texts
        ),
    ]


async def recall(
    gateway: Gateway, tenant: Tenant, texts: Collection[str], asked: Sequence[tuple[str, str]]
) -> dict[str, float]:
    """By kind: of what was typed, the share whose text is among the first ten results."""
    for event in heard(tenant.account_id, *said_of(texts)):

        async def work(tx: Transaction, event: Any = event) -> None:
            await seen.handle(event, tx)

        await gateway.runtime.database.run(tenant.account_id, work)
    recalled = dict.fromkeys(SEARCHED, 0)
    async with gateway.runtime.database.transaction(tenant.account_id) as tx:
        for typed, meant in asked:
            for kind, results in (await search(tx, typed, SEARCHED, Within(), SHOWN)).items():
                recalled[kind] += meant in [each.row["text"] for each in results[:SHOWN]]
    return {kind: number / len(asked) for kind, number in recalled.items()}


@pytest.mark.usefixtures("uncounted")
async def test_finds_what_was_meant_by_200_made_mistakes(gateway: Gateway, tenant: Tenant) -> None:
    asked = [(typed, meant) for typed, meant, _ in labelled()]
    found = await recall(gateway, tenant, keywords(), asked)
    assert min(found.values()) >= 0.9, found


@pytest.mark.usefixtures("uncounted")
async def test_finds_what_people_misspell(gateway: Gateway, tenant: Tenant) -> None:
    """In texts of our keywords too, so that there is more to find than what is meant."""
    texts = {meant: f"{meant} {beside}" for (_, meant), beside in zip(by_hand(), keywords(), strict=False)}
    asked = [(typed, texts[meant]) for typed, meant in by_hand()]
    found = await recall(gateway, tenant, [*keywords(), *texts.values()], asked)
    assert min(found.values()) >= 0.9, found
