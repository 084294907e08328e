"""Requests that schemathesis makes up from the API description, valid and broken ones, sent to a running product.

No answer may be a fault of ours, nor one that the description does not know: status, content type and shape of the body.
Each operation is asked by who may: a tenant with everything, and staff where the path is theirs.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import local
from typing import Any

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
from tests.support.product import Product, few_keywords, product
from tests.support.tenants import headers_of, known_of, signed_in, staff_headers
from tests.support.walk import PARAMETER, Known, learn

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
MODULES = "PATCH /api/v1/account/modules/"
STAFF = "/api/v1/admin/"
TURNS, LAST = 4, 3
"""Requests that take something away come after those that ask for it, and what staff change for everybody at the end."""
OWN_TOKEN = {f"POST /api/v1/auth/{name}/" for name in ("login", "refresh", "logout")}
"""401 is what these answer to a body."""
MANY = 20
"""For an operation: with fewer it is chance what they reach, and a second way to draw them takes as long again."""
SUCCEEDING = 60
"""Percent of the operations; what one has to know a secret for, or to find in a certain status, mostly refuses."""
REFUSED = frozenset((401, 403, 404))
"""What comes before a route looks at a request."""
SECONDS = 90.0
"""Longer than any `Prefer: wait=N` is waited for."""
QUIET_SECONDS = 600.0
"""For the work that some thousand requests have begun."""
AT_ONCE = 12
"""Requests on their way: the product works on some while the next ones are made up, and slow ones hold up nobody."""


@dataclass
class Report:
    """What the requests came to; `findings` names each operation and fault once, with a request that shows it."""

    cases: int = 0
    operations: int = 0
    by_operation: dict[str, Counter[int]] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def statuses(self) -> Counter[int]:
        return sum(self.by_operation.values(), Counter())

    @property
    def unreached(self) -> list[str]:
        """Operations that looked at none of their requests."""
        return sorted(
            name
            for name, seen in self.by_operation.items()
            if seen.keys() <= REFUSED and not (name in OWN_TOKEN and 401 in seen)
        )

    @property
    def succeeded(self) -> list[str]:
        """Operations of which at least one request did what it asked for."""
        return sorted(
            name for name, seen in self.by_operation.items() if any(200 <= status < 300 for status in seen)
        )

    def add(self, answered: "Answered") -> None:
        self.cases += 1
        seen = self.by_operation.setdefault(answered.operation, Counter())
        if answered.status is not None:
            seen[answered.status] += 1
        for title, finding in answered.findings.items():
            self.findings.setdefault(title, finding)


@dataclass(frozen=True)
class Answered:
    """What became of one request; no status where no whole answer came."""

    operation: str
    status: int | None
    findings: Mapping[str, str]


@dataclass(frozen=True)
class Asker:
    """Who asks, and the ids that its requests may name."""

    headers: Mapping[str, str]
    known: Known
    in_bulk: Known
    spare: Known
    """Others of the same lists: what is archived in bulk or deleted is not asked for otherwise."""

    def may_name(self, operation: str) -> Known:
        if operation.startswith("DELETE "):
            return self.spare
        return self.in_bulk if _in_bulk(operation) else self.known


def ask(
    document: Mapping[str, Any],
    url: str,
    tenant: Asker,
    staff: Asker,
    before_staff: Callable[[], None],
    *,
    cases: int,
    seed: int,
    say: Say,
) -> Report:
    """At least `cases` requests, the same number to each operation."""
    schema = schemathesis.openapi.from_dict(dict(document))
    operations = [
        operation
        for operation in (found.ok() for found in schema.get_all_operations() if isinstance(found, Ok))
        if _name(operation) not in ENDLESS | SIGN_OUT
    ]
    report = Report(operations=len(operations))
    each = -(-cases // len(operations))
    askers = [(each, staff if STAFF in _name(each) else tenant) for each in operations]
    senders = {id(asker): _Sender(url, asker.headers) for asker in (tenant, staff)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for turn in range(TURNS):
            if turn == LAST:
                before_staff()  # else what still runs would go on with their keys and prices
            # Requests are made up one after another, so that a seed gives the same ones; answers come as they do.
            waiting: set[Future[Answered]] = set()
            for operation, asker in askers:
                if _turn(_name(operation)) == turn:
                    say(report.cases / cases)
                    known = asker.may_name(_name(operation))
                    _draw(operation, known, each, seed, _sent(pool, senders[id(asker)], waiting))
            for future in as_completed(waiting):
                report.add(future.result())
    say(1.0)
    return report


def _name(operation: Any) -> str:
    return f"{operation.method.upper()} {operation.path}"


def _turn(name: str) -> int:
    if STAFF in name:
        return LAST
    if not (name == MODULES or name.startswith("DELETE ") or _in_bulk(name)):
        return 0
    return 2 if "/account/" in name else 1  # without its site nothing else would be found


def _in_bulk(name: str) -> bool:
    return "/bulk_" in name


class _Sender:
    """Sends a case and looks at the answer, from several threads: each has its own connection."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = headers
        self._own = local()

    def __call__(self, case: Case[Any], name: str) -> Answered:
        if case.headers and str(case.headers.get("Prefer", "")).startswith("wait="):
            case.headers["Prefer"] = "wait=1"  # thousands of requests for work would each wait for their end
        try:
            response = case.call(base_url=self._url, session=self._session(), timeout=SECONDS)
        except requests.RequestException as error:
            title = f"{name}: no answer, or one that broke off"
            return Answered(name, None, {title: f"{title}: {error}"})
        # Where only some fields are asked for, the description's required ones are not all there.
        left_out = [response_schema_conformance] if "fields" in (case.query or {}) else []
        try:
            case.validate_response(response, checks=CHECKS, excluded_checks=left_out)
        except (Failure, FailureGroup) as error:
            faults = error.exceptions if isinstance(error, FailureGroup) else (error,)
            curl = case.as_curl_command(base_url=self._url)[:1500]
            titled = {f"{name}: {response.status_code}: {type(each).__name__}": each for each in faults}
            found = {title: f"{title}: {str(fault)[:600]}\n{curl}" for title, fault in titled.items()}
            return Answered(name, response.status_code, found)
        return Answered(name, response.status_code, {})

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
            session.headers.update(self._headers)
        return session


def _sent(
    pool: ThreadPoolExecutor, sender: _Sender, waiting: set[Future[Answered]]
) -> Callable[[Case[Any], str], None]:
    return lambda case, name: waiting.add(pool.submit(sender, case, name))


def _draw(
    operation: Any, known: Known, cases: int, seed: int, send: Callable[[Case[Any], str], None]
) -> None:
    """Of many requests a third are valid ones about what is there, so that each operation gets some of them."""
    valid = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    broken = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    either = hypothesis.strategies.one_of(valid, broken)
    certain = cases // 3 if cases >= MANY else 0
    kinds = [(either, cases - certain, hypothesis.strategies.booleans())]
    if certain:
        kinds.insert(0, (valid, certain, hypothesis.strategies.just(True)))
    for strategy, count, there in kinds:

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=count,
            phases=(Phase.generate,),
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=strategy, there=there)
        def drawn(case: Case[Any], there: bool) -> None:
            if there:  # else hardly any id would be that of something
                _name_what_is_there(case, operation.path, known)
            send(case, _name(operation))

        drawn()


def _name_what_is_there(case: Case[Any], path: str, known: Known) -> None:
    case.path_parameters.update(
        {
            found[1]: known.by_path[prefix]
            for found in PARAMETER.finditer(path)
            if (prefix := path[: found.start()]) in known.by_path
        }
    )
    if isinstance(case.body, dict) and case.meta and case.meta.generation.mode.is_positive:
        case.body.update(
            {
                name: [known.by_name[name]] if isinstance(value, list) else known.by_name[name]
                for name, value in case.body.items()
                if value is not None and name in known.by_name
            }
        )


def ask_product(running: Product, client: Client, *, cases: int, seed: int, say: Say) -> Report:
    """Requests of a tenant who has had a run made, and of staff."""
    tenant, staff = headers_of(client), staff_headers(running)
    with signed_in(running, tenant) as http:
        document = http.get("/api/schema/").json()
        for_staff = {path: item for path, item in document["paths"].items() if path.startswith(STAFF)}
        others = {path: item for path, item in document["paths"].items() if path not in for_staff}
        known = known_of(running, http, {**document, "paths": others})
        in_bulk, spare = [learn(http, {**document, "paths": others}, {}, which=which) for which in (1, -1)]
    with signed_in(running, staff) as http:
        kept = learn(http, {**document, "paths": for_staff}, {})
    kept.by_name["account"] = staff["X-Act-As-Account"]
    askers = Asker(tenant, known, in_bulk, spare), Asker(staff, kept, kept, kept)
    return ask(
        document,
        running.url,
        *askers,
        lambda: running.quiet(QUIET_SECONDS),
        cases=cases,
        seed=seed,
        say=say,
    )


async def prove(size: int, seed: int, say: Say) -> Proved:
    """`size` requests to a stack of its own."""
    return await asyncio.to_thread(_prove, size, seed, say)


def _prove(size: int, seed: int, say: Say) -> Proved:
    with tempfile.TemporaryDirectory() as folder, product() as running:
        client = running.client()
        running.run(few_keywords(Path(folder)), 2, client=client)
        report = ask_product(running, client, cases=size, seed=seed, say=say)
        client.close()
    return Proved(outcomes(report, size), [*report.findings.values(), *report.unreached])


def outcomes(report: Report, size: int) -> list[Outcome]:
    """What has to hold of so many requests."""
    return [
        at_least("requests made up and sent", report.cases, size),
        none_of("answers of status 5xx or unlike the description", list(report.findings)),
        none_of("operations of which no request got beyond 401, 403 and 404", report.unreached),
        at_least(
            "operations of which a request succeeded",
            len(report.succeeded),
            SUCCEEDING * report.operations // 100,
        ),
    ]
