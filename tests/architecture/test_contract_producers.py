"""Every contract is said by the services it names, and by no other."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from common.contracts import Contract, ContractSpec, all_specs
from common.contracts.base import SERVICES
from common.messaging import catch_up

from tests.architecture.sources import COMMON, PACKAGES, called, name_of, sources

MADE_BY_PUBLISH = [spec for spec in all_specs() if spec.topic is None]
MADE_DIRECTLY = [spec for spec in all_specs() if spec.topic is not None]


def said_in(module: ModuleType) -> Iterator[type[Contract]]:
    """The contracts a `publish` module makes, also through the `publish` modules of others that it calls."""
    for call in called(ast.parse(inspect.getsource(module))):
        made = resolve(module, name_of(call.func))
        if inspect.isclass(made) and issubclass(made, Contract):
            yield made
        elif (
            inspect.isfunction(made)
            and made.__module__ != module.__name__
            and made.__module__.endswith(".publish")
        ):
            yield from said_in(importlib.import_module(made.__module__))


def resolve(module: ModuleType, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def said_by(service: str) -> set[type[Contract]]:
    return set(said_in(importlib.import_module(f"{service}.publish")))


@pytest.mark.parametrize("service", SERVICES)
def test_says_what_its_contracts_promise_and_nothing_else(service: str) -> None:
    promised = {spec.name for spec in MADE_BY_PUBLISH if service in spec.by}
    assert {contract.__name__ for contract in said_by(service)} == promised


@pytest.mark.parametrize("spec", MADE_DIRECTLY, ids=lambda spec: spec.name)
def test_what_bypasses_the_outbox_is_made_by_its_sayers_or_the_kit_they_share(spec: ContractSpec) -> None:
    """The control and progress topics carry no facts."""
    makers = {
        owner
        for owner, folder in (("common", COMMON), *PACKAGES.items())
        for source in sources(folder)
        if any(name_of(call.func).rpartition(".")[2] == spec.name for call in source.calls)
    }
    assert makers
    assert makers <= {"common", *spec.by}


def test_a_contract_made_nowhere_is_noticed() -> None:
    """`catch_up` makes one contract: so the search sees that one and no other."""
    assert {contract.__name__ for contract in said_in(catch_up)} == {"CatchUpRequested"}
