"""The judge outside: says from the databases, the topics, the AI server's log, pages and mails what went wrong.

No service is asked. What must have been published is computed from the stored facts by the published language's own pure
functions; everything else is counted in SQL or read from the other side's records. Each check names what it found.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from common.contracts.base import SERVICES, events_topic
from common.messaging.consumer import group_of
from common.operate.projections import verify
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from igny8_local.stack import Stack

from proving.evidence import Check, Evidence
from proving.load import ARTICLES, KEYWORDS, REVISED
from proving.mails import mailed_once
from proving.paid import paid_once
from proving.placed import PLACED, published

SHOWN = 5
"""Findings of one check that are told one by one; the rest is counted."""


def accepted(evidence: Evidence) -> Iterable[str]:
    """Every accepted request has its effect, and none was refused."""
    yield from evidence.ledger.complaints
    sites = set(evidence.column("gateway", "SELECT id FROM sites"))
    sectors = set(evidence.column("gateway", "SELECT id FROM sectors"))
    imports = {row["import_id"]: row for row in evidence.rows("planner", "SELECT * FROM imports")}
    keywords = Counter(evidence.column("planner", "SELECT sector_id FROM keywords WHERE NOT archived"))
    runs = {row["run_id"]: row["status"] for row in evidence.rows("planner", "SELECT * FROM pipeline_runs")}
    articles = {row["content_id"]: row for row in evidence.rows("publisher", "SELECT * FROM publications")}
    published = Counter(row["run_id"] for row in articles.values() if row["status"] in PLACED)
    written = {what: set(evidence.column(service, query)) for what, (service, query) in _WRITTEN.items()}
    for promise in evidence.ledger.accepted:
        match promise.what:
            case "site" if promise.id not in sites:
                yield f"site {promise.id} was accepted and is not there"
            case "sector" if promise.id not in sectors:
                yield f"sector {promise.id} was accepted and is not there"
            case "import":
                row = imports.get(promise.id)
                status = row["status"] if row else "not there"
                if row is None or status != "completed":
                    yield f"import {promise.id} was accepted and is {status}"
                elif keywords[row["sector_id"]] != KEYWORDS:
                    yield f"import {promise.id}: {keywords[row['sector_id']]} keywords instead of {KEYWORDS}"
            case "run":
                if runs.get(promise.id) != "completed":
                    yield f"run {promise.id} was accepted and is {runs.get(promise.id, 'not there')}"
                elif published[promise.id] != ARTICLES:
                    yield f"run {promise.id} published {published[promise.id]} articles instead of {ARTICLES}"
            case "update":
                row = articles[promise.id]
                if row["status"] != "published" or not row["title"].endswith(REVISED):
                    yield f"a new version of {promise.id} was accepted, and {row['title']!r} is {row['status']}"
            case "unpublish" if articles[promise.id]["status"] != "unpublished":
                yield f"{promise.id} was to be taken back and is {articles[promise.id]['status']}"
            case what if what in written and promise.id not in written[what]:
                yield f"{what} {promise.id} was accepted and is not there"


_WRITTEN = {
    "author": ("gateway", "SELECT id FROM author_profiles"),
    "keyword": ("planner", "SELECT keyword_id FROM keywords"),
    "task": ("writer", "SELECT task_id FROM tasks"),
    "adjustment": ("billing", "SELECT id FROM adjustments_of_all()"),
}


_ON_ITS_WAY = {
    "rows in the outbox": "SELECT count(*) FROM outbox",
    "refused outbox rows": "SELECT count(*) FROM outbox_dead_letters",
    "dead letters": "SELECT count(*) FROM dead_letters",
    "catch-ups": "SELECT (SELECT count(*) FROM catch_ups) + (SELECT count(*) FROM catch_up_requests)",
    "jobs": "SELECT count(*) FROM procrastinate_jobs"
    " WHERE status IN ('doing', 'failed', 'aborting', 'aborted')"
    " OR (status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now() + interval '2 minutes'))",
}


def nothing_on_its_way(evidence: Evidence) -> Iterable[str]:
    """What was begun has ended: no event waits to be said, none lies aside, no job is left."""
    for service in SERVICES:
        for what, query in _ON_ITS_WAY.items():
            if count := evidence.column(service, query)[0]:
                yield f"{service}: {count} {what}"


def heard(evidence: Evidence) -> Iterable[str]:
    """Every public fact was taken in by each of its listeners, and nothing was that nobody recorded."""
    public = evidence.public()
    known = {fact.event_id for fact in public}
    for service in SERVICES:
        inbox = evidence.column(service, "SELECT event_id FROM inbox WHERE consumer = %s", group_of(service))
        taken = set(inbox)
        for fact in public:
            if service in fact.heard_by and fact.event_id not in taken:
                yield f"{service} never heard {fact}"
        # Progress is told live and recorded nowhere; only the gateway hears it.
        for stranger in taken - known if service != "gateway" else ():
            yield f"{service} heard {stranger}, which nobody has recorded"


def topics(evidence: Evidence) -> Iterable[str]:
    """The topics hold what was recorded since the broker lives, each stream in order, and nothing else."""
    public = {fact.event_id: fact for fact in evidence.public()}
    since = datetime.fromtimestamp(evidence.broker_since, UTC)
    for service in SERVICES:
        said, whole = _said(evidence.stack, events_topic(service))
        latest: dict[str, int] = defaultdict(int)
        for event_id in dict.fromkeys(said):
            fact = public.get(event_id)
            if fact is None or fact.service != service:
                yield f"{events_topic(service)} holds {event_id}, which {service} has not recorded"
            elif fact.recorded_at >= since:
                if fact.version < latest[fact.stream]:
                    yield f"{fact} was said after version {latest[fact.stream]} of its stream"
                latest[fact.stream] = max(latest[fact.stream], fact.version)
        there = set(said)
        for fact in public.values() if whole else ():
            if fact.service == service and fact.recorded_at >= since and fact.event_id not in there:
                yield f"{fact} was never said"


def _said(stack: Stack, topic: str) -> tuple[list[UUID], bool]:
    """The event ids in a topic, each partition in order; and whether its beginning is still there."""
    state = stack.state()
    assert state is not None
    consumer = Consumer(
        {"bootstrap.servers": state["kafka"], "group.id": "igny8.oracle", "enable.auto.commit": False}
    )
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        ends: dict[int, int] = {}
        whole = True
        for partition in partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), 10)
            whole = whole and low == 0
            if high > low:
                ends[partition] = high
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in ends])
        found: dict[int, list[UUID]] = {partition: [] for partition in ends}
        deadline = time.monotonic() + 60
        while ends and time.monotonic() < deadline:
            for message in consumer.consume(1000, 1.0):
                partition, offset = message.partition(), message.offset()
                if message.error() or partition is None or offset is None:
                    continue
                found[partition].append(_event_id(message))
                if offset + 1 >= ends.get(partition, 0):
                    ends.pop(partition, None)
        return [event_id for said in found.values() for event_id in said], whole and not ends
    finally:
        consumer.close()


def _event_id(message: Message) -> UUID:
    headers: dict[str, Any] = dict(message.headers() or ())
    return UUID(headers["ce_id"].decode())


def streams(evidence: Evidence) -> Iterable[str]:
    """The versions of every stream are 1, 2, 3, … and every event has an id of its own."""
    query = "SELECT stream FROM events GROUP BY stream HAVING max(version) <> count(*) OR min(version) <> 1"
    twice = "SELECT event_id FROM events GROUP BY event_id HAVING count(*) > 1"
    for service in SERVICES:
        yield from (f"{service}: {stream} has a gap" for stream in evidence.column(service, query))
        yield from (f"{service}: event {id} is recorded twice" for id in evidence.column(service, twice))


def read_models(evidence: Evidence) -> Iterable[str]:
    """Every view is what its facts say, and every replica what its source says."""
    for service in SERVICES:
        url, model = evidence.stack.database_url(service, "owner"), evidence.model(service)
        for projection in model.projections:
            for table in asyncio.run(verify(url, model, projection)).tables:
                if not table.equal:
                    yield (
                        f"{service}.{table.table}: {table.live.rows} rows, by its facts {table.rebuilt.rows};"
                        f" only live {table.only_live}, only by the facts {table.only_rebuilt}"
                    )
    for source, of_source, listener, of_replica in _REPLICAS:
        original, copy = set(evidence.column(source, of_source)), set(evidence.column(listener, of_replica))
        for each in original - copy:
            yield f"{listener} misses {each} of {source}"
        for each in copy - original:
            yield f"{listener} has {each}, which {source} has not"


_SITES = "SELECT concat_ws(' ', 'site', site_id, name) FROM replica_sites"
_REPLICAS = (
    ("gateway", "SELECT concat_ws(' ', 'site', id, name) FROM sites", "planner", _SITES),
    ("gateway", "SELECT concat_ws(' ', 'site', id, name) FROM sites", "writer", _SITES),
    ("gateway", "SELECT concat_ws(' ', 'site', id, name) FROM sites", "publisher", _SITES),
    ("writer", "SELECT task_id FROM tasks", "planner", "SELECT task_id FROM replica_tasks"),
    ("planner", "SELECT cluster_id FROM clusters", "writer", "SELECT cluster_id FROM replica_clusters"),
    (
        "writer",
        "SELECT concat_ws(' ', content_id, site_id, approved_version IS NOT NULL, archived) FROM content",
        "publisher",
        "SELECT concat_ws(' ', content_id, site_id, approved, archived) FROM replica_content",
    ),
)

_DELIVERED = {
    "auto_cluster": ("planner", "SELECT count(*) FROM events WHERE type = 'ClustersFormed'"),
    "generate_ideas": ("planner", "SELECT count(DISTINCT cluster_id) FROM ideas"),
    "generate_content": ("writer", "SELECT count(*) FROM content"),
    "generate_image_prompts": ("writer", "SELECT count(DISTINCT content_id) FROM images"),
    "generate_images": ("writer", "SELECT count(*) FROM images WHERE status = 'generated'"),
}


def ledger(evidence: Evidence) -> Iterable[str]:
    """The balance is the sum of what was granted and charged, and what was charged is what was delivered, once."""
    charges = evidence.rows(
        "billing",
        "SELECT data->>'operation_id' AS operation, data->>'item_id' AS item, data->>'function' AS function,"
        " (data->>'amount')::bigint AS amount, (data->>'price')::bigint AS price"
        " FROM events WHERE type = 'CreditsDeducted'",
    )
    charged = Counter((row["operation"], row["item"]) for row in charges)
    for (operation, item), times in charged.items():
        if times > 1:
            yield f"item {item} of operation {operation} was charged {times} times"
    delivered = Counter(
        (stream.partition("-")[2], item)
        for service in ("planner", "writer")
        for stream, item in (
            (row["stream"], row["item"])
            for row in evidence.rows(
                service,
                "SELECT stream, data->>'item_id' AS item FROM events WHERE type = 'ItemSucceeded'",
            )
        )
    )
    for operation, item in delivered.keys() - charged.keys():
        yield f"item {item} of operation {operation} was delivered and never charged"
    for operation, item in charged.keys() - delivered.keys():
        yield f"item {item} of operation {operation} was charged and never delivered"
    by_function = Counter(row["function"] for row in charges)
    for function, (service, query) in _DELIVERED.items():
        there = evidence.column(service, query)[0]
        if there != by_function[function]:
            yield f"{function}: {there} results in {service}, {by_function[function]} charges"
    for row in charges:
        if row["amount"] != row["price"]:
            yield f"item {row['item']} cost {row['price']} and was charged {row['amount']} millicredits"
    yield from _books(evidence, sum(row["amount"] for row in charges))


def _books(evidence: Evidence, charged: int) -> Iterable[str]:
    """The tables of the wallet, against each other and against the charges."""
    used = evidence.column("billing", "SELECT coalesce(sum(credits_used), 0)::bigint FROM usage_log")[0]
    taken = evidence.column(
        "billing", "SELECT coalesce(-sum(amount), 0)::bigint FROM credit_transactions WHERE type = 'usage'"
    )[0]
    if not charged == used == taken:
        yield f"{charged} millicredits charged by the facts, {used} by the usage log, {taken} by the transactions"
    for row in evidence.rows(
        "billing",
        "SELECT w.account_id, w.balance, w.reserved, w.available,"
        " (SELECT coalesce(sum(t.amount), 0)::bigint FROM credit_transactions t"
        "  WHERE t.account_id = w.account_id) AS booked,"
        " (SELECT coalesce(sum(r.held), 0)::bigint FROM reservations r WHERE r.account_id = w.account_id) AS held"
        " FROM wallets w",
    ):
        wallet = f"the wallet of {row['account_id']}"
        if row["balance"] != row["booked"]:
            yield f"{wallet} says {row['balance']}, its transactions {row['booked']} millicredits"
        if row["reserved"] or row["held"] or row["available"] != row["balance"]:
            yield f"{wallet} still reserves {row['reserved']} (reservations hold {row['held']}) millicredits"


CHECKS: Mapping[str, Check] = {
    "every accepted request has its effect": accepted,
    "nothing is left on its way": nothing_on_its_way,
    "every event heard once by each listener": heard,
    "the topics hold what was recorded": topics,
    "every stream is without gaps": streams,
    "views and replicas are what the facts say": read_models,
    "balance = charges = work delivered": ledger,
    "one post and one medium for each": published,
    "every AI step paid once": paid_once,
    "each notice mailed once": mailed_once,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; nothing, where all is well."""

    check: str
    found: tuple[str, ...]

    def __str__(self) -> str:
        shown = "\n".join(f"  {each}" for each in self.found[:SHOWN])
        more = len(self.found) - SHOWN
        return f"{self.check}:\n{shown}" + (f"\n  … and {more} more" if more > 0 else "")


def judge(evidence: Evidence, say: Callable[[str], None] = lambda text: None) -> list[Finding]:
    """Every check, whatever the others found."""
    findings = []
    for name, check in CHECKS.items():
        say(name)
        findings.append(Finding(name, tuple(check(evidence))))
    return findings


def settled(evidence: Evidence, seconds: float) -> bool:
    """Wait until nothing is on its way and everything was heard; False when that takes longer."""
    deadline = time.monotonic() + seconds
    while True:
        # Twice: an event that was between two services at the first look has arrived by the second.
        if not any(any(check(evidence)) for _ in range(2) for check in (nothing_on_its_way, heard)):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
