"""The dashboard and the search beside the lists of the services that own what they show, after a run and all that may follow."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from igny8_local.demo.client import Client, until

from tests.parts.fake_ai import FakeAI
from tests.support.product import Product, few_keywords, product

LISTS = {
    "keyword": ("planner/keywords/", "keyword"),
    "cluster": ("planner/clusters/", "name"),
    "idea": ("planner/ideas/", "idea_title"),
    "task": ("writer/tasks/", "title"),
    "content": ("writer/content/", "title"),
    "image": ("writer/images/", ""),
}
"""Each kind's own list, and what its title is called there."""
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def ai() -> Iterator[FakeAI]:
    with FakeAI() as fake:
        yield fake


@pytest.fixture(scope="module")
def lived(ai: FakeAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Client]]:
    """A stack whose tenant had failures, retries, cancellations, articles written anew and edited, and pictures replaced."""
    with product(IGNY8_AI_BASE_URL=ai.url, IGNY8_AI_KEY=ai.key, IGNY8_AI_MODEL="gpt-4.1-mini") as running:
        client = running.client()
        try:
            ai.fail("refusal", path=CHAT, times=None, contains="A guide to")
            running.run(few_keywords(tmp_path_factory.mktemp("keywords")), 3, client=client)
            _write_again(client, ai)
            _cancel_a_run(client, ai)
            _change(client)
            running.quiet()
            yield running, client
        finally:
            client.close()


def _send(client: Client, method: str, path: str, body: Any = None) -> None:
    client._http.request(method, path, json=body).raise_for_status()


def _paid(client: Client, path: str, body: dict[str, Any]) -> None:
    task = client.post(path, body)["task_id"]

    def ended() -> bool:
        found = client._http.get(f"system/settings/task_progress/{task}/").json()
        return bool(found["success"]) and found["data"]["status"] in ("completed", "failed")

    until(ended, 90, f"the end of {path}")


def _write(client: Client, *task_ids: str) -> None:
    _paid(client, "writer/tasks/auto_generate_content/", {"task_ids": list(task_ids)})


def _write_again(client: Client, ai: FakeAI) -> None:
    """A failed task fails again and is then written; of the published articles one is written anew."""
    tasks = list(client.every("writer/tasks/"))
    failed = [task["id"] for task in tasks if task["status"] == "failed"]
    done = [task["id"] for task in tasks if task["status"] == "completed"]
    assert failed, "the run was to have a failure"
    assert done, "the run was to have articles"
    _write(client, failed[0])
    ai.reset()
    _write(client, failed[0])
    _send(client, "PATCH", f"writer/tasks/{done[0]}/", {"status": "queued"})
    _write(client, done[0])


def _cancel_a_run(client: Client, ai: FakeAI) -> None:
    """While an article is being written."""
    (before,) = client.every("automation/runs/")
    place = {"site_id": before["site_id"], "sector_id": before["sector_id"]}
    cluster = next(client.every("planner/clusters/"))["id"]
    for title in ("Renting a crane", "Buying a crane"):
        client.post("planner/ideas/", {**place, "keyword_cluster": cluster, "idea_title": title})
    ai.fail("hang", path=CHAT, times=None)
    run = client.post("automation/runs/", {**place, "caps": {"1": 0, "2": 0}, "articles": 1})["id"]

    def writing() -> bool:
        return any(task["status"] == "in_progress" for task in client.every("writer/tasks/"))

    until(writing, 60, "a task in work")
    client.post(f"automation/runs/{run}/cancel/", {})
    ai.reset()
    until(lambda: not writing(), 60, "the end of what was in work")


def _change(client: Client) -> None:
    """By hand: an edit of what is out, an archived task, idea and cluster, pictures described anew and by hand."""
    published = [each for each in client.every("writer/content/") if each["status"] == "published"]
    article = published[0]["id"]
    _send(
        client, "PATCH", f"writer/content/{article}/", {"title": "Cranes anew", "html_content": "<p>New.</p>"}
    )
    made = client.post("writer/images/", {"content_id": article, "prompt": "A yard"})["id"]
    _send(client, "PATCH", f"writer/images/{made}/", {"alt_text": "Yard"})
    _paid(client, "writer/image-prompts/generate/", {"content_ids": [article]})
    one, other, *_ = client.every("writer/images/", content_id=article, status="generated")
    _send(client, "DELETE", f"writer/images/{one['id']}/")
    _send(client, "PATCH", f"writer/images/{other['id']}/", {"prompt": "A yard at night"})
    ideas = {each["status"]: each["id"] for each in client.every("planner/ideas/")}
    _send(client, "DELETE", f"planner/ideas/{ideas['done']}/")
    _send(client, "PATCH", f"planner/ideas/{ideas['new']}/", {"status": "rejected"})
    clusters = list(client.every("planner/clusters/"))
    _send(client, "DELETE", f"planner/clusters/{clusters[-1]['id']}/")
    keywords = [each["id"] for each in client.every("planner/keywords/", cluster_id=clusters[0]["id"])]
    client.post("planner/keywords/bulk_update_status/", {"keyword_ids": keywords, "status": "new"})


def _dashboard(client: Client) -> dict[str, Any]:
    return client.get("dashboard/", days=2)


def test_the_run_was_as_it_was_meant(lived: tuple[Product, Client]) -> None:
    _, client = lived
    assert {each["status"] for each in client.every("writer/tasks/")} >= {"completed", "failed"}
    articles = list(client.every("writer/content/"))
    assert [each["status"] for each in articles] == ["draft"] * 3
    assert sum(each["published_version"] is not None for each in articles) == 2
    assert {each["status"] for each in client.every("writer/images/")} >= {"pending", "generated"}
    assert {each["status"] for each in client.every("automation/runs/")} == {"completed", "cancelled"}


@pytest.mark.parametrize("kind", LISTS)
def test_the_dashboard_counts_what_the_lists_have(lived: tuple[Product, Client], kind: str) -> None:
    _, client = lived
    (stage,) = (each for each in _dashboard(client)["workflow_pipeline"] if each["kind"] == kind)
    assert stage["by_status"] == Counter(each["status"] for each in client.every(LISTS[kind][0]))


@pytest.mark.parametrize("kind", [kind for kind in LISTS if kind != "image"])
def test_the_search_shows_what_the_lists_show(lived: tuple[Product, Client], kind: str) -> None:
    _, client = lived
    path, title = LISTS[kind]
    for each in client.every(path):
        (group,) = client.get("search/", q=each[title], kind=kind, limit=50)["groups"]
        shown = {found["id"]: (found["title"], found["status"]) for found in group["results"]}
        assert shown.get(each["id"]) == (each[title], each["status"])


def test_the_dashboard_shows_runs_as_their_list_does(lived: tuple[Product, Client]) -> None:
    _, client = lived
    runs = list(client.every("automation/runs/"))
    status = _dashboard(client)["automation_status"]
    assert status["by_status"] == Counter(run["status"] for run in runs)
    shown = {
        run["run_id"]: {each["stage"]: each["status"] for each in run["stages"]} for run in status["latest"]
    }
    assert shown == {
        run["id"]: {
            each["stage"]: each["status"]
            for each in run["stages"]
            if each["status"] not in ("waiting", "skipped")
        }
        for run in runs
    }


def test_the_days_add_up_to_the_articles(lived: tuple[Product, Client]) -> None:
    running, client = lived
    velocity = _dashboard(client)["content_velocity"]
    articles = list(client.every("writer/content/"))
    assert sum(day["created"] for day in velocity) == len(articles)
    assert sum(day["words"] for day in velocity) == sum(each["word_count"] for each in articles)
    assert sum(day["published"] for day in velocity) == client.count("publisher/publications/")
    assert running.scalar("gateway", "SELECT count(*) FROM dead_letters") == 0


def test_operations_are_counted_as_their_services_have_them(lived: tuple[Product, Client]) -> None:
    running, client = lived
    shown = Counter[tuple[str, str]]()
    for each in _dashboard(client)["ai_operations"]:
        shown.update({(each["function"], status): count for status, count in each["by_status"].items()})
    assert not [key for key in shown if key[1] == "running"]
    asked = Counter[str]()
    for service in ("planner", "writer"):
        query = "SELECT data->>'function' AS function, jsonb_array_length(data->'items') AS items FROM events WHERE type = %s"
        for row in running.rows(service, query, "OperationRequested"):
            asked[row["function"]] += row["items"]
    assert {function: sum(n for (of, _), n in shown.items() if of == function) for function in asked} == asked


def test_what_failed_by_hand_is_told(lived: tuple[Product, Client]) -> None:
    _, client = lived
    told = [each["kind"] for each in client.every("notifications/")]
    assert told.count("operation_failed") == 1
