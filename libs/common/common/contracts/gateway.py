"""What the gateway says: the accounts stream, all of it public, so a replica knows which version it has reached."""

from typing import Literal
from uuid import UUID

import msgspec

from common.contracts.base import Contract, contract

AccountStatus = Literal["trial", "active", "suspended", "cancelled"]
SiteStatus = Literal["active", "paused", "archived"]
Role = Literal["owner", "admin", "editor", "viewer"]
Module = Literal["planner", "writer", "automation", "linker", "optimizer", "publisher", "integration"]
"""What an account may switch on and off: all routes below `/api/v1/<module>/`."""

ALL = ("planner", "writer", "billing", "publisher")


class SecretRef(msgspec.Struct, frozen=True, kw_only=True):
    """Names a secret in the secret store; the secret itself never travels."""

    secret_id: UUID
    version: int


@contract(by=("gateway",), heard_by=ALL)
class AccountRegistered(Contract, frozen=True, kw_only=True):
    account_id: UUID
    slug: str
    status: AccountStatus
    trial_ends_at: str | None = None
    """RFC 3339, UTC."""


@contract(by=("gateway",), heard_by=ALL)
class AccountChanged(Contract, frozen=True, kw_only=True):
    """A new slug or name. The slug an account was registered with stays its own for ever: what is named after it stays."""

    account_id: UUID
    slug: str


@contract(by=("gateway",), heard_by=ALL)
class AccountStatusChanged(Contract, frozen=True, kw_only=True):
    """What the gateway lets the account do from now on; what was begun before goes on."""

    account_id: UUID
    status: AccountStatus


@contract(by=("gateway",), heard_by=ALL)
class AccountErased(Contract, frozen=True, kw_only=True):
    """The last event of an account: who hears it forgets what it has of it, but for amounts of credits."""

    account_id: UUID


@contract(by=("gateway",), heard_by=ALL)
class ModuleToggled(Contract, frozen=True, kw_only=True):
    """The gateway refuses the routes of a module that is off; what was begun before goes on."""

    module: Module
    enabled: bool


@contract(by=("gateway",), heard_by=ALL)
class SiteAdded(Contract, frozen=True, kw_only=True):
    site_id: UUID
    name: str
    slug: str
    domain: str
    status: SiteStatus = "active"
    is_active: bool = True


@contract(by=("gateway",), heard_by=ALL)
class SiteChanged(Contract, frozen=True, kw_only=True):
    site_id: UUID
    name: str
    slug: str
    domain: str
    status: SiteStatus
    is_active: bool


@contract(by=("gateway",), heard_by=ALL)
class SiteArchived(Contract, frozen=True, kw_only=True):
    site_id: UUID


@contract(by=("gateway",), heard_by=ALL)
class SectorAdded(Contract, frozen=True, kw_only=True):
    sector_id: UUID
    site_id: UUID
    name: str
    slug: str
    is_active: bool = True


@contract(by=("gateway",), heard_by=ALL)
class SectorChanged(Contract, frozen=True, kw_only=True):
    sector_id: UUID
    site_id: UUID
    name: str
    slug: str
    is_active: bool


@contract(by=("gateway",), heard_by=ALL)
class SectorArchived(Contract, frozen=True, kw_only=True):
    sector_id: UUID
    site_id: UUID


@contract(by=("gateway",), heard_by=(*ALL, "gateway"))
class MembershipChanged(Contract, frozen=True, kw_only=True):
    user_id: UUID
    role: Role
    active: bool = True


@contract(by=("gateway",), heard_by=ALL)
class SiteAccessChanged(Contract, frozen=True, kw_only=True):
    """Exactly these sites are granted to an editor or viewer; the identity token carries them."""

    user_id: UUID
    site_ids: tuple[UUID, ...]


@contract(by=("gateway",), heard_by=ALL)
class SiteWordPressConfigured(Contract, frozen=True, kw_only=True):
    site_id: UUID
    url: str
    username: str
    secret: SecretRef
