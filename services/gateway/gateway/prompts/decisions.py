"""What may be decided about the prompts of an account; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from common.contracts.settings import PromptType
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from gateway.by_id import snapshot_by_id
from gateway.prompts.events import (
    Prompt,
    PromptArchived,
    PromptEvent,
    PromptRestored,
    Prompts,
    PromptWritten,
    evolve,
)


class PromptMissing(DomainError):
    code, status = "NOT_FOUND", 404


class PromptTypeTaken(DomainError):
    """An account has one prompt of a type."""

    code = "PROMPT_TYPE_TAKEN"


@dataclass(frozen=True)
class AddPrompt:
    prompt_id: UUID
    prompt_type: PromptType
    prompt_value: str


@dataclass(frozen=True)
class ChangePrompt:
    prompt_id: UUID
    prompt_value: str


@dataclass(frozen=True)
class SetPrompt:
    """Whether there is one of the type already or not; `prompt_id` is for a new one."""

    prompt_id: UUID
    prompt_type: PromptType
    prompt_value: str


@dataclass(frozen=True)
class ArchivePrompt:
    prompt_id: UUID


@dataclass(frozen=True)
class RestorePrompt:
    prompt_id: UUID


PromptCommand = AddPrompt | ChangePrompt | SetPrompt | ArchivePrompt | RestorePrompt


def decide(command: PromptCommand, prompts: Prompts) -> Sequence[PromptEvent]:
    match command:
        case AddPrompt(id, type, value):
            if id in prompts.by_id:
                return []
            _require_free(prompts, type)
            return [PromptWritten(id, type, value, 1)]
        case ChangePrompt(id, value):
            return _write(id, _prompt(prompts, id), value)
        case SetPrompt(id, type, value):
            known = prompts.of_type(type)
            if known is None:
                return [PromptWritten(id, type, value, 1)]
            return _write(known, prompts.by_id[known], value)
        case ArchivePrompt(id):
            prompt = _prompt(prompts, id, archived_too=True)
            if prompt.archived:
                return []
            return [PromptArchived(id, prompt.type, prompt.value, prompt.number)]
        case RestorePrompt(id):
            prompt = _prompt(prompts, id, archived_too=True)
            if not prompt.archived:
                return []
            _require_free(prompts, prompt.type)
            return [PromptRestored(id, prompt.type, prompt.value, prompt.number)]
    assert_never(command)


def _write(id: UUID, prompt: Prompt, value: str) -> Sequence[PromptEvent]:
    return [] if value == prompt.value else [PromptWritten(id, prompt.type, value, prompt.number + 1)]


def _prompt(prompts: Prompts, id: UUID, *, archived_too: bool = False) -> Prompt:
    prompt = prompts.by_id.get(id)
    if prompt is None or (prompt.archived and not archived_too):
        raise PromptMissing(f"Prompt {id} does not exist or is not yours.")
    return prompt


def _require_free(prompts: Prompts, type: PromptType) -> None:
    known = prompts.of_type(type)
    if known is not None:
        raise PromptTypeTaken(
            f"There is a prompt of the type {type} already; change that one.", id=str(known)
        )


PROMPTS: Decider[Prompts, PromptCommand] = Decider(
    category="prompts",
    initial=Prompts(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((PromptWritten, PromptArchived, PromptRestored)),
    snapshot=snapshot_by_id("prompts.1", dict[UUID, Prompt], Prompts),
)
