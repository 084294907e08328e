"""Requests are answered on the event loop: FastAPI hands each plain function to a worker thread, which takes longer than it."""

import inspect
from collections.abc import Iterator
from importlib import import_module

import pytest
from common.contracts.base import SERVICES
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute


def calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for each in dependant.dependencies:
        yield from calls(each)


@pytest.mark.parametrize("service", SERVICES)
def test_routes_and_what_they_depend_on_are_coroutines(service: str) -> None:
    routes = [route for router in import_module(f"{service}.app").SERVICE.routers for route in router.routes]
    found = {call for route in routes if isinstance(route, APIRoute) for call in calls(route.dependant)}
    assert len(found) > 10
    assert [call for call in found if not inspect.iscoroutinefunction(call)] == []
