"""What may be decided about AI settings; no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.contracts.gateway import SecretRef
from common.contracts.settings import ImageProvider, Quality, SettingsType
from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from gateway.ai_settings.events import AISettings, AISettingsWritten, AllSettings, evolve


class KeyNeededAgain(DomainError):
    """A stored key is not sent to another address than it was given for: whoever may change the address never saw it."""

    code, status = "API_KEY_NEEDED", 400


@dataclass(frozen=True)
class ChangeAISettings:
    """None leaves a field as it is; `without_key` takes the stored key out of use."""

    settings_type: SettingsType
    is_active: bool | None = None
    base_url: str | None = None
    model: str | None = None
    provider: ImageProvider | None = None
    size: str | None = None
    quality: Quality | None = None
    secret: SecretRef | None = None
    without_key: bool = False


def decide(command: ChangeAISettings, settings: AllSettings) -> Sequence[AISettingsWritten]:
    known = settings.by_type.get(command.settings_type)
    before = known or AISettings()
    given: dict[str, Any] = {
        name: value
        for name, value in vars(command).items()
        if value is not None and name not in ("settings_type", "without_key")
    }
    after = replace(before, **given)
    if command.without_key:
        after = replace(after, secret=None)
    elif after.base_url != before.base_url and before.secret is not None and command.secret is None:
        raise KeyNeededAgain(
            "Give the api_key again with the new base_url: the stored one was for another address."
        )
    if after == known:
        return []
    return [
        AISettingsWritten(
            command.settings_type,
            after.is_active,
            after.base_url,
            after.model,
            after.provider,
            after.size,
            after.quality,
            after.secret,
        )
    ]


AI_SETTINGS: Decider[AllSettings, ChangeAISettings] = Decider(
    category="aisettings",
    initial=AllSettings(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((AISettingsWritten,)),
)
