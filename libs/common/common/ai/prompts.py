"""The prompts an account can write itself: which there are, their defaults, and what makes one unusable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from common.ai import functions
from common.ai.functions import AnyFunction
from common.ai.templates import placeholders
from common.contracts.settings import PromptType

LONGEST = 20_000
"""Characters: some ten pages. Longer instructions leave small models too little room for the answer."""


@dataclass(frozen=True)
class Prompt:
    """One kind of prompt. `required` are the placeholders without which no answer could pass the function's check."""

    type: PromptType
    function: AnyFunction
    required: tuple[str, ...] = ()

    @property
    def default(self) -> str:
        return self.function.instructions

    @property
    def known(self) -> tuple[str, ...]:
        """The placeholders there are: the fields of the function's input."""
        return tuple(field.name for field in msgspec.structs.fields(self.function.input_type))


PROMPTS: Mapping[PromptType, Prompt] = {
    prompt.type: prompt
    for prompt in (
        Prompt("clustering", functions.AUTO_CLUSTER),
        Prompt("ideas", functions.GENERATE_IDEAS, ("count",)),
        Prompt("content_generation", functions.GENERATE_CONTENT, ("word_count",)),
        Prompt("image_prompt_extraction", functions.GENERATE_IMAGE_PROMPTS, ("in_article",)),
        Prompt("image_prompt_template", functions.GENERATE_IMAGES, ("prompt",)),
    )
}


def prompt_of(function: AnyFunction) -> Prompt:
    """The prompt that a function is asked with."""
    return next(prompt for prompt in PROMPTS.values() if prompt.function.name == function.name)


def problems(type: PromptType, text: str) -> list[str]:
    """What is wrong with a prompt, in words its author can act on; empty when it can be used."""
    prompt = PROMPTS[type]
    if not text.strip():
        return ["is empty; reset it to have the default"]
    if len(text) > LONGEST:
        return [f"has {len(text)} characters, at most {LONGEST} are allowed"]
    if "\0" in text:
        return ["contains a NUL character"]
    try:
        used = list(placeholders(text))
    except ValueError as error:
        return [f"has a brace without its other half ({error}); write {{{{ and }}}} for braces that are text"]
    known = ", ".join(f"{{{name}}}" for name in prompt.known)
    wrong = [
        f"has the unknown placeholder {{{name}}}; known are {known}; write {{{{ and }}}} for braces that are text"
        for name in dict.fromkeys(used)
        if name not in prompt.known
    ]
    return wrong + [f"lacks the placeholder {{{name}}}" for name in prompt.required if name not in used]
