"""Who writes to every service all the time, and while the broker is away asks nothing twice."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal
from uuid import UUID

import httpx
from igny8_local.demo.client import Json, Refused
from igny8_local.errors import StackError

from proving.load import Accepted, Ledger, Tenant, TenantClient
from tests.parts.ports import wait_for

PAUSE, SELDOM = 0.5, 3.0
"""Seconds between two rounds while the broker is away, some writes a second beside the tenants' own; and else."""


@dataclass
class Writes:
    """How many were tried, and what became of those that were not accepted at once."""

    tried: int = 0
    refused: list[str] = field(default_factory=list)


class OnceClient(TenantClient):
    """Takes the first answer for the answer."""

    def _patiently(self, send: Callable[[], httpx.Response]) -> Json:
        return self._answer(send())


class Clerk(Tenant):
    """A tenant of its own, whose user is staff too: what it writes needs no news from another service."""

    def __init__(self, number: int, url: str, folder: Path, ledger: Ledger) -> None:
        super().__init__(number, url, folder, ledger)
        self.name = "the clerk"
        self.writes = Writes()
        self._numbers = count()
        self._once = OnceClient(url)

    def open(self) -> None:
        """Before any fault: a place to write to, which every service has heard of."""
        site = self.add_site("Office")
        sector = self._accept("sector", site, f"account/sites/{site}/sectors/", {"name": "Desk"})
        self._place = {"site_id": str(site), "sector_id": str(sector)}
        cluster = self._client.post("planner/clusters/", {**self._place, "name": "Files"})["id"]
        self._task = {
            "cluster_id": cluster,
            "content_type": "post",
            "content_structure": "article",
        }
        for client in (self._client, self._once):
            client.sign_in(**self.login)
            client.act_as(self.account_id)
        for what in WHAT:
            wait_for(lambda what=what: self._is_known(what), what=f"the clerk may write: {what}")  # type: ignore[misc]

    def _is_known(self, what: "Written") -> bool:
        """Whether its service has heard of all that such a write needs."""
        try:
            self._write(self._client, what)
        except Refused:
            return False
        return True

    def work(self, seconds: float) -> None:
        """Write to each service in turn, for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for what in WHAT:
                self.writes.tried += 1
                try:
                    self._write(self._once, what)
                except (StackError, httpx.HTTPError) as error:
                    self.writes.refused.append(f"{what}: {error!r}")
            time.sleep(PAUSE)

    def _run_once(self) -> None:
        """As patient as the others: what it is for is that somebody has billing record something."""
        self._stay_signed_in()
        for what in WHAT:
            self._write(self._client, what)
        self._stopping.wait(SELDOM)

    def _write(self, client: TenantClient, what: "Written") -> None:
        name = f"{what} {next(self._numbers)}"
        path, body = self._request(what, name)
        made = UUID(client.post(path, body)["id"])
        self._ledger.accepted.append(Accepted(what, made, self.account_id, UUID(self._place["site_id"])))

    def _request(self, what: "Written", name: str) -> tuple[str, Json]:
        match what:
            case "author":
                return "system/author-profiles/", {"name": name}
            case "keyword":
                return "planner/keywords/", {**self._place, "keyword": name}
            case "task":
                return "writer/tasks/", {**self._place, **self._task, "title": name}
            case "adjustment":
                given = {"account": str(self.account_id), "amount": 1, "reason": name}
                return "admin/adjustments/", given


Written = Literal["author", "keyword", "task", "adjustment"]
WHAT: tuple[Written, ...] = ("author", "keyword", "task", "adjustment")
"""One of the gateway, one of the planner, one of the writer, one of billing."""
