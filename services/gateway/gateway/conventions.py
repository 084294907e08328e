"""What holds for every operation (PRODUCT §8), written into the description of each: headers to send and to get."""

from collections.abc import Iterator
from typing import Any

from common.api.idempotency import LONGEST_KEY

from gateway.edge.routes import is_public
from gateway.edge.waiting import LONGEST_WAIT_SECONDS

JSON = dict[str, Any]


def _header(name: str, description: str, example: str) -> JSON:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "maxLength": LONGEST_KEY},
        "example": example,
    }


FIELDS: JSON = {
    "name": "fields",
    "in": "query",
    "required": False,
    "description": "Only these fields of the resource, or of each row, by comma.",
    "schema": {"type": "string", "maxLength": 1_000},
    "example": "id,version",
}
_REQUEST_ID = _header("X-Request-ID", "Names this request in answers, logs and events.", "order-4711-a")
_IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "The same request with the same key has one effect and one answer for 24 hours; of a file above 1 MB, one effect.",
    "order-4711",
)
_IF_MATCH = _header("If-Match", "Change it only at this version; else 412.", '"3"')
_IF_NONE_MATCH = _header("If-None-Match", "304 where it is still as this ETag says.", '"3-5f0c1a2b3c4d"')
_PREFER = _header(
    "Prefer",
    f"`wait=N`: answer when the task has ended, or after N (at most {LONGEST_WAIT_SECONDS}) seconds.",
    "wait=30",
)


_TRACK = _header("X-Track-Resources", "1: measure this request; for owners, admins and developers.", "1")


def _answered(description: str, kind: str = "string") -> JSON:
    return {"description": description, "schema": {"type": kind}}


_EVERY_ANSWER: JSON = {
    "X-Request-ID": _answered("The request's name."),
    "X-Resource-Tracking-Id": _answered("Names the figures of `system/request-metrics/`."),
    "RateLimit": _answered("What is left: class, `r` requests, for `t` seconds."),
    "RateLimit-Policy": _answered("The limit: class, `q` requests in `w` seconds."),
}
_ETAG: JSON = {"ETag": _answered("The version, and a digest of what is shown.")}
_LOCATION: JSON = {"Location": _answered("Where the task is followed.")}
_PROGRESS: JSON = {"$ref": "#/components/schemas/Success_ProgressOut_"}
"""What a task's `Location` shows, except where a route says otherwise by a 200 of its own."""
_TASK: JSON = {"$ref": "#/components/schemas/Success_TaskAccepted_"}
_RETRY_AFTER: JSON = {"Retry-After": _answered("Seconds to wait, with 429 and 503.", "integer")}


def add_conventions(document: JSON) -> None:
    """Add the parameters and the answers' headers to every operation of a document."""
    for method, path, operation in _operations(document):
        parameters = operation.setdefault("parameters", [])
        given = {(each["in"], each["name"].lower()) for each in parameters}
        for parameter in _parameters(method, path, operation):
            if (parameter["in"], parameter["name"].lower()) not in given:
                parameters.append(dict(parameter))
        for status, answer in operation["responses"].items():
            more = _EVERY_ANSWER | (_RETRY_AFTER if status[0] in "45" else {})
            if status in ("200", "201") and method != "delete":
                more = more | _ETAG
            if status == "202":
                more = more | _LOCATION
            answer["headers"] = more | answer.get("headers", {})
        if method == "get" and _is_json(operation):
            operation["responses"].setdefault("304", {"description": "Still as the ETag says."})
        if _begins_task(operation):
            _add_waiting(operation["responses"])


def _add_waiting(responses: JSON) -> None:
    """Who waits is answered what the `Location` shows: 200 when the task has ended, 202 with what it is at."""
    accepted = responses["202"]["content"]["application/json"]
    ended = responses.setdefault("200", {"content": {"application/json": {"schema": dict(_PROGRESS)}}})
    ended["description"] = "Ended, with `Prefer: wait=N`."
    ended.setdefault("headers", responses["202"]["headers"])
    shown = ended["content"]["application/json"]["schema"]
    accepted["schema"] = {"anyOf": [accepted["schema"], shown]}


def _parameters(method: str, path: str, operation: JSON) -> Iterator[JSON]:
    yield _REQUEST_ID
    yield _TRACK
    if method == "get" and _is_json(operation):
        yield FIELDS
        yield _IF_NONE_MATCH
    if method == "post" and not is_public("POST", path):
        yield _IDEMPOTENCY_KEY
    if method in ("put", "patch", "delete"):
        yield _IF_MATCH
    if _begins_task(operation):
        yield _PREFER


def _begins_task(operation: JSON) -> bool:
    accepted = operation["responses"].get("202", {}).get("content", {}).get("application/json", {})
    return bool(accepted.get("schema") == _TASK)


def _is_json(operation: JSON) -> bool:
    return "application/json" in operation["responses"].get("200", {}).get("content", {})


def _operations(document: JSON) -> Iterator[tuple[str, str, JSON]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "responses" in operation:
                yield method, path, operation
