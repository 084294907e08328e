"""Kills, again and again, while tenants run pipelines; then the oracle has the word."""

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from common.messaging.consumer import group_of
from igny8_local.demo.run import WordPress

from proving.clerk import Clerk
from proving.evidence import Disturbance, Evidence
from proving.faults import Fault, NotFired, draw, strike
from proving.load import Ledger, Tenant, finish
from proving.oracle import judge, settled
from proving.orders import Orders
from proving.paid import repeated_calls, watch_answers
from proving.report import LONGEST_RECOVERY, Report, Struck, Wanted
from proving.unlimited import lift_limits
from tests.parts.fake_ai import FakeAI
from tests.parts.kafka import RealKafka
from tests.parts.ports import DeadlineMissed, wait_for
from tests.parts.wordpress import RealWordPress
from tests.support.product import Product, product

TENANTS = 3
FINISH_SECONDS = 240.0
SETTLE_SECONDS = 120.0
TRIES = 3
"""For a point that nobody passes in time, or not as often as was drawn: the later ones at the first hit."""
AT_ONCE = ("killed at a point",)
"""Faults whose effect on running work ends where the successor of the process begins."""


class Arena:
    """A running stack with its tenants, and two more: a prober, whose writes show that a service is back, and a clerk."""

    def __init__(
        self,
        stack: Product,
        orders: Orders,
        fake: FakeAI,
        folder: Path,
        wordpress: RealWordPress | None,
        kafka: RealKafka | None,
    ) -> None:
        self.product = stack
        self.fake = fake
        self.ledger = Ledger()
        self._orders = orders
        self._wordpress = wordpress
        self._kafka = kafka
        self._broker_since = 0.0
        self._disturbances: list[Disturbance] = []
        places = [
            _place(wordpress),
            *[None] * TENANTS,
        ]  # the first tenant publishes to WordPress, if there is one
        self.tenants = [
            Tenant(number, stack.url, folder, self.ledger, places[number]) for number in range(TENANTS)
        ]
        self._prober = Tenant(TENANTS, stack.url, folder, self.ledger)
        self.clerk = Clerk(TENANTS + 1, stack.url, folder, self.ledger)

    def open(self) -> None:
        everybody = (*self.tenants, self._prober, self.clerk)
        for tenant in everybody:
            tenant.register()
        accounts = [tenant.account_id for tenant in everybody]
        lift_limits(self.product, self.clerk.login, self.clerk.account_id, accounts)
        self.clerk.open()
        watch_answers(self.product.stack)
        for tenant in self.at_work:
            tenant.start()

    @property
    def at_work(self) -> tuple[Tenant, ...]:
        """Who has a thread of its own."""
        return (*self.tenants, self.clerk)

    def strike(self, fault: Fault) -> Struck:
        """Do it, and see everything recovered. Raises `NotFired`."""
        began = time.time()
        at = strike(fault, self.product.stack, self._orders, self._kafka, self.clerk.work)
        succeeded = time.time()
        recovery: float | None = None
        with suppress(DeadlineMissed):
            self._recovered(fault.victims)
            recovery = time.time() - at
        if fault.kind == "broker killed" and self._kafka is None:  # an embedded one has forgotten everything
            self._broker_since = time.time()
        ended = succeeded if fault.kind in AT_ONCE else time.time()
        self.disturbed(Disturbance(at if fault.kind in AT_ONCE else began, ended, fault.victims))
        return Struck(fault, at, recovery)

    def disturbed(self, disturbance: Disturbance) -> None:
        """Remember it for the oracle: what it may have interrupted may have been done twice."""
        self._disturbances.append(disturbance)

    def evidence(self) -> Evidence:
        return Evidence(
            self.product.stack,
            self.ledger,
            self.fake.calls(),
            tuple(self._disturbances),
            self._broker_since,
            self._wordpress,
        )

    def _recovered(self, victims: tuple[str, ...]) -> None:
        """Return when the victims are ready, a new write is accepted and each victim has taken it in."""
        site = self._prober.add_site(f"Probe {len(self._disturbances)}")
        (event_id,) = self._ask("gateway", _PROBE, str(site))
        # What the gateway recorded counts when somebody else has heard it.
        listeners = {victim for victim in victims if victim != "gateway"} or {"planner"}
        for service in listeners:
            wait_for(
                lambda service=service: self._ask(service, _HEARD, group_of(service), event_id),  # type: ignore[misc]
                LONGEST_RECOVERY,
                what=f"{service} hears again",
            )
        wait_for(lambda: self._ready(victims), LONGEST_RECOVERY, what=f"{', '.join(victims)} are ready")

    def _ready(self, victims: tuple[str, ...]) -> bool:
        services = self.product.stack.services()
        return {each.name for each in services if each.healthy} >= set(victims)

    def _ask(self, service: str, query: str, *values: Any) -> Any:
        """The first row; None while there is none or the database is away."""
        try:
            with psycopg.connect(self.product.stack.database_url(service, "owner")) as connection:
                return connection.execute(query, values).fetchone()
        except psycopg.OperationalError:
            return None


_PROBE = "SELECT event_id FROM events WHERE type = 'SiteAdded' AND data->>'site_id' = %s"
_HEARD = "SELECT 1 FROM inbox WHERE consumer = %s AND event_id = %s"


def _place(site: RealWordPress | None) -> WordPress | None:
    return WordPress(site.url, site.user, site.app_password) if site else None


@contextmanager
def battle(
    wanted: Wanted,
    say: Callable[[str], None] = lambda text: None,
    heard: Callable[[Struck | Fault], None] = lambda each: None,
) -> Iterator[tuple[Arena, Report]]:
    """Start a stack, disturb it as `wanted` says, and judge; the stack ends with the context. `heard` gets every fault
    that fired, or did not."""
    report = Report(wanted)
    began = time.monotonic()
    say("starting")
    with arena(wanted) as field:
        fight(field, report, say, heard)
        calm(field, report, say)
        report.findings = judge(field.evidence(), say)
        if any(finding.found for finding in report.findings):
            report.logs = Path(tempfile.mkdtemp(prefix="igny8-prove-logs-"))
            shutil.copytree(field.product.stack.layout.logs, report.logs, dirs_exist_ok=True)
        report.seconds = time.monotonic() - began
        yield field, report


@contextmanager
def arena(wanted: Wanted) -> Iterator[Arena]:
    """A stack of its own with a fake AI server (and a WordPress, if wanted), and tenants at work."""
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="igny8-prove-")))
        orders = Orders(folder / "orders")
        fake = parts.enter_context(FakeAI())
        site = parts.enter_context(RealWordPress()) if wanted.wordpress else None
        kafka = parts.enter_context(RealKafka()) if wanted.kafka else None
        environment = {
            "IGNY8_AI_BASE_URL": fake.url,
            "IGNY8_AI_KEY": fake.key,
            "IGNY8_AI_MODEL": "gpt-4o-mini",
            "IGNY8_AI_IMAGE_MODEL": "gpt-image-1",
            "IGNY8_TRIAL_CREDITS": "1000000",
            "IGNY8_ALLOWED_PRIVATE_HOSTS": urlsplit(site.url).netloc if site else "",
            "IGNY8_KAFKA": kafka.bootstrap if kafka else "",
        }
        stack = parts.enter_context(product(**environment, **orders.environment))
        opened = Arena(stack, orders, fake, folder, site, kafka)
        opened.open()
        yield opened


def fight(
    field: Arena, report: Report, say: Callable[[str], None], heard: Callable[[Struck | Fault], None]
) -> None:
    """Fault after fault, each after the last one's recovery, until enough have fired or the time is over."""
    end = time.monotonic() + 60 * report.wanted.minutes if report.wanted.minutes else math.inf
    outage = [Fault("broker away", seconds=report.wanted.outage)] if report.wanted.outage else []
    drawn = repeat(Fault("broker killed")) if report.wanted.brokers else draw(report.wanted.seed)
    for fault in chain(outage, drawn):
        if report.kills >= report.wanted.kills or time.monotonic() > end:
            return
        say(str(fault))
        if struck := _insist(field, fault, heard):
            report.struck.append(struck)
            heard(struck)
        else:
            report.not_fired.append(fault)


def _insist(field: Arena, fault: Fault, heard: Callable[[Struck | Fault], None]) -> Struck | None:
    """Strike until it fires; None where it never does."""
    for attempt in (fault, *repeat(replace(fault, hit=1), TRIES - 1)):
        try:
            return field.strike(attempt)
        except NotFired:
            heard(attempt)
    return None


def calm(field: Arena, report: Report, say: Callable[[str], None]) -> None:
    """Let everybody end what was begun, and everything arrive."""
    field.ledger.complaints += finish(field.at_work, FINISH_SECONDS, say)
    say("waiting until everything has been heard and done")
    settled(field.evidence(), SETTLE_SECONDS)
    calls = field.fake.calls()
    report.writes = field.clerk.writes
    report.runs = sum(tenant.runs for tenant in field.tenants)
    report.calls, report.repeated = len(calls), repeated_calls(calls)
