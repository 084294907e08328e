"""Which provider answers: an account's own by its settings, else the platform's, else the process's by its environment."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common.ai.functions import AnyFunction, ImageInput
from common.ai.providers import Provider, ProviderError
from common.ai.providers.local import LocalProvider
from common.ai.providers.prices import PRICES, Price
from common.contracts.operations import Usage
from common.contracts.settings import AISettingsChanged, SettingsType
from common.database import Database, Sql
from common.ids import SYSTEM_ACCOUNT
from common.outbound import OutboundGuard
from common.replicas.models import catalogue
from common.replicas.settings import ai_settings, platform_settings
from common.secrets import SecretMissing, SecretStore
from common.settings import Settings

OPENAI_URL, OPENAI_MODEL, OPENAI_IMAGE_MODEL = "https://api.openai.com/v1", "gpt-4o-mini", "gpt-image-1"
RUNWARE_URL, RUNWARE_MODEL = "https://api.runware.ai/v1", "runware:100@1"
"""What is used where settings leave a field empty."""
TIMEOUT = 120.0
"""Seconds of one request: what the slowest models need for a long article."""

SettingsOf = Mapping[SettingsType, AISettingsChanged]


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
    """For endpoints without an image model: texts from the endpoint, images by another provider."""

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


@dataclass(frozen=True)
class Choice:
    """The settings that decide; None leaves it to the process. `owners` says whose each one is, and so whose its key."""

    texts: AISettingsChanged | None
    images: AISettingsChanged | None
    endpoint: AISettingsChanged | None
    """Where the images come from; None for pictures of the `local` provider."""
    owners: Mapping[SettingsType, UUID]

    @property
    def priced_as(self) -> str | None:
        """The images' name on the rate card."""
        if self.images is None:
            return None
        if self.images.provider == "openai":
            return f"openai-{self.images.quality}"
        return self.images.provider


def choose(account_id: UUID, own: SettingsOf, platform: SettingsOf) -> Choice:
    """An account's settings go before the platform's, each with its own address and key: neither is sent the other's."""
    settings = {**platform, **own}
    owners = {type: account_id if type in own else SYSTEM_ACCOUNT for type in settings}
    images = settings.get("image_generation")
    endpoint: AISettingsChanged | None = None
    if images is not None and images.provider != "local":
        endpoint = settings.get(images.provider)
        if endpoint is None:
            images = None
    return Choice(settings.get("openai"), images, endpoint, owners)


async def chosen(sql: Sql, account_id: UUID) -> Choice:
    """By this service's replicas."""
    return choose(account_id, await ai_settings(sql), await platform_settings(sql))


async def image_price(sql: Sql, account_id: UUID, otherwise: str) -> str:
    """The name on the rate card of the images that the account will get; `otherwise` is that of the process's own."""
    return (await chosen(sql, account_id)).priced_as or otherwise


def open_endpoint(
    said: AISettingsChanged,
    key: str,
    guard: OutboundGuard,
    *,
    images: AISettingsChanged | None = None,
    prices: Mapping[str, Price] = PRICES,
    timeout: float = TIMEOUT,
    attempts: int = 4,
) -> Provider:
    """A client of the `openai` or `runware` settings; `images` are the image settings it works for."""
    size = images.size if images else ""
    model = images.model if images else ""
    if said.settings_type == "runware":
        from common.ai.providers.runware import RunwareProvider

        return RunwareProvider(
            base_url=said.base_url or RUNWARE_URL,
            api_key=key,
            model=model or said.model or RUNWARE_MODEL,
            guard=guard,
            size=size,
            timeout=timeout,
        )
    from common.ai.providers.openai import Limits, OpenAIProvider

    return OpenAIProvider(
        base_url=said.base_url or OPENAI_URL,
        api_key=key,
        model=said.model or OPENAI_MODEL,
        image_model=model or OPENAI_IMAGE_MODEL,
        limits=Limits(timeout=timeout, attempts=attempts),
        guard=guard,
        size=size,
        quality=images.quality if images else None,
        prices=prices,
    )


class AccountProviders:
    """Opens the provider of an account for one piece of work. `otherwise` is the process's own and stays open."""

    def __init__(
        self, database: Database, secrets: SecretStore, settings: Settings, otherwise: Provider
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._guard = OutboundGuard(frozenset(settings.allowed_private_hosts))
        self._otherwise = otherwise
        self._local = otherwise if isinstance(otherwise, LocalProvider) else LocalProvider()

    @asynccontextmanager
    async def of(self, account_id: UUID) -> AsyncIterator[Provider]:
        """Raises ProviderError where the account's key cannot be read."""
        async with self._database.transaction(account_id) as tx:
            choice = await chosen(tx, account_id)
            models = await catalogue(tx) if choice.texts or choice.endpoint else {}
        prices = {
            name: Price(said.input_price, said.output_price, said.image_price)
            for name, said in models.items()
        }
        async with AsyncExitStack() as stack:

            async def opened(said: AISettingsChanged, images: AISettingsChanged | None = None) -> Provider:
                key = await self._key(choice.owners[said.settings_type], said)
                provider = open_endpoint(said, key, self._guard, images=images, prices={**PRICES, **prices})
                stack.push_async_callback(provider.close)
                return provider

            texts = await opened(choice.texts) if choice.texts else self._otherwise
            if choice.images is None:
                images = self._otherwise
            elif choice.endpoint is None:
                images = self._local
            else:
                images = await opened(choice.endpoint, choice.images)
            yield texts if texts is images else TextsThereImagesHere(texts, images)

    async def close(self) -> None:
        """Give up what this made for itself."""
        if self._local is not self._otherwise:
            await self._local.close()

    async def _key(self, owner: UUID, said: AISettingsChanged) -> str:
        if said.secret is None:
            return ""
        try:
            return await self._secrets.get(owner, said.secret)
        except SecretMissing as error:
            raise ProviderError(
                "AI_PROVIDER_REJECTED",
                f"the stored key of {said.settings_type} cannot be read: give it again",
            ) from error
