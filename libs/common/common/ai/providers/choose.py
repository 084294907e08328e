"""Which provider a process uses: the configured OpenAI-compatible endpoint, or `local` when there is none."""

from typing import Any

from common.ai.functions import AnyFunction, ImageInput
from common.ai.providers import Provider
from common.ai.providers.local import LocalProvider
from common.contracts.operations import Usage
from common.settings import Settings


def choose_provider(settings: Settings) -> Provider:
    """The provider of a process; its clients and its child process are made when they are first needed."""
    if not settings.ai_base_url:
        return LocalProvider()
    from common.ai.providers.openai import OpenAIProvider

    endpoint = OpenAIProvider(
        base_url=settings.ai_base_url,
        api_key=settings.ai_key.get_secret_value(),
        model=settings.ai_model,
        image_model=settings.ai_image_model,
    )
    return endpoint if settings.ai_image_model else TextsThereImagesHere(endpoint, LocalProvider())


class TextsThereImagesHere:
    """For endpoints without an image model: texts from the endpoint, images rendered by `local`."""

    def __init__(self, texts: Provider, images: Provider) -> None:
        self.name = texts.name
        self._texts = texts
        self._images = images

    async def run(self, function: AnyFunction, input: Any, *, key: str) -> tuple[Any, Usage]:
        provider = self._images if isinstance(input, ImageInput) else self._texts
        return await provider.run(function, input, key=key)

    async def check(self) -> None:
        await self._texts.check()

    async def close(self) -> None:
        await self._texts.close()
        await self._images.close()
