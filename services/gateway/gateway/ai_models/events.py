"""What can happen to the model catalogue, and what is then true. One stream, of the system account."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from common.contracts.settings import ModelKind
from common.eventsourcing.event import Event


class ModelWritten(Event, frozen=True):
    """A new model or a changed one; prices in millionths of a US dollar. `shipped`: it came with the product."""

    name: str
    provider: str
    kind: ModelKind
    input_price: int
    output_price: int
    image_price: int
    is_active: bool
    shipped: bool


@dataclass(frozen=True)
class Model:
    provider: str
    kind: ModelKind
    input_price: int = 0
    output_price: int = 0
    image_price: int = 0
    is_active: bool = True
    shipped: bool = False


@dataclass(frozen=True)
class Catalogue:
    by_name: Mapping[str, Model] = field(default_factory=dict)


def evolve(catalogue: Catalogue, event: ModelWritten) -> Catalogue:
    model = Model(
        event.provider,
        event.kind,
        event.input_price,
        event.output_price,
        event.image_price,
        event.is_active,
        event.shipped,
    )
    return replace(catalogue, by_name={**catalogue.by_name, event.name: model})
