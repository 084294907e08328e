"""Staff: who may look after what belongs to no tenant."""

from common.api.caller import CallerOf
from common.api.errors import forbidden
from common.ids import SYSTEM_ACCOUNT


def require_staff(caller: CallerOf) -> None:
    """Raises 403 for all but developers and users of the system account (PRODUCT §1)."""
    if caller.role != "developer" and caller.account_id != SYSTEM_ACCOUNT:
        raise forbidden("Only staff may do that.")
