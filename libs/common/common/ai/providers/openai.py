"""Any OpenAI-compatible endpoint: structured chat answers with bounded repair, and images."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import msgspec
import openai
from openai.types.chat import ChatCompletion
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from common.ai.functions import AnyFunction, ImageInput, RenderedImage
from common.ai.providers import ProviderError
from common.ai.providers.pictures import picture
from common.ai.providers.prices import PRICES, Price, cost
from common.ai.schemas import strict_schema
from common.contracts.operations import Usage
from common.contracts.settings import Quality
from common.outbound import (
    ForbiddenAddress,
    ForbiddenUrl,
    OutboundError,
    OutboundGuard,
    OutboundLimits,
    guarded_client,
)
from common.retry_after import retry_after_seconds

R = TypeVar("R")

_REPAIRS = 2
_MODEL_SIZES = {
    "featured": "1536x1024",
    "in_article": "1536x1024",
    "desktop": "1536x1024",
    "mobile": "1024x1536",
}
_DALL_E_SIZES = {
    "featured": "1792x1024",
    "in_article": "1024x1024",
    "desktop": "1792x1024",
    "mobile": "1024x1792",
}
_MODEL_QUALITIES: dict[Quality, Any] = {"standard": "medium", "high": "high"}
_DALL_E_QUALITIES: dict[Quality, Any] = {"standard": "standard", "high": "hd"}
LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes: a picture of 4,096 x 4,096 pixels in base64, and far above any text."""


@dataclass(frozen=True)
class Limits:
    """Times in seconds; `attempts` counts the first request too. A job that must wait longer than `longest_wait`
    is better deferred: the error then carries `retry_after`."""

    timeout: float = 120.0
    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 20.0


@dataclass
class _Spent:
    """Usage summed over all calls for one answer, repairs and failures included."""

    provider: str
    model: str
    prices: Mapping[str, Price]
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0

    def usage(self) -> Usage:
        return Usage(
            provider=self.provider,
            model=self.model,
            calls=self.calls,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_micro_usd=cost(
                self.model,
                input_tokens=self.input_tokens,
                output_tokens=self.output_tokens,
                images=self.images,
                prices=self.prices,
            ),
        )


@dataclass
class OpenAIProvider:
    """Speaks to `base_url` (with its `/v1`) by the `openai` client, whose own hidden retries are off.

    With a `guard` it reaches only what that permits: for a `base_url` that a user gave. `size` (pixels, `1024x768`) and
    `quality` are of all its images; empty and None leave them to the image's type and to the model.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    image_model: str = "gpt-image-1"
    limits: Limits = field(default_factory=Limits)
    name: str = "openai"
    guard: OutboundGuard | None = None
    size: str = ""
    quality: Quality | None = None
    prices: Mapping[str, Price] = field(default_factory=lambda: PRICES, repr=False)

    def __post_init__(self) -> None:
        # Some local servers want no key, the client wants one.
        outbound = OutboundLimits(read=self.limits.timeout, response_bytes=LARGEST_ANSWER)
        self._client = openai.AsyncOpenAI(
            api_key=self.api_key or "none",
            base_url=self.base_url,
            max_retries=0,
            timeout=self.limits.timeout,
            # It takes clients of httpx, which it is no longer typed for.
            http_client=cast(Any, guarded_client(self.guard, outbound)) if self.guard else None,
        )

    async def run(self, function: AnyFunction, input: Any, *, key: str) -> tuple[Any, Usage]:
        """The answer and the usage of all calls it took. Raises ProviderError with what was spent in vain."""
        pictures = isinstance(input, ImageInput)
        spent = _Spent(self.name, self.image_model if pictures else self.model, self.prices)
        try:
            if pictures:
                return await self._image(function, input, key, spent), spent.usage()
            return await self._chat(function, input, key, spent), spent.usage()
        except ProviderError as error:
            error.usage = spent.usage()
            raise

    async def check(self) -> None:
        """Ask for the list of models, or where there is none for one token of chat. Raises ProviderError."""
        try:
            models = await self._request(self._client.models.list)
            if isinstance(getattr(models, "data", None), list):
                return
            raise _not_the_api(self.base_url)
        except ProviderError as error:
            if error.code != "AI_PROVIDER_REJECTED" or not isinstance(error.__cause__, openai.NotFoundError):
                raise
        answer = await self._request(
            lambda: self._client.chat.completions.create(
                model=self.model, messages=[{"role": "user", "content": "Say ok."}], max_completion_tokens=1
            )
        )
        if not getattr(answer, "choices", None):
            raise _not_the_api(self.base_url)

    async def close(self) -> None:
        await self._client.close()

    async def _chat(self, function: AnyFunction, input: Any, key: str, spent: _Spent) -> Any:
        messages: list[Any] = list(function.messages(input))
        format_: Any = {
            "type": "json_schema",
            "json_schema": {
                "name": function.name,
                "strict": True,
                "schema": strict_schema(function.output_type),
            },
        }
        problems: list[str] = []
        for repair in range(_REPAIRS + 1):
            # Every repair is a new question: under the first one's key a server would replay the bad answer.
            headers = {"Idempotency-Key": f"{key}:{repair}" if repair else key}
            ask = partial(
                self._client.chat.completions.create,
                model=self.model,
                messages=messages,
                # Not as the argument it also is: the client would walk through the whole schema at each call.
                extra_body={"response_format": format_},
                extra_headers=headers,
            )
            answer = await self._request(ask, spent)
            text, problems = _text_of(answer, self.base_url, spent)
            if text is not None and not problems:
                try:
                    output = msgspec.json.decode(text, type=function.output_type)
                    problems = function.check(input, output)
                except msgspec.DecodeError as error:
                    problems = [f"the answer does not fit the schema: {error}"]
                if not problems:
                    return output
            # The question again, as JSON with what was wrong beside it: nothing else is then out of the model's sight.
            again = msgspec.to_builtins(input) | {"problems_with_your_last_answer": problems[:20]}
            messages += [
                {"role": "assistant", "content": text or "(no answer)"},
                {"role": "user", "content": msgspec.json.encode(again).decode()},
            ]
        told = "; ".join(problems)[:500]
        raise ProviderError(
            "AI_ANSWER_INVALID",
            f"{self.model} gave no usable answer in {_REPAIRS + 1} attempts: {told}",
            retryable=True,
        )

    async def _image(
        self, function: AnyFunction, input: ImageInput, key: str, spent: _Spent
    ) -> RenderedImage:
        old = self.image_model.startswith("dall-e")
        sizes = _DALL_E_SIZES if self.image_model == "dall-e-3" else _MODEL_SIZES
        size = "1024x1024" if self.image_model == "dall-e-2" else sizes[input.image_type]
        qualities = _DALL_E_QUALITIES if old else _MODEL_QUALITIES
        answer = await self._request(
            lambda: self._client.images.generate(
                model=self.image_model,
                prompt=function.instructions_for(input),
                size=self.size or size,
                quality=qualities[self.quality]
                if self.quality and self.image_model != "dall-e-2"
                else openai.omit,
                n=1,
                # Newer models always answer base64 and refuse the parameter.
                response_format="b64_json" if old else openai.omit,
                extra_headers={"Idempotency-Key": key},
            ),
            spent,
        )
        pictures = getattr(answer, "data", None)
        encoded = getattr(pictures[0], "b64_json", None) if isinstance(pictures, list) and pictures else None
        if not isinstance(encoded, str):
            raise _not_the_api(self.base_url)
        spent.images += 1
        if usage := getattr(answer, "usage", None):
            spent.input_tokens += int(getattr(usage, "input_tokens", 0) or 0)
            spent.output_tokens += int(getattr(usage, "output_tokens", 0) or 0)
        priced_as = f"openai-{self.quality}" if self.quality else self.image_model
        return picture(encoded, priced_as)

    async def _request(self, call: Callable[[], Awaitable[R]], spent: _Spent | None = None) -> R:
        """`call`, repeated with growing pauses while the provider is busy or away. Raises ProviderError."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._worth_repeating),
            stop=stop_after_attempt(self.limits.attempts),
            wait=self._pause,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                if spent is not None:
                    spent.calls += 1
                try:
                    return await call()
                except openai.OpenAIError as error:
                    raise self._explained(error) from error
                except OutboundError as error:
                    forbidden = isinstance(error, ForbiddenAddress | ForbiddenUrl)
                    raise ProviderError(
                        "AI_PROVIDER_UNREACHABLE", str(error), retryable=not forbidden
                    ) from error
                except (ValueError, TypeError, AttributeError) as error:
                    # The client trips over a body that is no JSON, or not of the announced kind.
                    raise _not_the_api(self.base_url) from error
        raise AssertionError("retrying ends with an answer or an error")

    def _worth_repeating(self, error: BaseException) -> bool:
        if not isinstance(error, ProviderError) or not error.retryable:
            return False
        return (error.retry_after or 0) <= self.limits.longest_wait

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, ProviderError) else None
        if asked is not None:
            return asked
        return min(self.limits.longest_wait, self.limits.first_wait * 2.0 ** (state.attempt_number - 1))

    def _explained(self, error: openai.OpenAIError) -> ProviderError:
        """The same in the product's words; the provider's own text may quote the key, so only its code is kept."""
        if isinstance(error, openai.APITimeoutError):
            seconds = f"{self.limits.timeout:g} s"
            return ProviderError(
                "AI_TIMEOUT", f"{self.base_url} did not answer within {seconds}", retryable=True
            )
        if isinstance(error, openai.APIConnectionError):
            return ProviderError(
                "AI_PROVIDER_UNREACHABLE",
                f"cannot connect to {self.base_url}: is the address right?",
                retryable=True,
            )
        if not isinstance(error, openai.APIStatusError):
            return _not_the_api(self.base_url)
        status = error.status_code
        code = f" ({error.code})" if error.code and len(error.code) < 50 else ""
        where = f"{self.base_url} answered {status}{code}"
        if status == 429 and error.code == "insufficient_quota":
            return ProviderError("AI_PROVIDER_REJECTED", f"{where}: the account has no quota left")
        if status in (408, 409, 429) or status >= 500:
            return ProviderError(
                "AI_PROVIDER_OVERLOADED",
                where,
                retryable=True,
                retry_after=retry_after_seconds(error.response.headers),
            )
        hints = {
            401: "the API key was refused",
            403: "the API key lacks the right",
            404: "no such path or model",
        }
        return ProviderError(
            "AI_PROVIDER_REJECTED", f"{where}: {hints.get(status, 'the request was refused')}"
        )


def _not_the_api(base_url: str) -> ProviderError:
    return ProviderError(
        "AI_ANSWER_INVALID",
        f"{base_url} does not answer as an OpenAI-compatible API: check the base URL (with /v1)",
    )


def _text_of(answer: ChatCompletion, base_url: str, spent: _Spent) -> tuple[str | None, list[str]]:
    """The text of a chat answer and what is wrong with it; adds its tokens to `spent`."""
    # A server's body is not validated by the client: anything may be missing, or the whole may be a string.
    choices = getattr(answer, "choices", None)
    if not isinstance(choices, list) or not choices or getattr(choices[0], "message", None) is None:
        raise _not_the_api(base_url)
    if usage := getattr(answer, "usage", None):
        spent.input_tokens += int(getattr(usage, "prompt_tokens", 0) or 0)
        spent.output_tokens += int(getattr(usage, "completion_tokens", 0) or 0)
    choice = choices[0]
    if getattr(choice.message, "refusal", None):
        return None, ["the model refused to answer"]
    if not choice.message.content:
        return None, ["the answer was empty"]
    if choice.finish_reason == "length":
        return choice.message.content, ["the answer was cut off: answer more briefly"]
    return choice.message.content, []
