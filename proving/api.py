"""Requests that schemathesis makes up from the API description, valid and broken ones, sent to a running product.

No answer may be a fault of ours, nor one that the description does not know: status, content type and shape of the body.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from igny8_local.demo.client import Client
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from proving.outcome import Outcome, Proved, Say, at_least, none_of
from tests.support.product import few_keywords, product
from tests.support.walk import Known, learn

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = {"GET /api/v1/events/"}
"""Answers that never end."""
SIGN_OUT = {
    "POST /api/v1/auth/logout-all/",
    "POST /api/v1/auth/change-password/",
    "POST /api/v1/account/erase/",
}
"""Would end the session of the one who asks, where it fits by chance."""
LAST = {"PATCH /api/v1/account/modules/"}
"""Would switch off what the others ask."""
SECONDS = 30.0


@dataclass
class Report:
    """What the requests came to; `findings` names each operation and fault once, with a request that shows it."""

    cases: int = 0
    operations: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)


def ask(
    document: Mapping[str, Any],
    url: str,
    authorization: str,
    known: Known,
    *,
    cases: int,
    seed: int,
    say: Say,
) -> Report:
    """At least `cases` requests, the same number to each operation. `known` are ids that paths may name."""
    schema = schemathesis.openapi.from_dict(dict(document))
    operations = [
        operation
        for operation in (found.ok() for found in schema.get_all_operations() if isinstance(found, Ok))
        if f"{operation.method.upper()} {operation.path}" not in ENDLESS | SIGN_OUT
    ]
    operations.sort(key=lambda each: f"{each.method.upper()} {each.path}" in LAST)
    report = Report(operations=len(operations))
    each = -(-cases // len(operations))
    with requests.Session() as session:
        session.headers["Authorization"] = authorization

        def send(case: Case[Any], name: str) -> None:
            report.cases += 1
            try:
                response = case.call(base_url=url, session=session, timeout=SECONDS)
            except requests.RequestException as error:
                title = f"{name}: no answer, or one that broke off"
                report.findings.setdefault(title, f"{title}: {error}")
                return
            report.statuses[response.status_code] += 1
            # Where only some fields are asked for, the description's required ones are not all there.
            left_out = [response_schema_conformance] if "fields" in (case.query or {}) else []
            try:
                case.validate_response(response, checks=CHECKS, excluded_checks=left_out)
            except (Failure, FailureGroup) as error:
                faults = error.exceptions if isinstance(error, FailureGroup) else (error,)
                for fault in faults:
                    title = f"{name}: {response.status_code}: {type(fault).__name__}"
                    report.findings.setdefault(
                        title, f"{title}: {str(fault)[:600]}\n{case.as_curl_command(base_url=url)[:1500]}"
                    )

        for number, operation in enumerate(operations):
            _draw(operation, known, send, each, seed)
            say((number + 1) / len(operations))
    return report


def _draw(operation: Any, known: Known, send: Any, cases: int, seed: int) -> None:
    name = f"{operation.method.upper()} {operation.path}"
    valid = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    broken = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(
        case=hypothesis.strategies.one_of(valid, broken), there=hypothesis.strategies.booleans()
    )
    def drawn(case: Case[Any], there: bool) -> None:
        if there:  # else hardly any id would be that of something
            ids = {key: known.by_name[key] for key in case.path_parameters or () if key in known.by_name}
            case.path_parameters.update(ids)
        send(case, name)

    drawn()


def ask_product(url: str, client: Client, *, cases: int, seed: int, say: Say) -> Report:
    """Requests of one tenant who has everything."""
    authorization = client._http.headers["Authorization"]
    with httpx.Client(base_url=url, headers={"Authorization": authorization}, timeout=SECONDS) as http:
        document = http.get("/api/schema/").json()
        known = learn(http, document, {})
    return ask(document, url, authorization, known, cases=cases, seed=seed, say=say)


async def prove(size: int, seed: int, say: Say) -> Proved:
    """`size` requests to a stack of its own."""
    return await asyncio.to_thread(_prove, size, seed, say)


def _prove(size: int, seed: int, say: Say) -> Proved:
    with tempfile.TemporaryDirectory() as folder, product() as running:
        client = running.client()
        running.run(few_keywords(Path(folder)), 2, client=client)
        report = ask_product(running.url, client, cases=size, seed=seed, say=say)
        client.close()
    outcomes: list[Outcome] = [
        at_least("requests made up and sent", report.cases, size),
        none_of("answers of status 5xx or unlike the description", list(report.findings)),
    ]
    return Proved(outcomes, list(report.findings.values()))
