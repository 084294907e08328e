"""What may be decided about the author profiles of an account; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from gateway.authors.events import (
    Author,
    AuthorEvent,
    AuthorProfileArchived,
    AuthorProfileWritten,
    Authors,
    evolve,
)
from gateway.by_id import snapshot_by_id


class AuthorMissing(DomainError):
    code, status = "NOT_FOUND", 404


class DefaultNeeded(DomainError):
    """One profile is the default: it ends being so when another one becomes it."""

    code = "DEFAULT_PROFILE_NEEDED"


@dataclass(frozen=True)
class AddAuthor:
    profile_id: UUID
    name: str
    description: str = ""
    tone: str = ""
    language: str = "en"
    is_default: bool = False


@dataclass(frozen=True)
class ChangeAuthor:
    """None leaves a field as it is."""

    profile_id: UUID
    name: str | None = None
    description: str | None = None
    tone: str | None = None
    language: str | None = None
    is_default: bool | None = None


@dataclass(frozen=True)
class ArchiveAuthor:
    profile_id: UUID


@dataclass(frozen=True)
class RestoreAuthor:
    profile_id: UUID


AuthorCommand = AddAuthor | ChangeAuthor | ArchiveAuthor | RestoreAuthor


def decide(command: AuthorCommand, authors: Authors) -> Sequence[AuthorEvent]:
    id = command.profile_id
    match command:
        case AddAuthor(_, name, description, tone, language, is_default):
            if id in authors.by_id:
                return []
            return _place(authors, id, Author(name, description, tone, language, is_default))
        case ChangeAuthor():
            author = _author(authors, id)
            given = {
                name: value
                for name, value in vars(command).items()
                if value is not None and name != "profile_id"
            }
            changed = replace(author, **given)
            if author.is_default and not changed.is_default:
                raise DefaultNeeded("Make another profile the default; this one then ends being it.")
            return [] if changed == author else _place(authors, id, changed)
        case ArchiveAuthor():
            author = _author(authors, id, archived_too=True)
            if author.archived:
                return []
            archived = AuthorProfileArchived(id, *_fields(author))
            others = [other for other, each in authors.by_id.items() if other != id and not each.archived]
            if not author.is_default or not others:
                return [archived]
            heir = min(others, key=lambda other: authors.by_id[other].made)
            return [archived, AuthorProfileWritten(heir, *_fields(authors.by_id[heir]), is_default=True)]
        case RestoreAuthor():
            author = _author(authors, id, archived_too=True)
            return _place(authors, id, replace(author, archived=False)) if author.archived else []
    assert_never(command)


def _place(authors: Authors, id: UUID, author: Author) -> Sequence[AuthorEvent]:
    """The profile as it shall be; the first one is the default, and a new default relieves the old one."""
    default = authors.default
    written = AuthorProfileWritten(
        id, *_fields(author), is_default=author.is_default or default in (None, id)
    )
    if default in (None, id) or not written.is_default:
        return [written]
    return [AuthorProfileWritten(default, *_fields(authors.by_id[default]), is_default=False), written]


def _fields(author: Author) -> tuple[str, str, str, str]:
    return author.name, author.description, author.tone, author.language


def _author(authors: Authors, id: UUID, *, archived_too: bool = False) -> Author:
    author = authors.by_id.get(id)
    if author is None or (author.archived and not archived_too):
        raise AuthorMissing(f"Author profile {id} does not exist or is not yours.")
    return author


AUTHORS: Decider[Authors, AuthorCommand] = Decider(
    category="authors",
    initial=Authors(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((AuthorProfileWritten, AuthorProfileArchived)),
    snapshot=snapshot_by_id("authors.1", dict[UUID, Author], Authors),
)
