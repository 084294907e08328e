"""`fields=a,b`: only these fields of a resource, or of each row of a list."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs

from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

_chosen: ContextVar[frozenset[str] | None] = ContextVar("chosen_fields", default=None)


class ChosenFields:
    """Keeps what a GET request names for the answer that is made within it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or b"fields=" not in scope["query_string"]:
            await self._app(scope, receive, send)
            return
        given = parse_qs(scope["query_string"].decode("latin-1")).get("fields", [])
        names = frozenset(name.strip() for text in given for name in text.split(",")) - {""}
        token = _chosen.set(names or None)
        try:
            await self._app(scope, receive, send)
        finally:
            _chosen.reset(token)


def chosen(data: Any) -> Any:
    """The part of an answer's data that this request asks for; names that are no field are ignored."""
    names = _chosen.get()
    if names is None:
        return data
    fields = _mapping(data)
    if fields is None:
        return data
    if "results" in fields:  # a list keeps what is around its rows
        return {**fields, "results": [_only(row, names) for row in fields["results"]]}
    return _only(data, names)


def _only(data: Any, names: frozenset[str]) -> Any:
    fields = _mapping(data)
    return data if fields is None else {name: value for name, value in fields.items() if name in names}


def _mapping(data: Any) -> Mapping[str, Any] | None:
    if isinstance(data, BaseModel):
        return data.model_dump(mode="json")
    return data if isinstance(data, Mapping) else None
