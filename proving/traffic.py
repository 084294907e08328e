"""What the services say to each other while tenants work: made messages in the real envelope, as Kafka would hold them.

Each tenant registers, adds and renames sites, has keywords clustered and articles written, some of which fail, and runs
pipelines. All messages of a tenant on one topic lie on one partition, in their order.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aiokafka.partitioner import DefaultPartitioner
from billing.rates.default_card import DEFAULT_CARD
from common.ai.costs import price
from common.contracts import Contract
from common.contracts.base import events_topic, spec_of
from common.contracts.billing import CreditsDeducted, CreditsReserved
from common.contracts.gateway import AccountRegistered, SectorAdded, SiteAdded, SiteArchived, SiteChanged
from common.contracts.operations import (
    AIOperationCancelled,
    AIOperationFailed,
    AIOperationRequested,
    Charge,
    Function,
    OperationItem,
    Usage,
)
from common.contracts.planner import (
    KeywordsClustered,
    PipelineRunFinished,
    PipelineRunPaused,
    PipelineRunResumed,
    PipelineRunStarted,
    PipelineStageFinished,
    PipelineStageStarted,
    Stage,
)
from common.contracts.writer import (
    ContentApproved,
    ContentArchived,
    ContentChanged,
    ContentGenerated,
    ContentRejected,
    ContentRestored,
)
from common.eventsourcing.event import Event, Meta, Recorded
from common.messaging.envelope import Headers, headers_of
from common.messaging.inbox import Message
from common.messaging.topics import PARTITIONS
from msgspec.structs import replace

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
USAGE = Usage(
    provider="local", model="local", calls=1, input_tokens=900, output_tokens=300, cost_micro_usd=40
)
_partitioner = DefaultPartitioner()
_PARTITIONS = list(range(PARTITIONS))


@dataclass
class Tenant:
    """An account, the sites it has and what it owes, in millicredits."""

    account_id: UUID
    sites: list[UUID] = field(default_factory=list)
    owes: int = 0
    wallet: int = 1_000_000_000


class Traffic:
    """What `accounts` tenants lead to, at least `count` messages in the order `said`, the same for the same seed.

    Left out is what none of the `listeners`, which are services, hears. The part `poison` of them (0 to 1) cannot be
    handled; their ids are in `poisoned`, and each is the only message of its stream.
    """

    def __init__(
        self, count: int, seed: int, accounts: int, listeners: tuple[str, ...], poison: float = 0.0
    ) -> None:
        self.said: list[Message] = []
        self.poisoned: set[UUID] = set()
        self._ends: Counter[tuple[str, int]] = Counter()
        self._dice = random.Random(seed)
        self._listeners = set(listeners)
        self._versions: Counter[str] = Counter()
        self.tenants = [Tenant(self._id()) for _ in range(accounts)]
        for tenant in self.tenants:
            self._register(tenant)
        acts: tuple[Callable[[Tenant], None], ...] = (
            self._cluster,
            self._write,
            self._write,
            self._fail,
            self._run_pipeline,
            self._rename,
        )
        while len(self.said) < count:
            act = self._poison if len(self.poisoned) < poison * len(self.said) else self._dice.choice(acts)
            act(self._dice.choice(self.tenants))

    @property
    def partitions(self) -> list[list[Message]]:
        """What was said, one list for each partition."""
        found: dict[tuple[str, int], list[Message]] = {}
        for message in self.said:
            found.setdefault((message.topic, message.partition), []).append(message)
        return list(found.values())

    def say(self, source: str, account_id: UUID, stream: str, contract: Contract) -> None:
        """The next message of a stream, at the end of its partition."""
        if self._listeners.isdisjoint(spec_of(type(contract)).heard_by):
            return
        self._versions[stream] += 1
        fact = Recorded[Event](
            *(len(self.said), account_id, stream, self._versions[stream], self._id()),
            Event(),
            Meta(),
            BEGAN + timedelta(milliseconds=len(self.said)),
        )
        key, headers, value = headers_of(contract, source, fact, None)
        self._put(events_topic(source), key, headers, value)

    def _put(self, topic: str, key: bytes, headers: Headers, value: bytes) -> None:
        partition = _partitioner(key, _PARTITIONS, _PARTITIONS)
        self.said.append(Message(topic, partition, self._ends[topic, partition], headers, value))
        self._ends[topic, partition] += 1

    def _id(self) -> UUID:
        return UUID(int=self._dice.getrandbits(128), version=4)

    def _account(self, tenant: Tenant, contract: Contract) -> None:
        self.say("gateway", tenant.account_id, f"account-{tenant.account_id}", contract)

    def _register(self, tenant: Tenant) -> None:
        slug = f"tenant-{tenant.account_id.hex[:8]}"
        self._account(tenant, AccountRegistered(account_id=tenant.account_id, slug=slug, status="active"))
        self._add_site(tenant)

    def _add_site(self, tenant: Tenant) -> None:
        site = self._id()
        tenant.sites.append(site)
        self._account(tenant, SiteAdded(site_id=site, name="Site", slug=site.hex, domain="example.com"))
        self._account(tenant, SectorAdded(sector_id=self._id(), site_id=site, name="Sector", slug="sector"))

    def _rename(self, tenant: Tenant) -> None:
        """Mostly; now and then a site goes, or another comes."""
        chance, site = self._dice.random(), self._dice.choice(tenant.sites)
        if chance < 0.05:
            self._account(tenant, SiteArchived(site_id=site))
        elif chance < 0.2:
            self._add_site(tenant)
        else:
            name = f"Site {len(self.said)}"
            self._account(
                tenant,
                SiteChanged(
                    site_id=site,
                    name=name,
                    slug=site.hex,
                    domain="example.com",
                    status="active",
                    is_active=True,
                ),
            )

    def _cluster(self, tenant: Tenant) -> None:
        site, item = self._dice.choice(tenant.sites), self._id()
        charge = Charge(kind="clustering", units=1)
        operation = self._ask("planner", tenant, "auto_cluster", item, charge)
        outcome = KeywordsClustered(
            operation_id=operation,
            item_id=item,
            site_id=site,
            sector_id=site,
            clusters=(),
            unclustered=0,
            usage=USAGE,
            charge=charge,
        )
        self.say("planner", tenant.account_id, f"operation-{operation}", outcome)
        self._charge(tenant, operation, item, "auto_cluster", charge)

    def _write(self, tenant: Tenant) -> None:
        """An article, and what people do with it."""
        site, task, content = self._dice.choice(tenant.sites), self._id(), self._id()
        words = self._dice.randint(100, 2_000)
        operation = self._ask(
            "writer", tenant, "generate_content", task, Charge(kind="content_words", units=2_000)
        )
        charge, stream = Charge(kind="content_words", units=words), f"content-{content}"
        written = ContentGenerated(
            operation_id=operation,
            item_id=task,
            site_id=site,
            sector_id=site,
            task_id=task,
            content_id=content,
            title="An article",
            words=words,
            usage=USAGE,
            charge=charge,
        )
        self.say("writer", tenant.account_id, stream, written)
        self._charge(tenant, operation, task, "generate_content", charge)
        for version in range(2, 2 + self._dice.randint(0, 4)):
            self.say("writer", tenant.account_id, stream, self._edited(content, site, version))

    def _edited(self, content: UUID, site: UUID, version: int) -> Contract:
        title = f"An article, version {version}"
        return self._dice.choice(
            (
                ContentChanged(
                    content_id=content,
                    site_id=site,
                    sector_id=site,
                    version=version,
                    title=title,
                    status="draft",
                ),
                ContentApproved(content_id=content, version=version, title=title),
                ContentRejected(content_id=content, version=version, title=title, reason="too short"),
                ContentArchived(content_id=content),
                ContentRestored(content_id=content),
            )
        )

    def _fail(self, tenant: Tenant) -> None:
        function: Function = "generate_image_prompts"
        item = self._id()
        operation = self._ask("writer", tenant, function, item, Charge(kind="image_prompt", units=1))
        ended: Contract = AIOperationFailed(
            operation_id=operation, function=function, item_id=item, error_code="AI_FAILED", message="It did."
        )
        if self._dice.random() < 0.3:
            ended = AIOperationCancelled(operation_id=operation, function=function, reason="no longer wanted")
        self.say("writer", tenant.account_id, f"operation-{operation}", ended)

    def _poison(self, tenant: Tenant) -> None:
        """By turns a request for less than nothing, and one that nobody can read."""
        charge = Charge(kind="image", units=-1, model="local")
        request = AIOperationRequested(
            operation_id=self._id(),
            function="generate_images",
            items=(OperationItem(item_id=self._id(), charge=charge),),
            maximum=0,
            site_id=tenant.sites[0],
            sector_id=tenant.sites[0],
        )
        self.say("writer", tenant.account_id, f"operation-{request.operation_id}", request)
        said = self.said[-1]
        if len(self.poisoned) % 2:
            assert said.value is not None
            self.said[-1] = replace(said, value=said.value[:-1])
        self.poisoned.add(UUID(dict(said.headers)["ce_id"].decode()))

    def _run_pipeline(self, tenant: Tenant) -> None:
        run, site = self._id(), self._dice.choice(tenant.sites)
        said: list[Contract] = [
            PipelineRunStarted(run_id=run, site_id=site, sector_id=site, auto_approve=True)
        ]
        stages: tuple[Stage, ...] = (1, 2)
        for stage in stages:
            said += [
                PipelineStageStarted(run_id=run, stage=stage, site_id=site, sector_id=site, items=(run,)),
                PipelineRunPaused(run_id=run),
                PipelineRunResumed(run_id=run),
                PipelineStageFinished(run_id=run, stage=stage, items=1, failed=0, credits=stage * 1_000),
            ]
        for contract in (*said, PipelineRunFinished(run_id=run, outcome="completed")):
            self.say("planner", tenant.account_id, f"run-{run}", contract)

    def _ask(self, source: str, tenant: Tenant, function: Function, item: UUID, charge: Charge) -> UUID:
        operation, site = self._id(), tenant.sites[0]
        maximum = price(DEFAULT_CARD, charge)
        request = AIOperationRequested(
            operation_id=operation,
            function=function,
            items=(OperationItem(item_id=item, charge=charge),),
            maximum=maximum,
            site_id=site,
            sector_id=site,
        )
        self.say(source, tenant.account_id, f"operation-{operation}", request)
        reserved = CreditsReserved(
            operation_id=operation,
            amount=maximum,
            balance=tenant.wallet,
            available=tenant.wallet - maximum,
            expires_at=BEGAN.isoformat(),
        )
        self.say("billing", tenant.account_id, f"wallet-{tenant.account_id}", reserved)
        return operation

    def _charge(
        self, tenant: Tenant, operation: UUID, item: UUID, function: Function, charge: Charge
    ) -> None:
        amount = price(DEFAULT_CARD, charge)
        tenant.owes += amount
        tenant.wallet -= amount
        deducted = CreditsDeducted(
            operation_id=operation,
            item_id=item,
            function=function,
            amount=amount,
            balance=tenant.wallet,
            available=tenant.wallet,
        )
        self.say("billing", tenant.account_id, f"wallet-{tenant.account_id}", deducted)
