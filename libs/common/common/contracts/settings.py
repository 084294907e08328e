"""What the gateway says of settings for AI work and of the models there are. Each says the whole of what it names."""

from typing import Any, Literal
from uuid import UUID

from common.contracts.base import Contract, contract
from common.contracts.gateway import SecretRef

PromptType = Literal[
    "clustering", "ideas", "content_generation", "image_prompt_extraction", "image_prompt_template"
]
SettingsType = Literal["openai", "runware", "image_generation"]
ImageProvider = Literal["local", "openai", "runware"]
Quality = Literal["standard", "high"]
ModelKind = Literal["chat", "image"]

AI = ("planner", "writer")


@contract(by=("gateway",), heard_by=AI)
class PromptChanged(Contract, frozen=True, kw_only=True):
    """`number` counts the texts a prompt has had; an archived one is not used any more."""

    prompt_id: UUID
    prompt_type: PromptType
    prompt_value: str
    number: int
    archived: bool = False


@contract(by=("gateway",), heard_by=AI)
class AuthorProfileChanged(Contract, frozen=True, kw_only=True):
    """`language` is a BCP 47 tag. Of an account's profiles one is the default."""

    profile_id: UUID
    name: str
    description: str
    tone: str
    language: str
    is_default: bool
    archived: bool = False


@contract(by=("gateway",), heard_by=AI)
class StrategyChanged(Contract, frozen=True, kw_only=True):
    """For the work of a sector, or where `sector_id` is None of the whole account. No `prompt_types` are all of them."""

    strategy_id: UUID
    name: str
    description: str
    sector_id: UUID | None
    prompt_types: tuple[PromptType, ...]
    section_logic: dict[str, Any]
    is_active: bool
    archived: bool = False


@contract(by=("gateway",), heard_by=AI)
class AISettingsChanged(Contract, frozen=True, kw_only=True):
    """An account's own provider, or the platform's: then it is said on the system account. Empty text is the default."""

    settings_type: SettingsType
    is_active: bool
    base_url: str = ""
    model: str = ""
    provider: ImageProvider = "local"
    size: str = ""
    """Pixels as `1024x768`."""
    quality: Quality = "standard"
    secret: SecretRef | None = None


@contract(by=("gateway",), heard_by=(*AI, "billing"))
class ModelCatalogueChanged(Contract, frozen=True, kw_only=True):
    """One model for every tenant, said on the system account. Prices are millionths of a US dollar: of a million tokens
    in and out, and of an image."""

    name: str
    provider: str
    kind: ModelKind
    input_price: int
    output_price: int
    image_price: int
    is_active: bool
