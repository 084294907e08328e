"""The `local` provider: deterministic and offline, the default where no key is set."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from common.ai.cpu import CpuChild
from common.ai.functions import AnyFunction
from common.contracts.operations import Usage

_ANSWERS = {
    "auto_cluster": ("common.ai.local.clusters", "cluster"),
    "generate_ideas": ("common.ai.local.ideas", "ideas"),
    "generate_content": ("common.ai.local.articles", "article"),
    "generate_image_prompts": ("common.ai.local.prompts", "image_prompts"),
    "generate_images": ("common.ai.local.images", "render"),
}


def answer(name: str, input: Any) -> Any:
    """What the function called `name` answers; imports what it needs only now, in the child process."""
    module, function = _ANSWERS[name]
    work: Callable[[Any], Any] = getattr(import_module(module), function)
    return work(input)


class LocalProvider:
    """Answers every function in a child process, so that no event loop waits for it."""

    name = "local"

    def __init__(self, child: CpuChild | None = None) -> None:
        self._child = child or CpuChild()

    async def run(self, function: AnyFunction, input: Any, *, key: str) -> tuple[Any, Usage]:
        """The answer; it costs no money. `key` is not needed: the same input gives the same answer."""
        output = await self._child.run(answer, function.name, input)
        return output, Usage(provider=self.name, model="local", calls=1)

    async def check(self) -> None:
        """Always there."""

    async def close(self) -> None:
        await self._child.close()
