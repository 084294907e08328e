"""What may be decided about the model catalogue; no I/O, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from common.eventsourcing.decider import Decider, DomainError
from common.eventsourcing.event import EventTypes

from gateway.ai_models.events import Catalogue, Model, ModelWritten, evolve


class ModelMissing(DomainError):
    code, status = "NOT_FOUND", 404


class ModelExists(DomainError):
    code = "MODEL_EXISTS"


@dataclass(frozen=True)
class ShipModels:
    """The models that come with this version of the product; what staff have changed stays as they made it."""

    models: Mapping[str, Model]


@dataclass(frozen=True)
class AddModel:
    name: str
    model: Model


@dataclass(frozen=True)
class ChangeModel:
    name: str
    model: Model


@dataclass(frozen=True)
class RetireModel:
    name: str


ModelCommand = ShipModels | AddModel | ChangeModel | RetireModel


def decide(command: ModelCommand, catalogue: Catalogue) -> Sequence[ModelWritten]:
    match command:
        case ShipModels(models):
            shipped = {name: replace(model, shipped=True) for name, model in models.items()}
            return [
                _written(name, model)
                for name, model in shipped.items()
                if (known := catalogue.by_name.get(name)) is None or (known.shipped and known != model)
            ]
        case AddModel(name, model):
            known = catalogue.by_name.get(name)
            if known == model:
                return []
            if known is not None:
                raise ModelExists(f"The catalogue has a model {name!r} already; change that one.")
            return [_written(name, model)]
        case ChangeModel(name, model):
            return [] if _model(catalogue, name) == model else [_written(name, model)]
        case RetireModel(name):
            model = _model(catalogue, name)
            return [_written(name, replace(model, is_active=False, shipped=False))] if model.is_active else []
    assert_never(command)


def _model(catalogue: Catalogue, name: str) -> Model:
    model = catalogue.by_name.get(name)
    if model is None:
        raise ModelMissing(f"The catalogue has no model {name!r}.")
    return model


def _written(name: str, model: Model) -> ModelWritten:
    return ModelWritten(
        name,
        model.provider,
        model.kind,
        model.input_price,
        model.output_price,
        model.image_price,
        model.is_active,
        model.shipped,
    )


MODELS: Decider[Catalogue, ModelCommand] = Decider(
    category="aimodels",
    initial=Catalogue(),
    evolve=evolve,
    decide=decide,
    types=EventTypes((ModelWritten,)),
)
