"""Every operation of the merged OpenAPI document, and the services' apps without anything behind them."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from common.api.app import make_app
from common.auth.identity import IdentityVerifier
from common.auth.permissions import ROUTES
from common.contracts.base import SERVICES
from fastapi import FastAPI
from fastapi.responses import Response
from gateway.edge.routes import route
from gateway.openapi import merge

from tests.support.walk import PARAMETER, operations

SOME_ID = "00000000-0000-7000-8000-0000000000aa"
BEGAN = 299
"""The status of a request whose route began its work."""


class Began(Exception):
    """A route wants something of the service: it has let its caller in."""


class NothingBehind:
    """A runtime that knows callers and their permissions, and nothing else."""

    replicas = None
    routes = ROUTES

    def __init__(self, verifier: IdentityVerifier) -> None:
        self.verifier = verifier

    def __getattr__(self, name: str) -> Any:
        raise Began(name)


@dataclass(frozen=True)
class Sent:
    """A request of one operation; `service` answers it at `path`."""

    name: str
    method: str
    path: str
    service: str


def apps(verifier: IdentityVerifier) -> dict[str, FastAPI]:
    """The HTTP side of each service, as its process makes it."""
    found = {}
    for name in SERVICES:
        app = make_app(name, import_module(f"{name}.app").SERVICE.routers)
        app.state.runtime = NothingBehind(verifier)

        @app.exception_handler(Began)
        async def began(_request: Any, _error: Exception) -> Response:
            return Response(status_code=BEGAN)

        found[name] = app
    return found


def every_request(apps: dict[str, FastAPI]) -> Iterator[Sent]:
    """One of each method and path of the merged document."""
    others = {name: app.openapi() for name, app in apps.items() if name != "gateway"}
    for operation in operations(merge(apps["gateway"].openapi(), others)):
        method = operation.method.upper()
        target = route(method, PARAMETER.sub(SOME_ID, operation.path))
        yield Sent(str(operation), method, target.path, target.service or "gateway")
