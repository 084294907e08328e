"""Routes of integration settings: members see what is set, owners and admins set it and try it out; staff the platform's."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from common.ai.providers import Provider, ProviderError
from common.ai.providers.choose import (
    OPENAI_MODEL,
    OPENAI_URL,
    RUNWARE_MODEL,
    RUNWARE_URL,
    open_endpoint,
)
from common.ai.providers.local import LocalProvider
from common.api.answers import Listed, Success
from common.api.caller import Caller, CallerOf
from common.api.envelope import Answer, answer
from common.api.errors import validation
from common.api.runtime import Runtime, RuntimeOf
from common.api.scope import require_expected
from common.contracts.gateway import SecretRef
from common.contracts.settings import AISettingsChanged, ImageProvider, Quality, SettingsType
from common.database import Row, Transaction
from common.ids import SYSTEM_ACCOUNT, stable_id
from common.outbound import ForbiddenAddress, ForbiddenUrl, OutboundError, OutboundGuard
from common.secrets import SecretMissing
from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from gateway.ai_settings import trials
from gateway.ai_settings.decisions import AI_SETTINGS, ChangeAISettings
from gateway.ai_settings.trials import ImageTrial, Trial
from gateway.ai_settings.views import said, settings_rows, version_of

router = APIRouter(prefix="/api/v1/system/settings/integrations", tags=["system"])
platform_router = APIRouter(prefix="/api/v1/admin/platform-keys", tags=["admin"])

ENDPOINTS: tuple[Literal["openai", "runware"], ...] = ("openai", "runware")
TYPES: tuple[SettingsType, ...] = (*ENDPOINTS, "image_generation")
ADDRESSES = {"openai": OPENAI_URL, "runware": RUNWARE_URL}
MODELS = {"openai": OPENAI_MODEL, "runware": RUNWARE_MODEL}


def _plain(key: SecretStr) -> SecretStr:
    """A key goes into a header, which holds visible ASCII alone. What was pasted around it is no part of it."""
    text = key.get_secret_value().strip()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("holds a character that no key has; paste it again")
    return SecretStr(text)


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300, pattern=r"^[^\x00]*$")]
Key = Annotated[
    SecretStr,
    Field(max_length=500, description="Write-only. Empty: takes the stored one out of use."),
    AfterValidator(_plain),
]
Size = Annotated[str, Field(pattern=r"^([1-9]\d{2,3}x[1-9]\d{2,3})?$", description="Pixels, 1024x768.")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EndpointIn(Body):
    """What is left out stays as it is."""

    api_key: Key | None = None
    base_url: Line | None = Field(None, description="Empty: the provider's own address.")
    model: Line | None = Field(None, description="Empty: a default.")
    is_active: bool | None = None


class ImagesIn(Body):
    """What is left out stays as it is."""

    provider: ImageProvider | None = None
    model: Line | None = Field(None, description="Empty: the provider's default.")
    size: Size | None = Field(None, description="Empty: what suits the image's type.")
    quality: Quality | None = None
    is_active: bool | None = None


class TrialIn(Body):
    """Values to try before they are stored; without them what is stored is tried."""

    api_key: Annotated[SecretStr, Field(max_length=500), AfterValidator(_plain)] | None = None
    base_url: Line | None = None
    model: Line | None = None


class ImageTrialIn(Body):
    prompt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)] = (
        "A lighthouse on a cliff in the evening sun"
    )


class SettingsOut(BaseModel):
    settings_type: SettingsType
    source: Literal["account", "platform", "default"] = Field(description="Whose settings are in force.")
    is_active: bool
    has_api_key: bool
    base_url: str
    model: str
    provider: ImageProvider | None
    size: str | None
    quality: Quality | None
    version: int
    updated_at: datetime | None


@router.get("/", summary="Integration settings", response_model=Success[Listed[SettingsOut]])
async def list_settings(caller: Caller, runtime: Runtime) -> Answer:
    return answer(await _list(runtime, caller.account_id))


@platform_router.get("/", summary="The platform's AI settings", response_model=Success[Listed[SettingsOut]])
async def list_platform_settings(caller: Caller, runtime: Runtime) -> Answer:
    return answer(await _list(runtime, SYSTEM_ACCOUNT))


def _mount(type: SettingsType) -> None:
    """The routes of one type: each has fields of its own."""
    path = f"/{type}/"

    async def get(caller: Caller, runtime: Runtime) -> Answer:
        return answer(await _show(runtime, caller.account_id, type))

    async def save_endpoint(body: EndpointIn, caller: Caller, runtime: Runtime) -> Answer:
        return answer(await _save(runtime, caller, caller.account_id, type, body))

    async def save_images(body: ImagesIn, caller: Caller, runtime: Runtime) -> Answer:
        return answer(await _save(runtime, caller, caller.account_id, type, body))

    async def get_platform(caller: Caller, runtime: Runtime) -> Answer:
        return answer(await _show(runtime, SYSTEM_ACCOUNT, type))

    async def save_platform_endpoint(body: EndpointIn, caller: Caller, runtime: Runtime) -> Answer:
        return answer(await _save(runtime, caller, SYSTEM_ACCOUNT, type, body))

    async def save_platform_images(body: ImagesIn, caller: Caller, runtime: Runtime) -> Answer:
        return answer(await _save(runtime, caller, SYSTEM_ACCOUNT, type, body))

    async def test(body: TrialIn, caller: Caller, runtime: Runtime) -> Answer:
        return answer(await _test(runtime, caller.account_id, type, body))

    async def generate(body: ImageTrialIn, caller: Caller, runtime: Runtime) -> Answer:
        provider = None if type == "image_generation" else type
        return answer(await _generate(runtime, caller.account_id, provider, body.prompt))

    images = type == "image_generation"
    save: Any = save_images if images else save_endpoint
    save_platform: Any = save_platform_images if images else save_platform_endpoint
    shown: dict[str, Any] = {"response_model": Success[SettingsOut]}
    router.get(path, name=f"get_{type}", summary=f"Settings of {type}", **shown)(get)
    router.put(path, name=f"put_{type}", summary=f"Set {type}", **shown)(save)
    router.post(path, name=f"post_{type}", summary=f"Set {type}", **shown)(save)
    platform_router.get(path, name=f"get_platform_{type}", summary=f"The platform's {type}", **shown)(
        get_platform
    )
    platform_router.put(path, name=f"put_platform_{type}", summary=f"Set the platform's {type}", **shown)(
        save_platform
    )
    tried: dict[str, Any] = {"response_model": Success[Trial], "summary": f"Try the connection of {type}"}
    router.post(f"{path}test_connection/", name=f"test_{type}", **tried)(test)
    made: dict[str, Any] = {"response_model": Success[ImageTrial], "summary": f"Make one image by {type}"}
    router.post(f"{path}generate_image/", name=f"generate_image_{type}", **made)(generate)


def _mount_named_test(type: Literal["openai", "runware"]) -> None:
    """`test_openai/` and `test_runware/` are found below every type, and mean that provider."""

    async def test(body: TrialIn, caller: Caller, runtime: Runtime) -> Answer:
        return answer(await _test(runtime, caller.account_id, type, body))

    for below in TYPES:
        router.post(
            f"/{below}/test_{type}/",
            name=f"test_{type}_below_{below}",
            summary=f"Try the connection of {type}",
            response_model=Success[Trial],
            include_in_schema=below == type,
        )(test)


for _type in TYPES:
    _mount(_type)
for _endpoint in ENDPOINTS:
    _mount_named_test(_endpoint)


async def _list(runtime: RuntimeOf, account_id: UUID) -> dict[str, Any]:
    own, platform = await _rows(runtime, account_id)
    results = [_shown(type, own.get(type), platform.get(type)) for type in TYPES]
    return {"count": len(results), "next": None, "previous": None, "results": results}


async def _show(runtime: RuntimeOf, account_id: UUID, type: SettingsType) -> SettingsOut:
    own, platform = await _rows(runtime, account_id)
    return _shown(type, own.get(type), platform.get(type))


async def _rows(
    runtime: RuntimeOf, account_id: UUID
) -> tuple[Mapping[SettingsType, Row], Mapping[SettingsType, Row]]:
    """The account's settings and the platform's."""
    async with runtime.database.transaction(account_id) as tx:
        own = await settings_rows(tx)
    if account_id == SYSTEM_ACCOUNT:
        return own, own
    async with runtime.database.transaction(SYSTEM_ACCOUNT) as tx:
        return own, await settings_rows(tx)


def _shown(type: SettingsType, own: Row | None, platform: Row | None) -> SettingsOut:
    source: Literal["account", "platform", "default"] = "default"
    if own is not None and own["is_active"]:
        source = "account"
    elif platform is not None and platform["is_active"]:
        source = "platform"
    images = type == "image_generation"
    return SettingsOut(
        settings_type=type,
        source=source,
        is_active=bool(own and own["is_active"]),
        has_api_key=bool(own and own["secret"]),
        base_url=(own["base_url"] if own else "") or ADDRESSES.get(type, ""),
        model=(own["model"] if own else "") or MODELS.get(type, ""),
        provider=(own["provider"] if own else "local") if images else None,
        size=(own["size"] if own else "") if images else None,
        quality=(own["quality"] if own else "standard") if images else None,
        version=own["version"] if own else 0,
        updated_at=own["updated_at"] if own else None,
    )


async def _save(
    runtime: RuntimeOf, caller: CallerOf, account_id: UUID, type: SettingsType, body: EndpointIn | ImagesIn
) -> SettingsOut:
    """`account_id` is the caller's, or the system account for the platform's settings."""
    given = body.model_dump(exclude={"api_key"}, exclude_none=True)
    if base_url := given.get("base_url"):
        await _require_permitted(runtime, base_url)
    key = body.api_key if isinstance(body, EndpointIn) else None
    secret = await _keep(runtime, account_id, type, key.get_secret_value()) if key else None
    command = ChangeAISettings(type, **given, secret=secret, without_key=key is not None and secret is None)

    async def work(tx: Transaction) -> None:
        await require_expected(tx, version_of(type), caller)
        await tx.handle(AI_SETTINGS, account_id, command)

    await runtime.database.run(account_id, work, caller.meta)
    return await _show(runtime, account_id, type)


async def _keep(runtime: RuntimeOf, account_id: UUID, type: SettingsType, key: str) -> SecretRef | None:
    """A version of its own for each key; None for an empty one."""
    if not key:
        return None
    return await runtime.secrets.put(account_id, key, stable_id("ai settings", account_id, type))


async def _require_permitted(runtime: RuntimeOf, base_url: str) -> None:
    """Raises 400 for an address that we must not call. One that does not resolve now may do so later."""
    try:
        await _guard(runtime).check(base_url)
    except (ForbiddenUrl, ForbiddenAddress) as error:
        raise validation("base_url", str(error)) from error
    except OutboundError:
        return


def _guard(runtime: RuntimeOf) -> OutboundGuard:
    return OutboundGuard(frozenset(runtime.settings.allowed_private_hosts))


async def _test(runtime: RuntimeOf, account_id: UUID, type: SettingsType, body: TrialIn) -> Trial:
    own, _ = await _rows(runtime, account_id)
    if type == "image_generation":
        provider = said(own[type]).provider if type in own else "local"
        if provider == "local":
            return Trial(status="connected", base_url="", model="local", milliseconds=0)
        type = provider
    stored = said(own[type]) if type in own else AISettingsChanged(settings_type=type, is_active=True)
    tried = AISettingsChanged(
        settings_type=type,
        is_active=True,
        base_url=stored.base_url if body.base_url is None else body.base_url,
        model=stored.model if body.model is None else body.model,
    )

    async def work() -> None:
        # The stored key goes to the address it was stored for, and to no other.
        same_place = tried.base_url == stored.base_url
        key = body.api_key.get_secret_value() if body.api_key else None
        async with _opened(runtime, account_id, stored, tried, key, same_place) as provider:
            await provider.check()

    return await trials.attempt(tried.base_url or ADDRESSES[type], tried.model or MODELS[type], work)


@asynccontextmanager
async def _opened(
    runtime: RuntimeOf,
    account_id: UUID,
    stored: AISettingsChanged,
    tried: AISettingsChanged,
    key: str | None,
    same_place: bool,
    *,
    images: AISettingsChanged | None = None,
    timeout: float | None = None,
) -> AsyncIterator[Provider]:
    """A client for one trial; `timeout` in seconds, else that of a check. Raises ProviderError."""
    timeout = timeout or trials.CHECK_SECONDS
    if key is None and same_place and stored.secret is not None:
        try:
            key = await runtime.secrets.get(account_id, stored.secret)
        except SecretMissing as error:
            raise ProviderError("API_KEY_MISSING", "The stored key cannot be read.") from error
    if not key and not tried.base_url:
        raise ProviderError("API_KEY_MISSING", f"There is no API key for {tried.settings_type}.")
    provider = open_endpoint(tried, key or "", _guard(runtime), images=images, timeout=timeout, attempts=1)
    try:
        yield provider
    finally:
        await provider.close()


async def _generate(
    runtime: RuntimeOf, account_id: UUID, provider: ImageProvider | None, prompt: str
) -> ImageTrial:
    """By the account's own key: the platform's pictures are paid for with credits, and this one is not."""
    own, _ = await _rows(runtime, account_id)
    type: SettingsType = "image_generation"
    images = said(own[type]) if type in own else AISettingsChanged(settings_type=type, is_active=True)
    if provider is not None and provider != images.provider:
        images = AISettingsChanged(settings_type=type, is_active=True, provider=provider)
    made = None

    async def work() -> None:
        nonlocal made
        if images.provider == "local":
            local = LocalProvider()
            try:
                made = await trials.picture(local, prompt)
            finally:
                await local.close()
            return
        name = images.provider
        stored = said(own[name]) if name in own else AISettingsChanged(settings_type=name, is_active=True)
        async with _opened(
            runtime, account_id, stored, stored, None, True, images=images, timeout=trials.IMAGE_SECONDS
        ) as opened:
            made = await trials.picture(opened, prompt)

    address = ""
    if images.provider != "local" and images.provider in own:
        address = own[images.provider]["base_url"]
    trial = await trials.attempt(
        address or ADDRESSES.get(images.provider, ""), images.model or images.provider, work
    )
    if made is None:
        return ImageTrial(**trial.model_dump())
    url = f"data:{made.media_type};base64,{base64.b64encode(made.data).decode()}"
    return ImageTrial(**trial.model_dump(), image_url=url, width=made.width, height=made.height)
