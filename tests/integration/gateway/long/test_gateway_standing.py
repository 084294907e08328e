"""What an account may do by its standing (PRODUCT §1), on every operation of the product's description."""

from collections import Counter
from typing import Literal

import psycopg
import pytest
from common.auth.permissions import ROUTES
from gateway.openapi import merge

from tests.integration.gateway.running import Gateway, Tenant
from tests.integration.gateway.test_gateway_staff_accounts import ALL, ask
from tests.support.routes import apps
from tests.support.walk import PARAMETER, Operation, operations

Standing = Literal["trial", "active", "trial_ended", "cancelled", "suspended"]
Kind = Literal["read", "write", "ai", "open"]
NEEDS_PLAN, SUSPENDED = (402, "PLAN_REQUIRED"), (403, "ACCOUNT_SUSPENDED")

# PRODUCT §1, cell by cell; None is let in.
TABLE: dict[Standing, dict[Kind, tuple[int, str] | None]] = {
    "trial": {"read": None, "write": None, "ai": None, "open": None},
    "active": {"read": None, "write": None, "ai": None, "open": None},
    "trial_ended": {"read": None, "write": NEEDS_PLAN, "ai": NEEDS_PLAN, "open": None},
    "cancelled": {"read": None, "write": NEEDS_PLAN, "ai": NEEDS_PLAN, "open": None},
    "suspended": {"read": None, "write": SUSPENDED, "ai": SUSPENDED, "open": None},
}
OPEN = (
    "/api/v1/billing/",
    "/api/v1/auth/",
    "/api/v1/account/export/",
    "/api/v1/account/erase/",  # who may take its data along may also leave
    "/api/v1/admin/",  # of staff, who let it go on
)
STREAM = "GET /api/v1/events/"
"""Its answer does not end."""
SIGNS_OUT = "POST /api/v1/auth/logout-all/"
NOWHERE = "00000000-0000-7000-8000-0000000000aa"


def kind_of(operation: Operation) -> Kind:
    if operation.method == "get":
        return "read"
    if operation.path.startswith(OPEN):
        return "open"
    asked = ROUTES.asked(operation.method.upper(), operation.path)
    return "ai" if asked is not None and asked.permission == "ai" else "write"


@pytest.fixture(scope="module")
def described(gateway: Gateway) -> list[Operation]:
    """Every operation; what ends the session comes last."""
    others = {name: app.openapi() for name, app in apps(gateway.runtime.verifier).items()}
    found = [each for each in operations(merge(others.pop("gateway"), others)) if str(each) != STREAM]
    assert Counter(map(kind_of, found)).keys() == {"read", "write", "ai", "open"}
    return sorted(found, key=lambda each: str(each) == SIGNS_OUT)


async def become(gateway: Gateway, staff: Tenant, tenant: Tenant, standing: Standing) -> None:
    if standing == "trial_ended":
        with psycopg.connect(gateway.urls.owner) as connection:
            connection.execute(
                "UPDATE accounts SET trial_ends_at = now() - interval '1 second' WHERE account_id = %s",
                (tenant.account_id,),
            )
    elif standing != "trial":
        changed = await ask(staff, "PATCH", f"{ALL}{tenant.account_id}/", json={"status": standing})
        assert changed.status_code == 200, changed.text


@pytest.mark.usefixtures("uncounted")  # the same few lines for each of some hundred requests
@pytest.mark.parametrize("standing", list(TABLE))
async def test_every_operation_is_as_open_as_the_table_says(
    gateway: Gateway, staff: Tenant, tenant: Tenant, described: list[Operation], standing: Standing
) -> None:
    """Nothing stands behind this gateway: what it lets through to a service is answered 502 or 503."""
    await become(gateway, staff, tenant, standing)
    wrong = []
    async with tenant.client() as client:
        for operation in described:
            answer = await client.request(
                operation.method,
                PARAMETER.sub(NOWHERE, operation.path),
                json=[] if operation.method in ("post", "put", "patch") else None,
            )
            told = None if answer.status_code < 400 else (answer.status_code, answer.json()["error_code"])
            wanted = TABLE[standing][kind_of(operation)]
            if (told if told in (NEEDS_PLAN, SUSPENDED) else None) != wanted:
                wrong.append(f"{operation}: {told} instead of {wanted}")
            assert answer.status_code != 401, operation
    assert wrong == []
