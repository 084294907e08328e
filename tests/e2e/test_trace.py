"""One trace from the HTTP request that starts a run to the call that publishes, through all five processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from common.contracts.base import SERVICES

from tests.e2e.conftest import Shared, WordPressDemo
from tests.support.product import spans

Span = Mapping[str, Any]
START = "POST /api/v1/automation/runs/"


@dataclass(frozen=True)
class Trace:
    """The spans of one trace by their ids."""

    by_id: Mapping[str, Span]

    def chain(self, span: Span) -> list[Span]:
        """The span and its ancestors, the root last."""
        found = [span]
        while (parent := found[-1]["parent_id"]) is not None:
            found.append(self.by_id[parent])
        return found

    def named(self, service: str, name: str) -> list[Span]:
        return [each for each in self.by_id.values() if (each["service"], each["name"]) == (service, name)]


def trace_of_the_run(exported: Sequence[Span]) -> Trace:
    [start] = [each for each in exported if (each["service"], each["name"]) == ("gateway", START)][:1]
    trace_id = start["context"]["trace_id"]
    return Trace(
        {each["context"]["span_id"]: each for each in exported if each["context"]["trace_id"] == trace_id}
    )


def steps(chain: Sequence[Span]) -> list[tuple[str, str]]:
    return [(each["service"], each["name"]) for each in chain]


def assert_whole(trace: Trace) -> None:
    """One root, no orphan, every process took part."""
    roots = [each for each in trace.by_id.values() if each["parent_id"] is None]
    assert steps(roots) == [("gateway", START)]
    orphans = [each for each in trace.by_id.values() if each["parent_id"] not in {None, *trace.by_id}]
    assert steps(orphans) == []
    assert {each["service"] for each in trace.by_id.values()} == set(SERVICES)


@pytest.fixture(scope="module")
def trace(shared: Shared) -> Trace:
    return trace_of_the_run(spans(shared.spans))


class TestTheSharedRun:
    def test_is_one_trace_without_an_orphan(self, trace: Trace) -> None:
        assert_whole(trace)

    def test_every_article_is_published_below_the_request(self, trace: Trace, shared: Shared) -> None:
        jobs = trace.named("publisher", "job publish")
        assert len(jobs) >= shared.summary["published"]
        for job in jobs:
            way = steps(trace.chain(job))
            assert way[:3] == [
                ("publisher", "job publish"),
                ("publisher", "igny8.publisher process ContentReadyToPublish"),
                ("writer", "igny8.writer.events publish"),
            ]
            assert way[-2:] == [("planner", START), ("gateway", START)]
            assert {"writer", "billing", "planner"} <= {service for service, _ in way}

    def test_a_message_is_said_by_a_producer_and_heard_by_consumers(self, trace: Trace) -> None:
        for span in trace.by_id.values():
            parent = trace.by_id.get(span["parent_id"])
            if span["name"].endswith("events publish"):
                assert span["kind"] == "SpanKind.PRODUCER"
            if " process " in span["name"]:
                assert span["kind"] == "SpanKind.CONSUMER"
                assert parent is not None
                assert parent["kind"] == "SpanKind.PRODUCER"


@pytest.mark.wordpress
class TestTheRunToWordPress:
    def test_is_one_trace_without_an_orphan(self, wordpress_demo: WordPressDemo) -> None:
        assert_whole(trace_of_the_run(spans(wordpress_demo.spans)))

    def test_reaches_every_call_that_changed_wordpress(self, wordpress_demo: WordPressDemo) -> None:
        trace = trace_of_the_run(spans(wordpress_demo.spans))
        port = urlsplit(wordpress_demo.site.url).port
        calls = [
            each
            for each in trace.named("publisher", "POST")
            if each["kind"] == "SpanKind.CLIENT"
            and each["attributes"].get("server.port") == port
            and each["attributes"].get("http.response.status_code", 599) < 300
        ]
        # What is refused changes nothing: the upload that tests the connection, a term that another article just made.
        posted = [each for each in wordpress_demo.requests if each.method == "POST" and each.status < 300]
        assert any("/wp-json/wp/v2/posts" in each.path for each in posted)
        assert len(calls) == len(posted)
        for call in calls:
            way = steps(trace.chain(call))
            assert ("publisher", "job publish") in way
            assert ("publisher", "igny8.publisher process ContentReadyToPublish") in way
            assert ("writer", "igny8.writer.events publish") in way
            assert way[-1] == ("gateway", START)
