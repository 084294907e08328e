"""Whose provider answers, with whose key, at which price."""

from common.ai.providers.choose import SettingsOf, choose
from common.contracts.settings import AISettingsChanged, ImageProvider, Quality
from common.ids import SYSTEM_ACCOUNT, new_id

ACCOUNT = new_id()
OWN = AISettingsChanged(settings_type="openai", is_active=True, base_url="https://own.example/v1")
PLATFORM = AISettingsChanged(settings_type="openai", is_active=True, base_url="https://platform.example/v1")
RUNWARE = AISettingsChanged(settings_type="runware", is_active=True)


def images(provider: ImageProvider, quality: Quality = "standard") -> AISettingsChanged:
    return AISettingsChanged(
        settings_type="image_generation", is_active=True, provider=provider, quality=quality
    )


def settings(*said: AISettingsChanged) -> SettingsOf:
    return {each.settings_type: each for each in said}


def test_an_accounts_own_goes_before_the_platforms_with_its_own_key() -> None:
    choice = choose(ACCOUNT, settings(OWN), settings(PLATFORM, RUNWARE))
    assert choice.texts == OWN
    assert choice.owners == {"openai": ACCOUNT, "runware": SYSTEM_ACCOUNT}


def test_the_platforms_key_goes_to_the_platforms_address() -> None:
    choice = choose(ACCOUNT, {}, settings(PLATFORM))
    assert choice.texts == PLATFORM
    assert choice.owners["openai"] == SYSTEM_ACCOUNT


def test_without_settings_the_process_decides() -> None:
    choice = choose(ACCOUNT, {}, {})
    assert (choice.texts, choice.images, choice.endpoint, choice.priced_as) == (None, None, None, None)


def test_images_come_from_their_provider_whosever_its_key_is() -> None:
    choice = choose(ACCOUNT, settings(images("runware")), settings(RUNWARE))
    assert (choice.endpoint, choice.priced_as) == (RUNWARE, "runware")
    choice = choose(ACCOUNT, settings(images("openai", "high"), OWN), {})
    assert (choice.endpoint, choice.priced_as) == (OWN, "openai-high")


def test_images_of_our_own_need_no_key() -> None:
    choice = choose(ACCOUNT, settings(images("local"), OWN), settings(images("openai")))
    assert (choice.endpoint, choice.priced_as) == (None, "local")
    assert choice.images is not None


def test_images_whose_provider_nobody_has_set_are_left_to_the_process() -> None:
    choice = choose(ACCOUNT, settings(images("runware"), OWN), {})
    assert (choice.images, choice.endpoint, choice.priced_as) == (None, None, None)
