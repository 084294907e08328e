"""The whole product as one stack of real processes, and what a tenant and an operator see of it."""

import asyncio
import csv
import json
import quopri
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from common.contracts.base import SERVICES
from common.model import ServiceModel
from common.operate.projections import digests
from igny8_local.demo.client import Client
from igny8_local.demo.run import Wanted, WordPress, run
from igny8_local.stack import Stack
from psycopg.rows import dict_row

from tests.parts.ports import DeadlineMissed, neighbouring_free_ports, wait_for
from tests.support import untraced

SAMPLE = Path(__file__).parents[2] / "samples" / "equipment-finance.csv"


def few_keywords(directory: Path, count: int = 24) -> Path:
    """The first rows of the real sample: a run of seconds."""
    rows = list(csv.reader(SAMPLE.open(encoding="utf-8-sig")))
    path = directory / "keywords.csv"
    with path.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows(rows[: count + 1])
    return path


@dataclass
class Product:
    """A running stack, asked as a tenant (`client`) or as an operator (`rows`)."""

    stack: Stack

    @property
    def url(self) -> str:
        return str(self.stack.status()["url"])

    def client(self) -> Client:
        return Client(self.url)

    def run(
        self,
        keywords: Path,
        articles: int,
        *,
        client: Client | None = None,
        wordpress: WordPress | None = None,
    ) -> dict[str, Any]:
        """One tenant's whole run, as the demo makes it; the summary of the demo."""
        client = client or self.client()
        return run(client, Wanted(keywords, articles, wordpress), lambda text: None, lambda *_: None)

    def rows(self, service: str, query: str, *values: Any) -> list[dict[str, Any]]:
        """Across all tenants, as the owner of a service's database."""
        with psycopg.connect(self.stack.database_url(service, "owner"), row_factory=dict_row) as connection:
            return connection.execute(query, values or None).fetchall()

    def scalar(self, service: str, query: str, *values: Any) -> Any:
        rows = self.rows(service, query, *values)
        return next(iter(rows[0].values())) if rows else None

    def digests(self) -> dict[str, str]:
        """A digest of every read model of every service."""
        found: dict[str, str] = {}
        for service in SERVICES:
            model: ServiceModel = import_module(f"{service}.app").SERVICE.model
            tables = asyncio.run(digests(self.stack.database_url(service, "owner"), model))
            found |= {f"{service}.{table}": digest for table, digest in tables.items()}
        return found

    def mailed_token(self, address: str, besides: Collection[str] = ()) -> str:
        """The token of the next mail to an address that is none of `besides`."""

        def tokens() -> list[str]:
            texts = [path.read_text() for path in self.stack.layout.mail.glob("*.eml")]
            # Quoted-printable writes = as =3D and may break a line anywhere.
            mine = [quopri.decodestring(text).decode() for text in texts if address in text]
            found = [token for text in mine for token in re.findall(r"token=(\S+)", text)]
            return [token for token in found if token not in besides]

        return str(wait_for(tokens, what=f"a mail to {address}")[0])

    def quiet(self, deadline: float = 90) -> None:
        """Wait until nothing is on its way: outboxes empty, everything heard, no job waiting, no letter open."""

        def moving() -> list[str]:
            return [
                f"{status.name}: healthy {status.healthy}, lag {status.lag}, on its way {on_its_way}"
                for status in self.stack.services()
                if (on_its_way := self.rows(status.name, _ON_ITS_WAY)[0])
                and (not status.healthy or status.lag != 0 or any(on_its_way.values()))
            ]

        # Twice: an event that was between two services during the first look has arrived by the second.
        try:
            wait_for(
                lambda: not moving() and not moving(),
                deadline,
                what="everything has been heard and done",
                interval=0.25,  # a look asks five services and five databases
            )
        except DeadlineMissed as missed:
            raise DeadlineMissed(f"{missed}: {moving()}") from None


_ON_ITS_WAY = (
    "SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM catch_ups) AS catch_ups,"
    " (SELECT count(*) FROM catch_up_requests) AS requests, (SELECT count(*) FROM dead_letters) AS letters,"
    " (SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
    " OR (status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now() + interval '1 minute'))) AS jobs"
)


def totals(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What two runs of the same input must have in common, whatever happened to them on the way."""
    names = (
        "keywords",
        "clusters",
        "unclustered",
        "ideas",
        "tasks",
        "content",
        "images",
        "published",
        "credits",
    )
    kept = {name: summary[name] for name in names}
    kept["stages"] = [{k: stage[k] for k in ("stage", "items", "credits")} for stage in summary["stages"]]
    kept["pages"] = len(summary["pages"])
    return kept


@contextmanager
def product(**environment: str) -> Iterator[Product]:
    """A stack of its own in a temporary directory; its logs are kept where a test fails."""
    with tempfile.TemporaryDirectory(prefix="igny8-e2e-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        # Measured processes take twice as long; what these tests show is not which lines ran.
        given = {
            name: value for name, value in untraced.environment().items() if not name.startswith("IGNY8_")
        }
        given |= {"IGNY8_TRIAL_CREDITS": "1000"} | environment
        stack = Stack(Path(directory) / "data", neighbouring_free_ports(len(SERVICES)), given)
        stack.start()
        try:
            yield Product(stack)
        except BaseException:
            _keep_logs(stack)
            raise
        finally:
            stack.stop()


def _keep_logs(stack: Stack) -> None:
    """The last lines of each log that tell of trouble, for the test's report."""
    for path in sorted(stack.layout.logs.glob("*.log")):
        lines = [
            line for line in path.read_text(errors="replace").splitlines() if '"level": "info"' not in line
        ]
        print(f"== {path.name}", *lines[-15:], sep="\n")


def spans(directory: Path) -> list[dict[str, Any]]:
    """All spans that the processes wrote."""
    found = []
    for path in directory.glob("*.jsonl"):
        found += [json.loads(line) | {"service": path.stem} for line in path.read_text().splitlines()]
    return found
