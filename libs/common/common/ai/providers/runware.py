"""Images by Runware: one HTTP request with a list of tasks (https://runware.ai/docs/en/getting-started/how-to-connect)."""

from __future__ import annotations

import math
from typing import Any

from common.ai.functions import IMAGE_SIZES, AnyFunction, ImageInput, RenderedImage
from common.ai.providers import ProviderError
from common.ai.providers.openai import LARGEST_ANSWER
from common.ai.providers.pictures import picture
from common.contracts.operations import Usage
from common.ids import stable_id
from common.outbound import (
    ForbiddenAddress,
    ForbiddenUrl,
    GuardedClient,
    OutboundError,
    OutboundGuard,
    OutboundLimits,
    OutboundTimeout,
)
from common.retry_after import retry_after_seconds

SIDE_STEP, SHORTEST_SIDE, LONGEST_SIDE = 64, 128, 2048
"""Pixels: Runware takes sides that are multiples of 64 from 128 to 2048."""

Task = dict[str, Any]


class RunwareProvider:
    """Answers `generate_images` alone. `size` (pixels, `1024x768`) is of all its images; empty: by the image's type."""

    name = "runware"

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        guard: OutboundGuard,
        size: str = "",
        timeout: float = 120.0,
    ) -> None:
        self._url = base_url
        self._model = model
        self._size = size
        self._client = GuardedClient(
            guard,
            OutboundLimits(read=timeout, total=timeout, response_bytes=LARGEST_ANSWER),
            headers={"Authorization": f"Bearer {api_key}"},
        )

    async def run(self, function: AnyFunction, input: Any, *, key: str) -> tuple[RenderedImage, Usage]:
        """The picture and its cost as Runware says it. Raises ProviderError."""
        assert isinstance(input, ImageInput), "Runware makes images"
        width, height = self._sides(input)
        found = await self._ask(
            {
                "taskType": "imageInference",
                "taskUUID": str(stable_id("runware", key)),
                "positivePrompt": function.instructions_for(input),
                "model": self._model,
                "width": width,
                "height": height,
                "numberResults": 1,
                "outputType": "base64Data",
                "outputFormat": "PNG",
                "includeCost": True,
            }
        )
        encoded = found.get("imageBase64Data")
        if not isinstance(encoded, str):
            raise self._not_the_api()
        cost = found.get("cost")
        usage = Usage(
            provider=self.name,
            model=self._model,
            calls=1,
            cost_micro_usd=math.ceil(cost * 1_000_000) if isinstance(cost, int | float) else 0,
        )
        return picture(encoded, self.name), usage

    async def check(self) -> None:
        """Sign in, which costs nothing. Raises ProviderError."""
        await self._ask({"taskType": "authentication"})

    async def close(self) -> None:
        await self._client.aclose()

    def _sides(self, input: ImageInput) -> tuple[int, int]:
        """Width and height, each to the nearest that Runware takes."""
        sides = map(int, self._size.split("x")) if self._size else IMAGE_SIZES[input.image_type]
        nearest = (SIDE_STEP * round(side / SIDE_STEP) for side in sides)
        width, height = (min(max(side, SHORTEST_SIDE), LONGEST_SIDE) for side in nearest)
        return width, height

    async def _ask(self, task: Task) -> Task:
        try:
            answer = await self._client.request("POST", self._url, json=[task])
        except OutboundError as error:
            code = "AI_TIMEOUT" if isinstance(error, OutboundTimeout) else "AI_PROVIDER_UNREACHABLE"
            forbidden = isinstance(error, ForbiddenAddress | ForbiddenUrl)
            raise ProviderError(code, str(error), retryable=not forbidden) from error
        try:
            body = answer.json()
        except ValueError:
            body = None
        data = body.get("data") if isinstance(body, dict) else None
        if answer.is_error or (isinstance(body, dict) and body.get("errors") and not data):
            raise self._refused(answer.status_code, body, retry_after_seconds(answer.headers))
        found = data[0] if isinstance(data, list) and data else None
        if not isinstance(found, dict) or found.get("taskType") != task["taskType"]:
            raise self._not_the_api()
        return found

    def _refused(self, status: int, body: Any, retry_after: float | None) -> ProviderError:
        """Its code is kept; its text may quote the key or the prompt."""
        errors = body.get("errors") if isinstance(body, dict) else None
        first = errors[0] if isinstance(errors, list) and errors else None
        code = first.get("code") if isinstance(first, dict) else None
        told = f" ({code})" if isinstance(code, str) and len(code) < 50 else ""
        where = f"{self._url} answered {status}{told}"
        if status in (408, 409, 429) or status >= 500:
            return ProviderError("AI_PROVIDER_OVERLOADED", where, retryable=True, retry_after=retry_after)
        hints = {
            401: "the API key was refused",
            402: "the account has no credit left",
            403: "the API key lacks the right",
        }
        return ProviderError(
            "AI_PROVIDER_REJECTED", f"{where}: {hints.get(status, 'the request was refused')}"
        )

    def _not_the_api(self) -> ProviderError:
        return ProviderError(
            "AI_ANSWER_INVALID",
            f"{self._url} does not answer as Runware's API: check the base URL",
            retryable=True,
        )
