"""Trying out a provider while somebody waits: one bounded request, and what is wrong in words that help."""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Literal
from uuid import uuid4

from common.ai.functions import GENERATE_IMAGES, ImageInput, RenderedImage
from common.ai.providers import Provider, ProviderError
from pydantic import BaseModel

CHECK_SECONDS, IMAGE_SECONDS = 10.0, 60.0
"""Of one request: a list of models comes at once; the slowest image models take most of a minute."""

REMEDIES = {
    "AI_PROVIDER_UNREACHABLE": "Check the base URL, and that the provider can be reached from the internet.",
    "AI_PROVIDER_REJECTED": "Check the API key, its rights and quota, and the model's name.",
    "AI_PROVIDER_OVERLOADED": "Try again in a moment; if it lasts, look at the provider's status page.",
    "AI_TIMEOUT": "Try again; if it lasts, look at the provider's status page.",
    "AI_ANSWER_INVALID": "Check the base URL: for OpenAI-compatible servers it ends in /v1.",
    "API_KEY_MISSING": "Send an api_key, or store one first.",
}


class Trial(BaseModel):
    """What came of it; `milliseconds` is how long the provider took."""

    status: Literal["connected", "failed"]
    base_url: str
    model: str
    milliseconds: int
    error_code: str | None = None
    error: str | None = None
    remedy: str | None = None


class ImageTrial(Trial):
    image_url: str | None = None
    """The picture itself as a `data:` URL."""
    width: int | None = None
    height: int | None = None


async def attempt(base_url: str, model: str, work: Callable[[], Awaitable[None]]) -> Trial:
    """Run `work` and say how it went."""
    began = monotonic()
    error: ProviderError | None = None
    try:
        await work()
    except ProviderError as failed:
        error = failed
    return Trial(
        status="failed" if error else "connected",
        base_url=base_url,
        model=model,
        milliseconds=round(1000 * (monotonic() - began)),
        error_code=error.code if error else None,
        error=error.message if error else None,
        remedy=REMEDIES.get(error.code) if error else None,
    )


async def picture(provider: Provider, prompt: str) -> RenderedImage:
    """One picture. Raises ProviderError."""
    asked = ImageInput(prompt=prompt, title=prompt[:200], image_type="in_article")
    rendered, _ = await provider.run(GENERATE_IMAGES, asked, key=f"trial:{uuid4()}")
    assert isinstance(rendered, RenderedImage)
    return rendered
