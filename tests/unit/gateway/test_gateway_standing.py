"""What an account may still do when its plan has ended or it is suspended."""

from typing import Any

import pytest
from common.api.errors import ApiError
from common.auth.identity import Identity
from common.ids import new_id
from gateway.edge.callers import refuse_writes


def caller(standing: Any) -> Identity:
    return Identity(account_id=new_id(), user_id=new_id(), role="owner", plan_status=standing)


@pytest.mark.parametrize(
    ("standing", "status", "code"),
    [
        ("trial_ended", 402, "PLAN_REQUIRED"),
        ("cancelled", 402, "PLAN_REQUIRED"),
        ("suspended", 403, "ACCOUNT_SUSPENDED"),
    ],
)
def test_it_may_read_and_not_change(standing: str, status: int, code: str) -> None:
    refuse_writes(caller(standing), "GET", "/api/v1/account/sites/")
    with pytest.raises(ApiError) as raised:
        refuse_writes(caller(standing), "POST", "/api/v1/account/sites/")
    assert (raised.value.status, raised.value.code) == (status, code)
