"""A question as the account wants it asked: with its own prompt, its author's voice and its strategy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from common.ai.functions import GENERATE_CONTENT, AnyFunction
from common.ai.prompts import problems, prompt_of
from common.ai.templates import literal
from common.contracts.settings import AuthorProfileChanged, StrategyChanged
from common.database import Sql
from common.replicas import settings


async def tailored(sql: Sql, function: AnyFunction, input: Any, sector_id: UUID) -> tuple[AnyFunction, Any]:
    """The function with the account's instructions, and the input in its author's language."""
    prompt = prompt_of(function)
    own = await settings.prompt_text(sql, prompt.type)
    # A prompt saved before its function took other input is no use: the default is better than no answer.
    instructions = own if own is not None and not problems(prompt.type, own) else prompt.default
    strategy = await settings.active_strategy(sql, sector_id, prompt.type)
    if strategy is not None and function.name != "generate_images":
        instructions += "\n\n" + literal(_strategy(strategy))
    author = await settings.default_author(sql)
    if author is not None and "language" in input.__struct_fields__:
        input = msgspec.structs.replace(input, language=author.language)
    if author is not None and function.name == GENERATE_CONTENT.name:
        instructions += "\n\n" + literal(_author(author))
    return replace(function, instructions=instructions), input


def _strategy(strategy: StrategyChanged) -> str:
    parts = [f"Follow the strategy {strategy.name!r}.", strategy.description]
    if strategy.section_logic:
        logic = msgspec.json.encode(strategy.section_logic).decode()
        parts.append(f"Its rules for the sections: {logic}")
    return "\n".join(filter(None, parts))


def _author(author: AuthorProfileChanged) -> str:
    parts = [f"Write as {author.name}.", author.description, author.tone and f"Tone: {author.tone}."]
    return "\n".join(filter(None, parts))
