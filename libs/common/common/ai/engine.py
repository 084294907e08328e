"""Runs an AI function for a paid operation: recalls what was already answered, else asks and records first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic
from uuid import UUID

import msgspec
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from common.ai.answers import AnswerStore
from common.ai.functions import AIFunction, GeneratedImage, I, O, RenderedImage
from common.ai.providers import Provider, ProviderError
from common.contracts.operations import Usage
from common.crash_points import crash_point
from common.objects import ObjectStore

_tracer = trace.get_tracer("igny8.ai")


@dataclass(frozen=True)
class Answer(Generic[O]):
    """A function's output and what it took; `attempts` above 1 says that a crash repeated the outside call."""

    output: O
    usage: Usage
    attempts: int = 1


class _Recorded(msgspec.Struct, frozen=True):
    output: msgspec.Raw
    usage: Usage
    attempts: int


class AIEngine:
    def __init__(self, provider: Provider, answers: AnswerStore, objects: ObjectStore) -> None:
        self._provider = provider
        self._answers = answers
        self._objects = objects

    async def run(self, function: AIFunction[I, O], input: I, *, operation_id: UUID, step: str) -> Answer[O]:
        """The answer to `input`, asked for at most once as long as no crash falls into the call itself.

        `step` names the call within the operation. Raises ProviderError.
        """
        input_hash = function.input_hash(input)
        known = await self._answers.recall(operation_id, step, input_hash)
        if known is not None:
            return _decode(function, known)
        attempts = await self._answers.begin(operation_id, step, input_hash)
        key = f"{operation_id}:{step}:{input_hash[:12]}"
        crash_point("ai.before_call")
        output, usage = await self._ask(function, input, key, attempts)
        crash_point("ai.after_call")
        if isinstance(output, RenderedImage):
            ref = await self._objects.put(output.data, output.media_type)
            output = GeneratedImage(
                image=ref, width=output.width, height=output.height, priced_as=output.priced_as
            )
        raw = msgspec.Raw(msgspec.json.encode(output))
        recorded = msgspec.json.encode(_Recorded(output=raw, usage=usage, attempts=attempts))
        await self._answers.record(operation_id, step, input_hash, recorded)
        crash_point("ai.after_record")
        # Decoding what was recorded makes the first run and every recall return the very same value.
        return _decode(function, recorded)

    async def _ask(
        self, function: AIFunction[I, O], input: I, key: str, attempts: int
    ) -> tuple[object, Usage]:
        attributes: dict[str, str | int] = {
            "gen_ai.operation.name": function.name,
            "gen_ai.provider.name": self._provider.name,
            "igny8.ai.attempt": attempts,
        }
        with _tracer.start_as_current_span(
            f"{function.name} {self._provider.name}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            # The exception's text may quote a provider's answer; the code says enough.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                output, usage = await self._provider.run(function, input, key=key)
            except ProviderError as error:
                span.set_attribute("error.type", error.code)
                span.set_status(Status(StatusCode.ERROR, error.code))
                raise
            span.set_attributes(
                {
                    "gen_ai.request.model": usage.model,
                    "gen_ai.usage.input_tokens": usage.input_tokens,
                    "gen_ai.usage.output_tokens": usage.output_tokens,
                    "igny8.ai.calls": usage.calls,
                    "igny8.ai.cost_micro_usd": usage.cost_micro_usd,
                }
            )
            return output, usage


def _decode(function: AIFunction[I, O], body: bytes) -> Answer[O]:
    recorded = msgspec.json.decode(body, type=_Recorded)
    output = msgspec.json.decode(recorded.output, type=function.output_type)
    return Answer(output=output, usage=recorded.usage, attempts=recorded.attempts)
