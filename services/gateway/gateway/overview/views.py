"""The tables of the views over all services, and how a fact changes them.

An entry is merged column by column: of all facts that speak of a column the one with the greatest `guard` is right
(`guards` remembers it, see `statements.py`). So an entry is the same in whatever order events were heard. Counts move by
what an entry was before and is after a statement, so that a fact applied twice counts once. Each search or count names
its tenant by the policy of the tables alone.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec
import sqlalchemy as sa
from common.database import Row, Sql
from common.eventsourcing.event import Recorded
from common.model import Projection
from common.views import uuid_column
from sqlalchemy.dialects.postgresql import TSVECTOR

from gateway import metadata
from gateway.overview.decisions import OVERVIEW
from gateway.overview.events import EntriesSeen, Entry
from gateway.overview.sights import NOTED
from gateway.overview.statements import CLUSTERS_OF, END, ENDED, GIVEN, MAPPED, MERGE, NOTE, SPELL
from gateway.overview.words import SHORTEST_MISTYPED, words_of

SEARCHED = ("keyword", "cluster", "idea", "task", "content")
QUIET = ("CreditsDeducted", "TaskStarted", "TaskCompleted", *(contract.__name__ for contract in NOTED))
"""Heard and counted, but nothing a person would call an activity of its own: that an article is asked for, and that it is
written, other events say."""
ACTIVITY_KEPT = "90 days"
"""Before the newest event of the account, not before now: so the tables follow from the facts alone. A dashboard shows
the newest hundred at most."""
ENDED_AT_ONCE = 1_000
"""Of an account that was silent for months all of it is too old at once: it goes with the next events."""

entries = sa.Table(
    "overview_entries",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    uuid_column("id", primary_key=True),
    uuid_column("site_id", nullable=True),
    uuid_column("sector_id", nullable=True),
    uuid_column("parent_id", nullable=True),
    sa.Column("text", sa.Text),
    sa.Column("label", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("archived", sa.Boolean),
    sa.Column("amount", sa.BigInteger),
    sa.Column("failed", sa.Integer),
    sa.Column("text_version", sa.Integer),
    sa.Column("live_version", sa.Integer),
    sa.Column("guard", sa.Integer, nullable=False),
    sa.Column("guards", sa.ARRAY(sa.Integer), nullable=False),
    sa.Column("live_guard", sa.Integer),
    sa.Column("words", TSVECTOR),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("made_on", sa.Date),
    sa.Column("shown", sa.Text),
)
counts = sa.Table(
    "overview_counts",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    uuid_column("site_id", primary_key=True),
    uuid_column("sector_id", primary_key=True),
    sa.Column("made_on", sa.Date, primary_key=True),
    sa.Column("label", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, primary_key=True),
    sa.Column("entries", sa.BigInteger, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
)
activity = sa.Table(
    "overview_activity",
    metadata,
    uuid_column("account_id", primary_key=True),
    uuid_column("event_id", primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("kind", sa.Text),
    uuid_column("id", nullable=True),
    uuid_column("site_id", nullable=True),
    uuid_column("sector_id", nullable=True),
    sa.Column("title", sa.Text),
    sa.Column("entries", sa.Integer, nullable=False),
)
positions = sa.Table(
    "overview_positions",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
)
spellings = sa.Table(
    "overview_spellings",
    metadata,
    uuid_column("account_id", primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("word", sa.Text, primary_key=True),
)


async def apply(sql: Sql, recorded: Sequence[Recorded[EntriesSeen]]) -> None:
    for fact in recorded:
        seen = fact.event
        said = {(entry.kind, entry.id): entry for entry in seen.entries}
        rows = [_row(entry, fact.account_id) for entry in said.values()]
        stamp = {"account": fact.account_id, "at": seen.said_at}
        clusters = {id for kind, id in said if kind == "cluster"}
        keywords = [id for kind, id in said if kind == "keyword"]
        clusters |= await _clusters_of(sql, fact.account_id, keywords)
        await sql.execute(GIVEN + MERGE, stamp | {"entries": msgspec.json.encode(rows).decode()})
        for entry in said.values():
            if entry.kind == "operation" and entry.status is not None:
                await sql.execute(ENDED + MERGE, stamp | {"operation": entry.id})
        clusters |= {
            entry.parent_id for entry in said.values() if entry.kind == "keyword" and entry.parent_id
        }
        if clusters:
            await sql.execute(MAPPED, {"account": fact.account_id, "clusters": list(clusters)})
        texts = (entry.text for entry in said.values() if entry.kind in SEARCHED and entry.text)
        if words := sorted({word for text in texts for word in words_of(text)}):
            spelled = {"account": fact.account_id, "words": words, "shortest": SHORTEST_MISTYPED}
            await sql.execute(SPELL, spelled)
        about = seen.entries[0] if seen.entries else None
        note = {
            "event": UUID(fact.stream.partition("-")[2]),
            "source": seen.source,
            "name": seen.name,
            "count": len(said),
            "kind": about.kind if about else None,
            "id": about.id if about else None,
        }
        await sql.execute(NOTE, stamp | note | {"kept": ACTIVITY_KEPT})
        ended = {"account": fact.account_id, "kept": ACTIVITY_KEPT, "most": ENDED_AT_ONCE}
        await sql.execute(END, ended)


async def _clusters_of(sql: Sql, account_id: UUID, keywords: Sequence[UUID]) -> set[UUID]:
    """The clusters in which these keywords were until now."""
    if not keywords:
        return set()
    asked = {"account": account_id, "keywords": keywords}
    return {row["parent_id"] for row in await sql.all(CLUSTERS_OF, asked)}


def _row(entry: Entry, account_id: UUID) -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(entry)
    # Facts of before say what nobody knew: which status a cluster has, and that an archived idea is back.
    if entry.kind == "cluster":
        row.pop("status", None)
    if entry.kind == "idea" and entry.archived is False:
        del row["archived"]
    if entry.text is not None and entry.kind in SEARCHED:
        row["words"] = [lexeme(account_id, entry.kind, word) for word in words_of(entry.text)]
    return row


def lexeme(account_id: UUID, kind: str, word: str) -> str:
    """A word as the index knows it: what other tenants and kinds have of it, a search does not even pass by."""
    return f"{account_id.hex}/{kind}/{word}"


PROJECTION = Projection(
    "overview", (OVERVIEW.category,), (entries, counts, activity, positions, spellings), apply
)


class Within(msgspec.Struct, frozen=True):
    """Which rows are asked for: those of the sites a caller may see (None: all), and of one site or sector of these."""

    sites: frozenset[UUID] | None = None
    site_id: UUID | None = None
    sector_id: UUID | None = None

    @property
    def condition(self) -> str:
        """As SQL with the names of `parameters`, only what restricts: so each has a plan of its own."""
        asked = [sql for name, sql in _WITHIN.items() if getattr(self, name) is not None]
        return " AND ".join(asked) or "true"

    @property
    def parameters(self) -> dict[str, object]:
        sites = None if self.sites is None else list(self.sites)
        return {"sites": sites, "site_id": self.site_id, "sector_id": self.sector_id}


_WITHIN = {
    "sites": "site_id = ANY (%(sites)s::uuid[])",
    "site_id": "site_id = %(site_id)s::uuid",
    "sector_id": "sector_id = %(sector_id)s::uuid",
}

# Plain SQL: a dashboard asks eight times, and to compile that anew each time took longer than to answer it.
_POSITIONS = "SELECT source, events, said_at AS at FROM overview_positions ORDER BY source"
_COUNTED = """
SELECT @by, sum(entries)::bigint AS entries, sum(amount)::bigint AS amount FROM overview_counts
WHERE kind = ANY (%(kinds)s::text[]) AND made_on >= %(since)s AND @within
GROUP BY @by HAVING sum(entries) <> 0 ORDER BY @by
"""
_ACTIVITY = """
SELECT source, name, said_at, event_id, kind, id, site_id, sector_id, title, entries FROM overview_activity
WHERE name <> ALL (%(quiet)s::text[]) AND @within ORDER BY said_at DESC, event_id DESC LIMIT %(most)s
"""
_RUNS = """
SELECT id, site_id, sector_id, status, made_at FROM overview_entries
WHERE kind = 'run' AND @within ORDER BY made_at DESC, id LIMIT %(most)s
"""
_STAGES = """
SELECT parent_id, label, status, amount, failed FROM overview_entries
WHERE parent_id = ANY (%(runs)s::uuid[]) AND kind = 'stage' ORDER BY label
"""
_LIKE = "SELECT DISTINCT word FROM overview_spellings WHERE key = ANY (%(keys)s::text[]) LIMIT %(most)s"


async def as_of(sql: Sql) -> list[Row]:
    """How far each source has been heard. Read it first: what is read later is at least as new."""
    return await sql.all(_POSITIONS)


async def counted(
    sql: Sql, within: Within, kinds: Collection[str], *by: str, since: date = date.min
) -> list[Row]:
    """How many entries of these kinds there are, and their amounts, by these columns of the counts."""
    query = _COUNTED.replace("@by", ", ".join(by)).replace("@within", within.condition)
    return await sql.all(query, within.parameters | {"kinds": list(kinds), "since": since})


async def newest_activity(sql: Sql, within: Within, most: int) -> list[Row]:
    """What happened last."""
    query = _ACTIVITY.replace("@within", within.condition)
    return await sql.all(query, within.parameters | {"quiet": list(QUIET), "most": most})


async def newest_runs(sql: Sql, within: Within, most: int) -> tuple[list[Row], list[Row]]:
    """The pipeline runs begun last, and their stages."""
    runs = await sql.all(_RUNS.replace("@within", within.condition), within.parameters | {"most": most})
    if not runs:
        return [], []
    return runs, await sql.all(_STAGES, {"runs": [run["id"] for run in runs]})


async def spelled_like(sql: Sql, keys: Collection[str], most: int) -> list[str]:
    """Words of the account's texts that are found under one of the keys."""
    return [row["word"] for row in await sql.all(_LIKE, {"keys": list(keys), "most": most})]


_FIND = """
SELECT e.kind, e.id, e.site_id, e.sector_id, e.text, e.shown, e.said_at
FROM overview_found(%(kinds)s::text[], %(wanted)s::text[], %(sites)s::uuid[], %(site_id)s::uuid, %(sector_id)s::uuid,
    %(most)s) AS f
JOIN overview_entries e USING (kind, id)
"""


async def found(sql: Sql, wanted: Mapping[str, str], within: Within, most: int) -> list[Row]:
    """Of each kind at most so many entries whose words match its text of a tsquery of lexemes, in no order."""
    asked = {"kinds": list(wanted), "wanted": list(wanted.values()), "most": most}
    return await sql.all(_FIND, asked | within.parameters)
