"""What can happen to the author profiles of an account, and what is then true. A stream per account."""

from dataclasses import dataclass, field, replace
from typing import assert_never
from uuid import UUID

from common.eventsourcing.event import Event
from rpds import HashTrieMap


class AuthorProfileWritten(Event, frozen=True):
    """A new profile, a changed or a restored one."""

    profile_id: UUID
    name: str
    description: str
    tone: str
    language: str
    is_default: bool


class AuthorProfileArchived(Event, frozen=True):
    """Carries the whole profile, as its public form does."""

    profile_id: UUID
    name: str
    description: str
    tone: str
    language: str


AuthorEvent = AuthorProfileWritten | AuthorProfileArchived


@dataclass(frozen=True)
class Author:
    """`made` counts the profiles that were there before it."""

    name: str
    description: str
    tone: str
    language: str
    is_default: bool = False
    archived: bool = False
    made: int = 0


@dataclass(frozen=True)
class Authors:
    """All profiles of an account; as long as one is there, exactly one is the default."""

    by_id: "HashTrieMap[UUID, Author]" = field(default_factory=HashTrieMap)

    @property
    def default(self) -> UUID | None:
        return next((id for id, author in self.by_id.items() if author.is_default), None)


def evolve(authors: Authors, event: AuthorEvent) -> Authors:
    known = authors.by_id.get(event.profile_id)
    made = len(authors.by_id) if known is None else known.made
    match event:
        case AuthorProfileWritten(id, name, description, tone, language, is_default):
            author = Author(name, description, tone, language, is_default, made=made)
        case AuthorProfileArchived(id, name, description, tone, language):
            author = Author(name, description, tone, language, archived=True, made=made)
        case _:
            assert_never(event)
    return replace(authors, by_id=authors.by_id.insert(id, author))
