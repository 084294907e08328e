"""The writer asks by the account's own settings: its prompt, author, strategy, provider and key."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from common.contracts import Contract
from common.contracts.billing import CreditsGranted, RateCardPublished
from common.contracts.settings import (
    AISettingsChanged,
    AuthorProfileChanged,
    ImageProvider,
    ModelCatalogueChanged,
    PromptChanged,
    Quality,
    StrategyChanged,
)
from common.contracts.writer import ContentGenerated, ImagesGenerated, TaskFailed
from common.crypto import MasterKey, MasterKeys
from common.ids import SYSTEM_ACCOUNT, new_id
from common.secrets import PostgresSecrets
from msgspec.structs import replace
from writer.app import SERVICE

from tests.integration.writer.conftest import CARD
from tests.integration.writer.service_parts import Parts, Tenant, running
from tests.integration.writer.test_writer_api import pay, tasks_of
from tests.parts.fake_ai import FakeAI
from tests.support.database import ServiceUrls

DEARER = replace(CARD, image_by_model={"local": 1_000, "runware": 1_000, "openai-high": 4_000})
GENERATED = "/writer/tasks/auto_generate_content/"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeAI]:
    server = FakeAI()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def writer(
    service_database: Callable[[str], AbstractContextManager[ServiceUrls]], tmp_path: Path, fake: FakeAI
) -> AsyncIterator[Parts]:
    fake.reset()
    host = fake.url.removeprefix("http://").removesuffix("/v1")
    with service_database("writer") as urls, service_database("secrets") as secret_urls:
        async with running(SERVICE, urls, tmp_path, allowed_private_hosts=(host,)) as parts:
            parts.runtime.secrets = PostgresSecrets(secret_urls.service, MasterKeys(MasterKey(b"m" * 32)))
            yield parts


async def account(writer: Parts) -> Tenant:
    tenant = Tenant()
    await writer.register(tenant)
    await writer.hear(
        tenant,
        RateCardPublished(card=DEARER),
        CreditsGranted(grant_id=new_id(), kind="plan", amount=200_000, balance=200_000, available=200_000),
    )
    return tenant


async def with_own_key(writer: Parts, fake: FakeAI) -> Tenant:
    tenant = await account(writer)
    await writer.hear(tenant, await openai(writer, tenant, fake))
    return tenant


async def openai(writer: Parts, tenant: Tenant, fake: FakeAI, **changes: Any) -> AISettingsChanged:
    secret = await writer.runtime.secrets.put(tenant.id, fake.key)
    said = AISettingsChanged(
        settings_type="openai", is_active=True, base_url=fake.url, model="gpt-4o-mini", secret=secret
    )
    return replace(said, **changes)


async def write(writer: Parts, tenant: Tenant) -> None:
    task_ids = await tasks_of(writer, tenant, f"Leasing a forklift {tenant.id}")
    await pay(writer, tenant, await writer.call(tenant, "POST", GENERATED, {"task_ids": task_ids}))


def prompts(fake: FakeAI) -> list[str]:
    return [call.prompt for call in fake.calls("/v1/chat/completions")]


OWN = PromptChanged(
    prompt_id=new_id(),
    prompt_type="content_generation",
    prompt_value="Write like a pirate, {word_count} words, in {language}.",
    number=1,
)
AUTHOR = AuthorProfileChanged(
    profile_id=new_id(),
    name="Ada {Berg}",
    description="An engineer.",
    tone="dry",
    language="de",
    is_default=True,
)
STRATEGY = StrategyChanged(
    strategy_id=new_id(),
    name="Comparisons",
    description="Always compare three offers.",
    sector_id=None,
    prompt_types=("content_generation",),
    section_logic={"introduction": "a number first"},
    is_active=True,
)


async def test_what_is_asked_is_the_accounts_own_prompt_author_and_strategy_and_nobody_elses(
    writer: Parts, fake: FakeAI
) -> None:
    mine, theirs = await with_own_key(writer, fake), await with_own_key(writer, fake)
    await writer.hear(mine, OWN, AUTHOR, STRATEGY)
    await write(writer, theirs)
    (foreign,) = prompts(fake)
    assert "You are a professional writer." in foreign
    for text in ("pirate", "Ada", "dry", "compare three offers"):
        assert text not in foreign
    fake.reset()
    await write(writer, mine)
    (asked,) = prompts(fake)
    assert "Write like a pirate, 400 words, in de." in asked
    assert "Write as Ada {Berg}.\\nAn engineer.\\nTone: dry." in asked
    assert "Always compare three offers." in asked
    assert "a number first" in asked
    assert "You are a professional writer." not in asked
    (written,) = await writer.said(mine, ContentGenerated)
    assert (written.usage.provider, written.usage.model) == ("openai", "gpt-4o-mini")


async def test_what_was_taken_back_is_asked_no_more(writer: Parts, fake: FakeAI) -> None:
    tenant = await with_own_key(writer, fake)
    gone: list[Contract] = [
        replace(OWN, number=2, archived=True),
        replace(AUTHOR, is_default=False, archived=True),
        replace(STRATEGY, is_active=False),
    ]
    await writer.hear(tenant, OWN, AUTHOR, STRATEGY, *gone)
    await writer.hear_everything_again()
    await write(writer, tenant)
    (asked,) = prompts(fake)
    for text in ("pirate", "Ada", "compare three offers"):
        assert text not in asked


async def test_the_sectors_strategy_goes_before_the_accounts(writer: Parts, fake: FakeAI) -> None:
    tenant = await with_own_key(writer, fake)
    of_sector = replace(
        STRATEGY,
        strategy_id=new_id(),
        name="Of the sector",
        sector_id=tenant.sector,
        description="Sector first.",
    )
    elsewhere = replace(of_sector, strategy_id=new_id(), sector_id=new_id(), description="Elsewhere.")
    await writer.hear(tenant, STRATEGY, of_sector, elsewhere)
    await write(writer, tenant)
    (asked,) = prompts(fake)
    assert "Sector first." in asked
    assert "compare three offers" not in asked
    assert "Elsewhere." not in asked


async def test_the_sectors_strategy_for_other_prompts_leaves_the_accounts_in_force(
    writer: Parts, fake: FakeAI
) -> None:
    tenant = await with_own_key(writer, fake)
    for_ideas = replace(
        STRATEGY,
        strategy_id=new_id(),
        sector_id=tenant.sector,
        prompt_types=("ideas",),
        description="Ideas only.",
    )
    await writer.hear(tenant, STRATEGY, for_ideas)
    await write(writer, tenant)
    (asked,) = prompts(fake)
    assert "compare three offers" in asked
    assert "Ideas only." not in asked


async def test_the_platforms_provider_answers_who_has_none_and_knows_the_catalogues_prices(
    writer: Parts, fake: FakeAI
) -> None:
    platform = Tenant(id=SYSTEM_ACCOUNT)
    price = ModelCatalogueChanged(
        name="gpt-4o-mini",
        provider="openai",
        kind="chat",
        input_price=0,
        output_price=1_000_000_000_000,
        image_price=0,
        is_active=True,
    )
    await writer.hear(platform, await openai(writer, platform, fake), price)
    tenant = await account(writer)
    await write(writer, tenant)
    (written,) = await writer.said(tenant, ContentGenerated)
    assert written.usage.provider == "openai"
    assert written.usage.cost_micro_usd == written.usage.output_tokens * 1_000_000


async def test_the_platforms_key_is_never_sent_to_an_accounts_address(writer: Parts, fake: FakeAI) -> None:
    platform = Tenant(id=SYSTEM_ACCOUNT)
    await writer.hear(platform, await openai(writer, platform, fake))
    tenant = await account(writer)
    await writer.hear(tenant, AISettingsChanged(settings_type="openai", is_active=True, base_url=fake.url))
    task_ids = await tasks_of(writer, tenant, f"Leasing a forklift {tenant.id}")
    with pytest.raises(Exception, match="the API key was refused"):
        await pay(writer, tenant, await writer.call(tenant, "POST", GENERATED, {"task_ids": task_ids}))
    assert [call.status for call in fake.calls()] == [401]


async def test_a_private_address_is_not_called(writer: Parts, fake: FakeAI) -> None:
    tenant = await account(writer)
    inside = await openai(writer, tenant, fake, base_url=fake.url.replace("127.0.0.1", "localhost"))
    await writer.hear(tenant, inside)
    task_ids = await tasks_of(writer, tenant, f"Leasing a forklift {tenant.id}")
    with pytest.raises(Exception, match="not on the public internet"):
        await pay(writer, tenant, await writer.call(tenant, "POST", GENERATED, {"task_ids": task_ids}))
    assert fake.calls() == []
    assert await writer.said(tenant, TaskFailed) == []


@pytest.mark.parametrize(
    ("provider", "quality", "price", "path"),
    [
        ("runware", "standard", ("runware", 1_000), "/runware/v1"),
        ("openai", "high", ("openai-high", 4_000), "/v1/images/generations"),
    ],
)
async def test_images_come_from_the_chosen_provider_at_its_price(
    writer: Parts,
    fake: FakeAI,
    provider: ImageProvider,
    quality: Quality,
    price: tuple[str, int],
    path: str,
) -> None:
    tenant = await with_own_key(writer, fake)
    runware = await openai(writer, tenant, fake, settings_type="runware", base_url=fake.runware_url, model="")
    images = AISettingsChanged(
        settings_type="image_generation", is_active=True, provider=provider, size="640x384", quality=quality
    )
    framed = PromptChanged(
        prompt_id=new_id(),
        prompt_type="image_prompt_template",
        prompt_value="Oil painting: {prompt}",
        number=1,
    )
    await writer.hear(tenant, runware, images, framed)
    await write(writer, tenant)
    (content_id,) = [
        each["id"]
        for each in (await writer.call(tenant, "GET", "/writer/content/")).json()["data"]["results"]
    ]
    body = {"content_ids": [content_id], "in_article": 0}
    await pay(writer, tenant, await writer.call(tenant, "POST", "/writer/image-prompts/generate/", body))
    listed = await writer.call(tenant, "GET", "/writer/images/")
    image_ids = [each["id"] for each in listed.json()["data"]["results"]]
    fake.reset()
    await pay(
        writer,
        tenant,
        await writer.call(tenant, "POST", "/writer/images/generate/", {"image_ids": image_ids}),
    )
    (made,) = await writer.said(tenant, ImagesGenerated)
    assert (made.charge.model, DEARER.image_by_model[made.charge.model]) == price
    assert made.usage.provider == provider
    assert [call.path for call in fake.calls()] == [path]
    assert all(call.prompt.startswith('"Oil painting: ') for call in fake.calls())
