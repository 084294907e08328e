"""The API description of the whole product: the gateway's own OpenAPI document merged with the services'."""

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from time import monotonic
from typing import Any

import httpx
import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gateway.conventions import add_conventions
from gateway.edge.routes import UPSTREAMS, parse_upstreams
from gateway.examples import add_examples

log = structlog.get_logger()

TAGS = (
    "auth",
    "account",
    "planner",
    "writer",
    "system",
    "billing",
    "automation",
    "linker",
    "optimizer",
    "publisher",
    "integration",
)
"""PRODUCT §8 fixes the order."""
CACHE_SECONDS = 300.0
INCOMPLETE_SECONDS = 5.0
"""A service that was away is asked again soon."""

JSON = dict[str, Any]


class Schemas:
    """Fetches the services' documents when first asked, and keeps the merged one for a while."""

    def __init__(self, upstreams: str) -> None:
        self._upstreams = parse_upstreams(upstreams)
        self._merged: JSON | None = None
        self._until = 0.0
        self._fetching = asyncio.Lock()

    async def merged(self, own: JSON) -> JSON:
        async with self._fetching:
            if self._merged is None or monotonic() > self._until:
                documents = await self._fetch()
                complete = len(documents) == len(UPSTREAMS)
                self._merged = merge(own, documents)
                self._until = monotonic() + (CACHE_SECONDS if complete else INCOMPLETE_SECONDS)
            return self._merged

    async def _fetch(self) -> dict[str, JSON]:
        documents: dict[str, JSON] = {}
        async with httpx.AsyncClient(timeout=5.0) as client:
            for service, url in self._upstreams.items():
                try:
                    documents[service] = (await client.get(f"{url}/openapi.json")).raise_for_status().json()
                except (httpx.HTTPError, ValueError) as error:
                    log.warning("openapi_unavailable", service=service, error=repr(error))
        return documents


def merge(own: JSON, others: Mapping[str, JSON]) -> JSON:
    """One document: all paths, and all components, renamed `<Service>…` where two differ under one name."""
    merged = deepcopy(own)
    merged["info"] = {**own["info"], "title": "IGNY8", "description": "Keywords in, published articles out."}
    merged["components"] = components = merged.get("components", {})
    used = {tag for item in merged["paths"].values() for tag in _tags(item)}
    for service, document in sorted(others.items()):
        renamed: dict[str, str] = {}
        theirs = document.get("components", {})
        for kind, definitions in theirs.items():
            known = components.setdefault(kind, {})
            for name, definition in definitions.items():
                if name in known and known[name] != definition:
                    renamed[f"#/components/{kind}/{name}"] = (
                        f"#/components/{kind}/{service.capitalize()}{name}"
                    )
        for kind, definitions in theirs.items():
            for name, definition in definitions.items():
                new = renamed.get(f"#/components/{kind}/{name}", name).rpartition("/")[2]
                components[kind][new] = _with_references(definition, renamed)
        for path, item in document.get("paths", {}).items():
            item = _with_references(item, renamed)
            for operation in item.values():
                if isinstance(operation, dict) and "operationId" in operation:
                    operation["operationId"] = f"{service}_{operation['operationId']}"
            merged["paths"].setdefault(path, {}).update(item)
            used |= _tags(item)
    ordered = [tag for tag in TAGS if tag in used] + sorted(used.difference(TAGS))
    merged["tags"] = [{"name": tag} for tag in ordered]
    merged["components"].setdefault("securitySchemes", {})["bearer"] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
    }
    merged["security"] = [{"bearer": []}]
    add_conventions(merged)
    add_examples(merged)
    return merged


def _tags(item: JSON) -> set[str]:
    return {
        tag for operation in item.values() if isinstance(operation, dict) for tag in operation.get("tags", ())
    }


def _with_references(node: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: renamed.get(value, value)
            if key == "$ref" and isinstance(value, str)
            else _with_references(value, renamed)
            for key, value in node.items()
        }
    return [_with_references(each, renamed) for each in node] if isinstance(node, list) else node


router = APIRouter(include_in_schema=False)


@router.get("/api/schema")
@router.get("/api/schema/")
async def schema(request: Request) -> JSONResponse:
    schemas: Schemas = request.app.state.runtime.extras["schemas"]
    return JSONResponse(await schemas.merged(request.app.openapi()))


@router.get("/.well-known/jwks.json")
async def jwks(request: Request) -> JSONResponse:
    return JSONResponse(
        request.app.state.runtime.extras["gateway"].keys.jwks, headers={"Cache-Control": "max-age=300"}
    )
