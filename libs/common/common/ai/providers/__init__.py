"""Who answers AI functions: the protocol, its errors, and one module per kind of provider."""

from __future__ import annotations

from typing import Any, Protocol

from common.ai.functions import AnyFunction
from common.contracts.operations import Usage


class ProviderError(Exception):
    """A provider gave no usable answer.

    `code` is one of AI_PROVIDER_UNREACHABLE, AI_PROVIDER_REJECTED, AI_PROVIDER_OVERLOADED, AI_TIMEOUT,
    AI_ANSWER_INVALID; `retry_after` in seconds, when the provider said so; `usage` is what was spent in vain.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after
        self.usage = usage


class Provider(Protocol):
    """Answers AI functions; `generate_images` is answered with a RenderedImage, all others with their output."""

    @property
    def name(self) -> str: ...

    async def run(self, function: AnyFunction, input: Any, *, key: str) -> tuple[Any, Usage]:
        """The answer and its usage; the same `key` marks a repetition of the same call. Raises ProviderError."""

    async def check(self) -> None:
        """One cheap request that shows that the provider is really there. Raises ProviderError."""

    async def close(self) -> None:
        """Give up connections and processes."""
