"""An account's export: the gateway asks, each service writes its part, the gateway puts the parts together.

Facts on the services' own topics rather than messages on the control topic: a broker that loses them is caught up with.
"""

from uuid import UUID

from common.contracts.base import SERVICES, Contract, contract
from common.contracts.operations import ObjectRef


@contract(by=("gateway",), heard_by=SERVICES)
class ExportRequested(Contract, frozen=True, kw_only=True):
    """Everybody writes down what it has of the event's account."""

    export_id: UUID


@contract(by=SERVICES, heard_by=("gateway",))
class ExportPartReady(Contract, frozen=True, kw_only=True):
    """The source's part is in the account's part of the object store: JSON lines."""

    export_id: UUID
    part: ObjectRef


@contract(by=SERVICES, heard_by=("gateway",))
class ExportPartFailed(Contract, frozen=True, kw_only=True):
    """The source could not write its part, also when it was tried again."""

    export_id: UUID
    reason: str
