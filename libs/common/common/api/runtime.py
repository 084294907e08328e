"""What a running service gives its routes, jobs and steps."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request

from common.ai.answers_store import PostgresAnswers
from common.ai.engine import AIEngine
from common.ai.providers import Provider
from common.ai.providers.choose import AccountProviders
from common.auth.identity import IdentityVerifier
from common.auth.permissions import ROUTES, Routes
from common.clock import DatabaseClock
from common.database import Database
from common.messaging.direct import DirectProducer
from common.objects import ObjectStore
from common.replicas.causal import ReplicaWaiter
from common.secrets import SecretStore
from common.settings import Settings


@dataclass
class RuntimeOf:
    """One per process, made by `common.service`."""

    service: str
    settings: Settings
    database: Database
    producer: DirectProducer
    objects: ObjectStore
    provider: Provider
    secrets: SecretStore
    replicas: ReplicaWaiter | None
    """None in the service that owns the accounts."""
    verifier: IdentityVerifier
    clock: DatabaseClock = field(default_factory=DatabaseClock)
    routes: Routes = ROUTES
    """What each route asks of its caller."""
    heard: list[Callable[[], None]] = field(default_factory=list)
    """Called after each batch the consumer took."""
    extras: dict[str, Any] = field(default_factory=dict)
    """What a single service adds in its `on_start`."""

    @cached_property
    def providers(self) -> AccountProviders:
        return AccountProviders(self.database, self.secrets, self.settings, self.provider)

    @asynccontextmanager
    async def engine(self, account_id: UUID) -> AsyncIterator[AIEngine]:
        """The AI engine of one account, asking its own provider: its recorded answers are the account's own rows.

        Raises ProviderError where that provider's key cannot be read.
        """
        async with self.providers.of(account_id) as provider:
            yield AIEngine(provider, PostgresAnswers(self.database, account_id), self.objects.of(account_id))

    async def close(self) -> None:
        """Give up the providers' connections and processes."""
        await self.providers.close()
        await self.provider.close()


# A coroutine, as each of these is: FastAPI runs a plain function in a worker thread, which takes longer than all it does.
async def _runtime(request: Request) -> RuntimeOf:
    runtime: RuntimeOf = request.app.state.runtime
    return runtime


Runtime = Annotated[RuntimeOf, Depends(_runtime)]
