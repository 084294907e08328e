"""Who may do what (PRODUCT §1): what roles and API keys are granted, and what each route asks for.

These three tables are all there is: services check by them (`api/caller.py`), the gateway lets strangers in by them
(`gateway/edge/routes.py`), and `python -m common.auth.permissions` writes docs/architecture/permissions.md from them.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Role = Literal["owner", "admin", "editor", "viewer", "developer", "system_bot"]
Scope = Literal["read", "write", "ai", "publish", "webhook"]
Permission = Literal[
    "public", "self", "read", "write", "ai", "approve", "manage", "billing", "webhook", "staff"
]

MEANING: dict[Permission, str] = {
    "public": "open to whoever knows the address",
    "self": "one's own profile, password, sessions and notifications",
    "read": "see the account and the sites one may see (owner, admin: all; editor, viewer: granted ones)",
    "write": "change content of planner and writer",
    "ai": "run AI operations and pipelines, which cost credits",
    "approve": "approve and publish content; automation rules and integrations",
    "manage": "users, sites, sectors, settings, API keys, the audit log, what is archived",
    "billing": "billing and plan, ownership and deletion of the account",
    "webhook": "tell us what happened in WordPress",
    "staff": "the administration of the product itself",
}

# Outside the accounts: developers are staff on an account they name, system_bot is what acts without a person.
_ROLES = """
            owner   admin   editor  viewer  developer  system_bot
self        yes     yes     yes     yes     yes        -
read        yes     yes     yes     yes     yes        yes
write       yes     yes     yes     -       yes        yes
ai          yes     yes     yes     -       yes        yes
approve     yes     yes     site    -       yes        yes
manage      yes     yes     -       -       yes        -
billing     yes     -       -       -       yes        -
webhook     -       -       -       -       -          -
staff       -       -       -       -       yes        -
"""
"""`site`: where the site allows its editors to."""

_SCOPES = """
            read    write   ai      publish  webhook
read        yes     -       -       -        -
write       -       yes     -       -        -
ai          -       -       yes     -        -
approve     -       -       -       yes      -
webhook     -       -       -       -        yes
"""
"""An API key has what its scopes grant and nothing of anybody's role."""

_ROUTES = """
path                                        GET      POST     PUT/PATCH  DELETE
auth/register/                              -        public   -          -
auth/login/                                 -        public   -          -
auth/refresh/                               -        public   -          -
auth/logout/                                -        public   -          -
auth/logout-all/                            -        self     -          -
auth/password-reset/                        -        public   -          -
auth/invitations/accept/                    -        public   -          -
auth/change-password/                       -        self     -          -
auth/me/                                    self     -        self       -
auth/api-keys/                              manage   manage   manage     manage
account/                                    read     -        manage     -
account/users/                              manage   -        manage     manage
account/invitations/                        manage   manage   manage     manage
account/sites/                              read     manage   manage     manage
account/audit/                              manage   -        -          -
account/modules/                            read     -        manage     -
account/limits/                             read     -        -          -
account/industries/                         read     -        -          -
account/seed-keywords/                      read     -        -          -
account/export/                             manage   manage   -          -
account/erase/                              -        billing  -          -
planner/                                    read     write    write      write
planner/keywords/auto_cluster/              -        ai       -          -
planner/clusters/auto_generate_ideas/       -        ai       -          -
writer/                                     read     write    write      write
writer/tasks/auto_generate_content/         -        ai       -          -
writer/tasks/{}/restore/                    -        manage   -          -
writer/content/{}/approve/                  -        approve  -          -
writer/content/{}/reject/                   -        approve  -          -
writer/content/{}/restore/                  -        manage   -          -
writer/image-prompts/generate/              -        ai       -          -
writer/images/generate/                     -        ai       -          -
writer/images/generate_images/              -        ai       -          -
writer/images/{}/file/                      public   -        -          -
automation/runs/                            read     ai       -          -
system/prompts/                             read     manage   manage     manage
system/author-profiles/                     read     manage   manage     manage
system/strategies/                          read     manage   manage     manage
system/settings/                            manage   manage   manage     manage
system/settings/task_progress/              read     -        -          -
system/ai-models/                           read     -        -          -
system/ai-functions/                        read     -        -          -
system/request-metrics/                     manage   -        -          -
billing/                                    billing  billing  billing    billing
billing/credits/balance/                    read     -        -          -
billing/rate-card/                          read     -        -          -
billing/estimate/                           -        read     -          -
integration/integrations/                   read     approve  approve    approve
integration/webhooks/wordpress/             -        webhook  -          -
publisher/publications/                     read     approve  approve    approve
events/                                     read     -        -          -
notifications/                              self     self     self       -
dashboard/                                  read     -        -          -
search/                                     read     -        -          -
admin/                                      staff    staff    staff      staff
"""
"""Below /api/v1/. A row counts for its path and everything below it, except what has a longer row; {} is any id."""

BY_CONTENT = (
    ("`?deleted=true` on a list", "manage"),
    ("`auto_approve` of a pipeline run, also of one that is retried", "approve"),
    ('`"role": "owner"` on `account/users/{user_id}/`', "billing"),
)
"""What a route asks for beside its row, by what the request says; the routes themselves look (`CallerOf.require`)."""

PREFIX = "/api/v1/"
COLUMN: Mapping[str, str] = {
    "GET": "GET",
    "HEAD": "GET",
    "POST": "POST",
    "PUT": "PUT/PATCH",
    "PATCH": "PUT/PATCH",
    "DELETE": "DELETE",
}


def _rows(table: str) -> tuple[list[str], dict[str, list[str]]]:
    """Names of the columns, and cells by the names of the rows; raises ValueError for a row that does not fit."""
    head, *lines = (line.split() for line in table.strip().splitlines())
    rows = {name: cells for name, *cells in lines}
    columns = head[-len(next(iter(rows.values()))) :]
    if len(rows) != len(lines) or any(len(cells) != len(columns) for cells in rows.values()):
        raise ValueError("a row stands twice or has not as many cells as the first one")
    return columns, rows


def _granted(table: str) -> dict[str, dict[str, str]]:
    """By the name of the column: its cells by permission."""
    columns, rows = _rows(table)
    return {
        column: {permission: cells[n] for permission, cells in rows.items()}
        for n, column in enumerate(columns)
    }


ROLES = _granted(_ROLES)
SCOPES = _granted(_SCOPES)


def may(role: str, permission: Permission, *, editors_approve: bool = False) -> bool:
    """Whether a role may do that; an unknown role may do nothing.

    `editors_approve` is the setting of the site in question: there editors approve and publish too.
    """
    cell = ROLES.get(role, {}).get(permission, "-")
    return cell == "yes" or (cell == "site" and editors_approve)


def key_may(scopes: tuple[str, ...], permission: Permission) -> bool:
    """Whether an API key with these scopes may do that; unknown scopes grant nothing."""
    return any(SCOPES.get(scope, {}).get(permission) == "yes" for scope in scopes)


@dataclass
class _Node:
    below: dict[str, "_Node"] = field(default_factory=dict)
    path: str = ""
    cells: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a route asks for, and the row that says so."""

    row: str
    permission: Permission


class Routes:
    """A table of routes as it is asked: by method and path, in as many steps as the path has parts."""

    def __init__(self, table: str) -> None:
        """Raises ValueError for a table that cannot be read."""
        self.columns, self.rows = _rows(table)
        self._root = _Node()
        for path, cells in self.rows.items():
            if unknown := set(cells) - {"-", *get_args(Permission)}:
                raise ValueError(f"{path}: there is no permission {', '.join(sorted(unknown))}")
            node = self._root
            for part in path.strip("/").split("/"):
                node = node.below.setdefault(part, _Node())
            node.path, node.cells = path, dict(zip(self.columns, cells, strict=True))

    def asked(self, method: str, path: str) -> Asked | None:
        """What a request asks for; None where no row speaks of it: then nobody may."""
        node, found = self._root, None
        for part in path.removeprefix(PREFIX).strip("/").split("/"):
            following = node.below.get(part) or node.below.get("{}")
            if following is None:
                break
            node = following
            found = node if node.cells is not None else found
        if found is None or found.cells is None:
            return None
        permission = found.cells.get(COLUMN.get(method, ""), "-")
        return None if permission == "-" else Asked(found.path, permission)  # type: ignore[arg-type]  # the table's cells are permissions


ROUTES = Routes(_ROUTES)

REPOSITORY = Path(__file__).resolve().parents[4]
PAGE = REPOSITORY / "docs" / "architecture" / "permissions.md"
_MARK = {"yes": "●", "-": "", "site": "where the site allows editors"}


def page() -> str:
    """The text of docs/architecture/permissions.md."""
    lines = [
        "# Who may do what",
        "",
        "Made from `common/auth/permissions.py` by `make permissions`; change it there. Who is not signed in gets 401, whose"
        " role or key lacks the permission 403; what lies in a site or an account one may not see is 404.",
        "",
        *_matrix("by role", ROLES),
        "",
        *_matrix("by scope of an API key", SCOPES),
        "",
        "## What each route asks for",
        "",
        "Paths are below `/api/v1/`. A row counts for everything below its path that has no longer row; `{}` is any id.",
        "",
        f"| path | {' | '.join(ROUTES.columns)} |",
        f"|---|{'---|' * len(ROUTES.columns)}",
        *(
            f"| `{path}` | {' | '.join('' if cell == '-' else cell for cell in cells)} |"
            for path, cells in ROUTES.rows.items()
        ),
        "",
        "Beside its row, by what a request says:",
        "",
        *(f"- {what}: `{permission}`" for what, permission in BY_CONTENT),
    ]
    return "\n".join(lines) + "\n"


def _matrix(title: str, granted: Mapping[str, Mapping[str, str]]) -> list[str]:
    permissions = [name for name in MEANING if any(name in cells for cells in granted.values())]
    return [
        f"| {title} | {' | '.join(granted)} |",
        f"|---|{'---|' * len(granted)}",
        *(
            f"| `{name}`: {MEANING[name]} |"
            f" {' | '.join(_MARK[cells.get(name, '-')] for cells in granted.values())} |"
            for name in permissions
        ),
    ]


def main(arguments: list[str]) -> str | None:
    """Write the page, or with `--check` say whether it is what the tables say."""
    if "--check" not in arguments:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        return f"{PAGE.relative_to(REPOSITORY)} is not what common/auth/permissions.py says; run make permissions"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
