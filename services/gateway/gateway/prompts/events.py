"""What can happen to the prompts of an account, and what is then true. A stream per account."""

from dataclasses import dataclass, field, replace
from typing import assert_never
from uuid import UUID

from common.contracts.settings import PromptType
from common.eventsourcing.event import Event
from rpds import HashTrieMap


class PromptWritten(Event, frozen=True):
    """A new prompt, or another text of it; `number` counts its texts."""

    prompt_id: UUID
    prompt_type: PromptType
    prompt_value: str
    number: int


class PromptArchived(Event, frozen=True):
    """Carries the whole prompt, as its public form does."""

    prompt_id: UUID
    prompt_type: PromptType
    prompt_value: str
    number: int


class PromptRestored(Event, frozen=True):
    prompt_id: UUID
    prompt_type: PromptType
    prompt_value: str
    number: int


PromptEvent = PromptWritten | PromptArchived | PromptRestored


@dataclass(frozen=True)
class Prompt:
    type: PromptType
    value: str
    number: int
    archived: bool = False


@dataclass(frozen=True)
class Prompts:
    """All prompts of an account by their id; of those not archived each has a type of its own."""

    by_id: "HashTrieMap[UUID, Prompt]" = field(default_factory=HashTrieMap)

    def of_type(self, type: PromptType) -> UUID | None:
        """The prompt in force."""
        return next(
            (id for id, prompt in self.by_id.items() if prompt.type == type and not prompt.archived), None
        )


def evolve(prompts: Prompts, event: PromptEvent) -> Prompts:
    match event:
        case PromptWritten(id, type, value, number) | PromptRestored(id, type, value, number):
            return replace(prompts, by_id=prompts.by_id.insert(id, Prompt(type, value, number)))
        case PromptArchived(id, type, value, number):
            prompt = Prompt(type, value, number, archived=True)
            return replace(prompts, by_id=prompts.by_id.insert(id, prompt))
    assert_never(event)
