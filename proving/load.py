"""Tenants that run pipelines again and again, and what they were promised meanwhile."""

import csv
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from igny8_local.demo.client import Json, Refused
from igny8_local.demo.run import WordPress

from tests.parts.ports import DeadlineMissed, wait_for
from tests.support.patience import PatientClient
from tests.support.product import SAMPLE

KEYWORDS = 24
ARTICLES = 2
IMAGES = 1
REVISED = "(revised)"
"""At the end of a title: the version that a tenant published after the pipeline's."""
ENDED = ("completed", "failed", "cancelled")
LONGEST_RUN = 300.0
"""Seconds: a run takes about ten without faults, and each fault on its way some seconds more."""
TOKEN_SECONDS = 1800.0
"""Half of an access token's life."""


What = Literal[
    "site", "sector", "import", "run", "update", "unpublish", "author", "keyword", "task", "adjustment"
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that was answered with success: the system owes its effect. Of articles `id` is the content's."""

    what: What
    id: UUID
    account_id: UUID
    site_id: UUID


@dataclass
class Ledger:
    """What all tenants were promised, and what was refused to them."""

    accepted: list[Accepted] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


class TenantClient(PatientClient):
    """Repeats uploads too: an import's id follows from its Idempotency-Key."""

    patience = 300.0  # what needs another service's news is not answered while a broker is away

    def upload(self, path: str, file: Path, **fields: str) -> Json:
        content, key = file.read_bytes(), str(uuid4())
        return self._patiently(
            lambda: self._http.post(
                path, data=fields, files={"file": (file.name, content)}, headers={"Idempotency-Key": key}
            )
        )

    def patch(self, path: str, body: Json) -> Json:
        return self._patiently(lambda: self._http.patch(path, json=body))

    def sign_in(self, email: str, password: str) -> None:
        tokens = self.post("auth/login/", {"email": email, "password": password})
        self._http.headers["Authorization"] = f"Bearer {tokens['access']}"

    def act_as(self, account_id: UUID) -> None:
        """As staff, on that account from now on."""
        self._http.headers["X-Act-As-Account"] = str(account_id)


class Tenant:
    """One account, working in a thread of its own from `start` to `stop`."""

    def __init__(
        self, number: int, url: str, folder: Path, ledger: Ledger, wordpress: WordPress | None = None
    ) -> None:
        self.name = f"tenant {number}"
        self._client = TenantClient(url)
        self._file = _keywords(folder, number)
        self._ledger = ledger
        self._wordpress = wordpress
        self.login: dict[str, str] = {}
        self._signed_in = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._sites = 0
        self.account_id = UUID(int=0)
        self.runs = 0

    def register(self) -> None:
        """Before any fault: a registration is the one request that cannot be repeated blindly."""
        self.login = {
            "email": f"prove-{secrets.token_hex(6)}@example.com",
            "password": f"Prove-{secrets.token_urlsafe(12)}-1a",
        }
        account = self._client.register(**self.login, account_name=self.name)
        self._signed_in = time.monotonic()
        self.account_id = UUID(account["account_id"])
        self._client.patch(
            "notifications/preferences/", {"preferences": [{"kind": "run_completed", "email": True}]}
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopping.set()

    def ended(self, seconds: float) -> bool:
        """Whether its last run has ended, waiting so long."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def add_site(self, name: str) -> UUID:
        self._stay_signed_in()
        body: Json = {"name": name}
        if self._wordpress:
            body |= {
                "wp_url": self._wordpress.url,
                "wp_username": self._wordpress.user,
                "wp_app_password": self._wordpress.app_password,
            }
        site = UUID(self._client.post("account/sites/", body)["id"])
        self._ledger.accepted.append(Accepted("site", site, self.account_id, site))
        return site

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._run_once()
            except (Refused, DeadlineMissed) as error:
                self._ledger.complaints.append(f"{self.name}: {error}")
            except Exception as error:
                self._ledger.complaints.append(f"{self.name}: {error!r}")
                return

    def _run_once(self) -> None:
        self._sites += 1
        site = self.add_site(f"Site {self._sites}")
        sector = self._accept("sector", site, f"account/sites/{site}/sectors/", {"name": "Sector"})
        if self._wordpress:
            wait_for(lambda: self._integrated(site), 60, what="the publisher hears of the site")
        task = self._client.upload(
            "planner/keywords/import_csv/", self._file, site_id=str(site), sector_id=str(sector)
        )["task_id"]
        self._ledger.accepted.append(Accepted("import", UUID(task), self.account_id, site))
        self._ends(f"planner/imports/{task}/")
        run = self._accept(
            "run",
            site,
            "automation/runs/",
            {
                "site_id": str(site),
                "sector_id": str(sector),
                "auto_approve": True,
                "articles": ARTICLES,
                "word_count": 500,
                "images_per_article": IMAGES,
            },
        )
        self._ends(f"automation/runs/{run}/")
        self._change(site)
        self.runs += 1

    def _change(self, site: UUID) -> None:
        """Publish another version of the first article, and take the last one back."""
        listed = wait_for(
            lambda: self._published(site), LONGEST_RUN, what="the articles are known as published"
        )
        first, last = listed[0], listed[-1]
        content = f"writer/content/{first['id']}/"
        self._client.patch(content, {"title": f"{first['title']} {REVISED}"})
        self._client.post(f"{content}submit/", {})
        self._client.post(f"{content}approve/", {})
        self._ledger.accepted.append(Accepted("update", UUID(first["id"]), self.account_id, site))
        self._client.post(f"publisher/publications/{last['id']}/unpublish/", {})
        self._ledger.accepted.append(Accepted("unpublish", UUID(last["id"]), self.account_id, site))

    def _published(self, site: UUID) -> list[Json]:
        """All articles of a run, once they are."""
        listed = self._get("writer/content/", site_id=str(site), status="published")["results"]
        return sorted(listed, key=lambda each: str(each["id"])) if len(listed) == ARTICLES else []

    def _accept(self, what: Literal["sector", "run"], site: UUID, path: str, body: Json) -> UUID:
        made = UUID(self._client.post(path, body)["id"])
        self._ledger.accepted.append(Accepted(what, made, self.account_id, site))
        return made

    def _ends(self, path: str) -> None:
        wait_for(lambda: self._get(path)["status"] in ENDED, LONGEST_RUN, what=f"the end of {path}")

    def _integrated(self, site: UUID) -> bool:
        listed = self._get("integration/integrations/", site_id=str(site))["results"]
        return any(each["platform"] == "wordpress" for each in listed)

    def _get(self, path: str, **query: Any) -> Json:
        self._stay_signed_in()
        time.sleep(0.2)  # looking more often would be a load of its own
        return self._client.get(path, **query)

    def _stay_signed_in(self) -> None:
        if time.monotonic() - self._signed_in > TOKEN_SECONDS:
            self._client.sign_in(**self.login)
            self._signed_in = time.monotonic()


def _keywords(folder: Path, number: int) -> Path:
    """Rows of the real sample, others for each tenant."""
    with SAMPLE.open(encoding="utf-8-sig", newline="") as opened:
        head, *rows = csv.reader(opened)
    first = number * KEYWORDS % (len(rows) - KEYWORDS)
    path = folder / f"keywords-{number}.csv"
    with path.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([head, *rows[first : first + KEYWORDS]])
    return path


def finish(tenants: Sequence[Tenant], seconds: float, say: Callable[[str], None]) -> list[str]:
    """Let each tenant end what it began; who has not after so many seconds is named."""
    for tenant in tenants:
        tenant.stop()
    deadline = time.monotonic() + seconds
    late = []
    for tenant in tenants:
        say(f"waiting for {tenant.name}")
        if not tenant.ended(max(0.0, deadline - time.monotonic())):
            late.append(f"{tenant.name} has not ended its run after {seconds:.0f} s")
    return late
