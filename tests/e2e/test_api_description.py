"""The API description that the running product serves: complete, and with examples that fit."""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from gateway.edge.routes import is_public

from tests.e2e.conftest import Shared

Json = Any


@pytest.fixture(scope="module")
def document(shared: Shared) -> Json:
    return httpx.get(f"{shared.product.url}/api/schema/", timeout=30).json()


def described(document: Json) -> Iterator[tuple[str, Json]]:
    """Everything that has a schema, with where it stands: parameters, bodies, successful answers."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            place = f"{method.upper()} {path}"
            for parameter in operation.get("parameters", ()):
                yield f"{place} {parameter['name']}", parameter
            for kind, media in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{place} {kind}", media
            for status, answer in operation["responses"].items():
                if status.startswith("2") and status != "204":
                    assert answer.get("content"), f"{place} answers {status} with nothing"
                    for kind, media in answer["content"].items():
                        yield f"{place} {status} {kind}", media


def test_everything_described_has_an_example_that_fits(document: Json) -> None:
    faults, seen = [], 0
    for place, found in described(document):
        seen += 1
        if not found.get("schema"):
            faults.append(f"{place}: no schema")
        elif "example" not in found:
            faults.append(f"{place}: no example")
        else:
            schema = {**found["schema"], "components": document["components"]}
            faults += [
                f"{place}: {error.message[:200]}"
                for error in jsonschema.Draft202012Validator(schema).iter_errors(found["example"])
            ]
    assert faults == []
    assert seen > 300


def test_every_operation_says_what_holds_for_all(document: Json) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            names = {parameter["name"] for parameter in operation["parameters"]}
            place = f"{method.upper()} {path}"
            assert "X-Request-ID" in names, place
            strangers = is_public(method.upper(), path)  # whose answers hold tokens: none is kept
            assert ("Idempotency-Key" in names) == (method == "post" and not strangers), place
            assert ("If-Match" in names) == (method in ("put", "patch", "delete")), place
            begins_task = "TaskAccepted" in str(operation["responses"].get("202"))
            assert ("Prefer" in names) == begins_task, place
            assert len(names) == len(operation["parameters"]), place
