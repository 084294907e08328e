"""Every fact of the accounts stream is public, and nothing personal is in it."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from common.contracts.gateway import SecretRef
from common.eventsourcing.event import Event, Meta, Recorded
from common.ids import new_id
from gateway.accounts.decisions import ACCOUNT
from gateway.invitations.decisions import INVITATION
from gateway.publish import publish
from gateway.users.decisions import USER

VALUES = {
    tuple[str, ...]: ("text",),
    UUID: new_id(),
    str: "PERSONAL",
    bool: True,
    int: 1,
    SecretRef: SecretRef(secret_id=new_id(), version=1),
    UUID | None: None,
    tuple[UUID, ...]: (new_id(),),
    datetime: datetime(2026, 1, 1, tzinfo=UTC),
}
LITERALS = {"status": "active", "role": "admin", "module": "linker"}


def _example(cls: type[Event]) -> Event:
    """Ciphers hold a mark that must not come out."""
    fields = {}
    for field in msgspec.structs.fields(cls):
        mark = "CIPHER" if field.name.endswith("_cipher") else "text"
        fields[field.name] = LITERALS.get(field.name) or (mark if field.type is str else VALUES[field.type])
    return cls(**fields)


def _fact(event: Event) -> Recorded[Event]:
    now = datetime.now(UTC)
    return Recorded(1, new_id(), f"account-{new_id()}", 1, new_id(), event, Meta(), now)


@pytest.mark.parametrize("cls", ACCOUNT.types.classes)
def test_each_fact_of_an_account_is_said(cls: type[Event]) -> None:
    contract = publish(_fact(_example(cls)))
    assert contract is not None
    assert b"CIPHER" not in msgspec.json.encode(contract)


@pytest.mark.parametrize("cls", USER.types.classes + INVITATION.types.classes)
def test_no_fact_of_a_person_is_said(cls: type[Event]) -> None:
    assert publish(_fact(_example(cls))) is None
