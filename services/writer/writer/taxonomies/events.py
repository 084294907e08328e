"""What can happen to a term of a site, and what is then true."""

from dataclasses import dataclass, replace
from uuid import UUID

from common.contracts.writer import Taxonomy
from common.eventsourcing.event import Event


class TermAdded(Event, frozen=True, kw_only=True):
    term_id: UUID
    site_id: UUID
    sector_id: UUID
    taxonomy: Taxonomy
    name: str
    slug: str


class TermRenamed(Event, frozen=True, kw_only=True):
    """The slug, by which others know the term, stays."""

    term_id: UUID
    site_id: UUID
    taxonomy: Taxonomy
    name: str
    slug: str


TermEvent = TermAdded | TermRenamed


@dataclass(frozen=True)
class NoTerm:
    """Nobody has used it."""


@dataclass(frozen=True)
class Term:
    term_id: UUID
    site_id: UUID
    taxonomy: Taxonomy
    name: str
    slug: str


TermState = NoTerm | Term


def evolve(state: TermState, event: TermEvent) -> TermState:
    match event:
        case TermAdded():
            return Term(event.term_id, event.site_id, event.taxonomy, event.name, event.slug)
        case TermRenamed(name=name):
            return state if isinstance(state, NoTerm) else replace(state, name=name)
