"""Roles, and what each may do (PRODUCT §1)."""

from collections.abc import Collection
from typing import Literal, get_args

Role = Literal["owner", "admin", "editor", "viewer", "developer", "system_bot"]
Action = Literal["read", "write", "approve", "manage", "billing"]

Scope = Literal["read", "write", "ai", "publish", "webhook"]
"""What an API key was made for."""

ACTIONS: tuple[Action, ...] = get_args(Action)

_MATRIX: dict[str, tuple[Action, ...]] = {
    # read: its sites; write: content and AI; approve: also publishing, rules and integrations;
    # manage: users, sites, sectors, settings, keys and audit; billing: also plan, ownership and deletion
    "owner": ("read", "write", "approve", "manage", "billing"),
    "admin": ("read", "write", "approve", "manage"),
    "editor": ("read", "write"),
    "viewer": ("read",),
    # Outside the accounts: staff on an account they name, and what acts without a person.
    "developer": ("read", "write", "approve", "manage", "billing"),
    "system_bot": ("read", "write", "approve"),
}


_SCOPES: dict[Action, tuple[Scope, ...]] = {
    "read": ("read",),
    "write": ("write", "ai"),
    "approve": ("publish",),
}
"""The scopes of which one is needed; to manage an account or its billing takes a person."""


def scopes_allow(scopes: Collection[str], action: Action) -> bool:
    """Whether an API key with these scopes may do that."""
    return any(scope in scopes for scope in _SCOPES.get(action, ()))


def may(role: str, action: Action, *, editors_approve: bool = False) -> bool:
    """Whether a role may do that; an unknown role may do nothing.

    `editors_approve` is the setting of the site in question: there editors approve and publish too.
    """
    if role == "editor" and action == "approve" and editors_approve:
        return True
    return action in _MATRIX.get(role, ())
