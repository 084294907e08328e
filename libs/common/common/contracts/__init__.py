"""The published language: importing this package registers every public event."""

from common.contracts import (
    billing,
    control,
    export,
    gateway,
    operations,
    planner,
    publisher,
    settings,
    writer,
)
from common.contracts.base import (
    Contract,
    ContractSpec,
    all_specs,
    contract,
    events_topic,
    spec_for_type,
    spec_of,
)

__all__ = [
    "Contract",
    "ContractSpec",
    "all_specs",
    "billing",
    "contract",
    "control",
    "events_topic",
    "export",
    "gateway",
    "operations",
    "planner",
    "publisher",
    "settings",
    "spec_for_type",
    "spec_of",
    "writer",
]
