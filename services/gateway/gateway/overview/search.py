"""Searching texts of all services: first the words as they are, then, where too few are found, as they may be meant."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from common.database import Row, Transaction

from gateway.overview.views import Within, as_of, found, lexeme, spelled_like
from gateway.overview.words import SHORTEST_KEY, marked, neighbours, words_of

Match = Literal["exact", "prefix", "similar"]
GRADES: tuple[Match, ...] = ("exact", "prefix", "similar")

MOST_CANDIDATES = 100
"""Of a kind, from which the best are chosen: more are rarely looked at, and each is read and graded."""
MOST_QUERY_WORDS = 10
MOST_MEANT = 20
"""Words that one mistyped word may stand for."""
SHORTEST_PREFIX = 3


@dataclass(frozen=True)
class Found:
    """One text; `match` is that of its worst word."""

    row: Row
    match: Match
    highlight: str


async def read_search(
    tx: Transaction, text: str, kinds: Sequence[str], within: Within, most: int
) -> dict[str, Any]:
    """At most so many results of each kind, and as of which positions."""
    known = await as_of(tx)
    by_kind = await search(tx, text, kinds, within, most)
    return {
        "groups": [
            {
                "kind": kind,
                "results": [_shown(each) for each in by_kind[kind][:most]],
                "more": len(by_kind[kind]) > most,
            }
            for kind in kinds
        ],
        "as_of": known,
    }


def _shown(found: Found) -> dict[str, Any]:
    row = found.row
    return {
        "id": row["id"],
        "kind": row["kind"],
        "title": row["text"],
        "highlight": found.highlight,
        "match": found.match,
        "status": row["shown"],
        "site_id": row["site_id"],
        "sector_id": row["sector_id"],
        "at": row["said_at"],
    }


async def search(
    tx: Transaction, text: str, kinds: Collection[str], within: Within, most: int
) -> Mapping[str, Sequence[Found]]:
    """By kind the best matches first, one more than `most` where there are more. Every word of `text` must be matched."""
    words = words_of(text)[:MOST_QUERY_WORDS]
    if not words:
        return {kind: [] for kind in kinds}
    meant: dict[str, list[str]] = {word: [] for word in words}
    exactly = _wanted(tx.account_id, kinds, meant, beginnings=False)
    rows = await found(tx, exactly, within, MOST_CANDIDATES)
    by_kind = _by_kind(kinds, rows)
    if few := [kind for kind in kinds if len(by_kind[kind]) <= most]:
        for word in words:
            if len(word) >= SHORTEST_KEY:
                meant[word] = await spelled_like(tx, neighbours(word), MOST_MEANT)
        loosely = _wanted(tx.account_id, few, meant, beginnings=True)
        by_kind |= _by_kind(few, await found(tx, loosely, within, MOST_CANDIDATES))
    return {kind: _best(rows, meant, most) for kind, rows in by_kind.items()}


def _wanted(
    account_id: UUID, kinds: Collection[str], meant: Mapping[str, Sequence[str]], *, beginnings: bool
) -> dict[str, str]:
    """By kind a tsquery: of each word one of its forms. Words are letters and digits, so quoting them is enough."""

    def any_form(kind: str, word: str, others: Sequence[str]) -> str:
        own = f"'{lexeme(account_id, kind, word)}'"
        forms = [f"{own}:*" if beginnings and len(word) >= SHORTEST_PREFIX else own]
        return " | ".join([*forms, *(f"'{lexeme(account_id, kind, other)}'" for other in others)])

    return {
        kind: " & ".join(f"({any_form(kind, word, others)})" for word, others in meant.items())
        for kind in kinds
    }


def _by_kind(kinds: Collection[str], rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {kind: [row for row in rows if row["kind"] == kind] for kind in kinds}


def _best(rows: Sequence[Row], meant: Mapping[str, Sequence[str]], most: int) -> list[Found]:
    graded = [(_grade(words_of(row["text"]), meant), row) for row in rows]
    graded.sort(key=lambda each: (each[0], len(each[1]["text"]), each[1]["text"], each[1]["id"]))
    return [
        Found(row, GRADES[max(grade)], marked(row["text"], lambda word: _matches(word, meant)))
        for grade, row in graded[: most + 1]
    ]


def _grade(words: Sequence[str], meant: Mapping[str, Sequence[str]]) -> tuple[int, ...]:
    """For each word asked for how it is matched, the worst first: 0 exactly, 1 as a prefix, 2 as a similar word."""
    own = set(words)
    return tuple(
        sorted(
            (
                0 if word in own else 1 if any(each.startswith(word) for each in words) else 2
                for word in meant
            ),
            reverse=True,
        )
    )


def _matches(word: str, meant: Mapping[str, Sequence[str]]) -> bool:
    return any(
        word == asked or (len(asked) >= SHORTEST_PREFIX and word.startswith(asked)) or word in others
        for asked, others in meant.items()
    )
