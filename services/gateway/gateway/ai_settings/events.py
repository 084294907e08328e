"""What can happen to an account's AI settings, and what is then true. A stream per account; the platform's are the system
account's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from common.contracts.gateway import SecretRef
from common.contracts.settings import ImageProvider, Quality, SettingsType
from common.eventsourcing.event import Event


class AISettingsWritten(Event, frozen=True):
    """The whole of one type's settings; the key is in the secret store."""

    settings_type: SettingsType
    is_active: bool
    base_url: str
    model: str
    provider: ImageProvider
    size: str
    quality: Quality
    secret: SecretRef | None


@dataclass(frozen=True)
class AISettings:
    """Empty texts are the product's defaults; `provider`, `size` and `quality` are of `image_generation` alone."""

    is_active: bool = True
    base_url: str = ""
    model: str = ""
    provider: ImageProvider = "local"
    size: str = ""
    quality: Quality = "standard"
    secret: SecretRef | None = None


@dataclass(frozen=True)
class AllSettings:
    by_type: Mapping[SettingsType, AISettings] = field(default_factory=dict)


def evolve(settings: AllSettings, event: AISettingsWritten) -> AllSettings:
    written = AISettings(
        event.is_active,
        event.base_url,
        event.model,
        event.provider,
        event.size,
        event.quality,
        event.secret,
    )
    return replace(settings, by_type={**settings.by_type, event.settings_type: written})
