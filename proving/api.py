"""Requests that schemathesis makes up from the API description, valid and broken ones, sent to a running product.

No answer may be a fault of ours, nor one that the description does not know: status, content type and shape of the body.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import local
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
AT_ONCE = 12
"""Requests on their way: the product works on some while the next ones are made up, and slow ones hold up nobody."""


@dataclass
class Report:
    """What the requests came to; `findings` names each operation and fault once, with a request that shows it."""

    cases: int = 0
    operations: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)

    def add(self, answered: "Answered") -> None:
        self.cases += 1
        if answered.status is not None:
            self.statuses[answered.status] += 1
        for title, finding in answered.findings.items():
            self.findings.setdefault(title, finding)


@dataclass(frozen=True)
class Answered:
    """What became of one request; no status where no whole answer came."""

    status: int | None
    findings: Mapping[str, str]


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
        if _name(operation) not in ENDLESS | SIGN_OUT
    ]
    report = Report(operations=len(operations))
    each = -(-cases // len(operations))
    sender = _Sender(url, authorization)
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def asked(wanted: Iterable[Any], done: int) -> None:
            """The requests are made up one after another, so that a seed gives the same ones; answers come as they do."""
            waiting: set[Future[Answered]] = set()
            for number, operation in enumerate(wanted):
                _draw(
                    operation,
                    known,
                    each,
                    seed,
                    lambda case, name: waiting.add(pool.submit(sender, case, name)),
                )
                say((done + number) / len(operations))
            for future in as_completed(waiting):
                report.add(future.result())

        last = [each for each in operations if _name(each) in LAST]
        asked((each for each in operations if each not in last), 0)
        asked(last, len(operations) - len(last))
    say(1.0)
    return report


def _name(operation: Any) -> str:
    return f"{operation.method.upper()} {operation.path}"


class _Sender:
    """Sends a case and looks at the answer, from several threads: each has its own connection."""

    def __init__(self, url: str, authorization: str) -> None:
        self._url = url
        self._authorization = authorization
        self._own = local()

    def __call__(self, case: Case[Any], name: str) -> Answered:
        try:
            response = case.call(base_url=self._url, session=self._session(), timeout=SECONDS)
        except requests.RequestException as error:
            title = f"{name}: no answer, or one that broke off"
            return Answered(None, {title: f"{title}: {error}"})
        # Where only some fields are asked for, the description's required ones are not all there.
        left_out = [response_schema_conformance] if "fields" in (case.query or {}) else []
        try:
            case.validate_response(response, checks=CHECKS, excluded_checks=left_out)
        except (Failure, FailureGroup) as error:
            faults = error.exceptions if isinstance(error, FailureGroup) else (error,)
            curl = case.as_curl_command(base_url=self._url)[:1500]
            titled = {f"{name}: {response.status_code}: {type(each).__name__}": each for each in faults}
            found = {title: f"{title}: {str(fault)[:600]}\n{curl}" for title, fault in titled.items()}
            return Answered(response.status_code, found)
        return Answered(response.status_code, {})

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
            session.headers["Authorization"] = self._authorization
        return session


def _draw(operation: Any, known: Known, cases: int, seed: int, send: Callable[[Case[Any], str], Any]) -> None:
    name = _name(operation)
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
