"""A sample of the kills of `./igny8 prove`, and whether its oracle would see what goes wrong."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Producer

from proving.campaign import Arena, battle
from proving.evidence import Disturbance, Evidence
from proving.faults import Fault
from proving.load import REVISED, Accepted
from proving.oracle import CHECKS
from proving.report import Report, Struck, Wanted
from tests.parts.fake_ai import Call

KILLS = 20
OUTAGE = 4.0
"""Seconds in which the broker is away first."""
SEED = "IGNY8_PROVE_SEED"
"""Set it to the seed a failure printed, to have the same faults again. Without it there are others every day."""


@pytest.mark.timeout(900)
def test_a_sample_of_kills_changes_nothing(court: "Court") -> None:
    report = court.report
    assert report.kills >= KILLS
    assert [str(finding) for finding in report.findings if finding.found] == []
    assert [str(fault) for fault in report.not_fired] == []
    assert [str(each.fault) for each in report.struck if each.recovery is None] == []
    assert report.runs > 0
    assert report.writes.tried > OUTAGE
    assert report.writes.refused == []


@dataclass
class Court:
    """The arena after the kills, in which nothing moves any more, and what the oracle said of it."""

    arena: Arena
    report: Report
    said: dict[str, str]
    """What each check found the last time."""

    @property
    def evidence(self) -> Evidence:
        return self.arena.evidence()

    def found(self, check: str, evidence: Evidence | None = None) -> str:
        self.said[check] = "\n".join(CHECKS[check](evidence or self.evidence))
        return self.said[check]

    def recorded(self, call: Call) -> float:
        """When the planner recorded the answer to a call."""
        operation, step, hash = (call.idempotency_key or "").rsplit(":", 2)
        query = (
            "SELECT extract(epoch FROM at)::float8 FROM answers_recorded"
            " WHERE operation_id = %s AND step = %s AND starts_with(input_hash, %s)"
        )
        (at,) = self.evidence.column("planner", query, operation, step, hash)
        return float(at)

    def spoil(self, service: str, *statements: str) -> None:
        """Change a service's database behind its back."""
        url = self.arena.product.stack.database_url(service, "owner")
        with psycopg.connect(url) as connection:
            for statement in statements:
                assert connection.execute(statement.encode()).rowcount != 0


@pytest.fixture(scope="module")
def court() -> Iterator[Court]:
    wanted = Wanted(KILLS, int(os.environ.get(SEED) or date.today().toordinal()), outage=OUTAGE)
    print(f"again: {SEED}={wanted.seed}, or ./igny8 prove {wanted}")

    def heard(each: Struck | Fault) -> None:
        print(
            f"{each.fault}: recovered in {each.recovery} s"
            if isinstance(each, Struck)
            else f"{each}: not fired"
        )

    with battle(wanted, heard=heard) as (field, report):
        print(f"logs: {report.logs}")
        yield Court(field, report, {each.check: "\n".join(each.found) for each in report.findings})


def a_promise_not_kept(court: Court) -> None:
    promise = court.arena.ledger.accepted[0]
    court.arena.ledger.accepted.append(Accepted("run", uuid4(), promise.account_id, promise.site_id))


def an_event_left_to_say(court: Court) -> None:
    court.spoil("billing", "INSERT INTO outbox_dead_letters (position, error) VALUES (1, 'refused')")


def an_event_never_heard(court: Court) -> None:
    court.spoil("writer", "DELETE FROM inbox WHERE ctid = (SELECT ctid FROM inbox LIMIT 1)")


def a_message_of_nobody(court: Court) -> None:
    state = court.arena.product.stack.state()
    assert state is not None
    producer = Producer({"bootstrap.servers": state["kafka"]})
    producer.produce("igny8.billing.events", value=b"{}", headers={"ce_id": str(uuid4())})
    assert producer.flush(10) == 0


def a_hole_in_a_stream(court: Court) -> None:
    court.spoil(
        "publisher",
        "INSERT INTO events (account_id, stream, version, event_id, type, data, meta)"
        " SELECT account_id, stream, version + 1000, gen_random_uuid(), type, data, meta FROM events LIMIT 1",
    )


def a_view_that_says_something_else(court: Court) -> None:
    court.spoil(
        "writer", "UPDATE content SET title = 'Another' WHERE ctid = (SELECT ctid FROM content LIMIT 1)"
    )


def a_replica_without_a_row(court: Court) -> None:
    court.spoil("planner", "DELETE FROM replica_tasks WHERE ctid = (SELECT ctid FROM replica_tasks LIMIT 1)")


def a_charge_twice(court: Court) -> None:
    court.spoil(
        "billing",
        "INSERT INTO events (account_id, stream, version, event_id, type, data, meta)"
        " SELECT account_id, stream, version + 1000, gen_random_uuid(), type, data, meta"
        " FROM events WHERE type = 'CreditsDeducted' LIMIT 1",
    )


def a_usage_row_twice(court: Court) -> None:
    court.spoil(
        "billing",
        "CREATE TEMPORARY TABLE again AS SELECT * FROM usage_log WHERE credits_used > 0 LIMIT 1",
        "UPDATE again SET id = gen_random_uuid()",
        "INSERT INTO usage_log SELECT * FROM again",
    )


def an_extra_post(court: Court) -> None:
    published = court.arena.product.stack.layout.published
    page = next(page for page in published.glob("*/*/pages/*.html"))
    shutil.copy(page, page.with_stem(f"{page.stem}-2"))


def a_medium_less(court: Court) -> None:
    published = court.arena.product.stack.layout.published
    next(medium for medium in published.glob("*/*/media/*")).unlink()


def a_mail_to_nobody(court: Court) -> None:
    mail = next(court.arena.product.stack.layout.mail.glob("*.eml"))
    id = mail.stem
    mail.with_stem("once-more").write_text(mail.read_text().replace(id, f"{id}-2"))


def a_mail_less(court: Court) -> None:
    next(court.arena.product.stack.layout.mail.glob("[0-9a-f]*.eml")).unlink()


def a_version_never_placed(court: Court) -> None:
    published = court.arena.product.stack.layout.published
    records = published.glob("*/*/.igny8/post/*.json")
    record = next(record for record in records if REVISED in record.read_text())
    record.write_text(record.read_text().replace(REVISED, "(as it was)"))


def a_write_of_the_outage_lost(court: Court) -> None:
    court.spoil("writer", "DELETE FROM tasks WHERE title LIKE 'task %'")


# One after the other into the same court: each is named by words that none before it has called forth.
PLANTED: list[tuple[Callable[[Court], None], str, str]] = [
    (a_promise_not_kept, "every accepted request has its effect", "was accepted and is not there"),
    (an_event_left_to_say, "nothing is left on its way", "billing: 1 refused outbox rows"),
    (an_event_never_heard, "every event heard once by each listener", "writer never heard"),
    (a_message_of_nobody, "the topics hold what was recorded", "which billing has not recorded"),
    (a_hole_in_a_stream, "every stream is without gaps", "publisher: "),
    (a_view_that_says_something_else, "views and replicas are what the facts say", "writer.content"),
    (a_replica_without_a_row, "views and replicas are what the facts say", "planner misses"),
    (a_usage_row_twice, "balance = charges = work delivered", "by the usage log"),
    (a_charge_twice, "balance = charges = work delivered", "was charged 2 times"),
    (an_extra_post, "one post and one medium for each", "pages instead of"),
    (a_medium_less, "one post and one medium for each", "media instead of"),
    (a_version_never_placed, "one post and one medium for each", "first versions as publish instead of"),
    (a_mail_to_nobody, "each notice mailed once", "and nobody was to be told"),
    (a_mail_less, "each notice mailed once", "was never mailed"),
    (a_write_of_the_outage_lost, "every accepted request has its effect", "task "),
]


@pytest.mark.parametrize(("plant", "check", "named"), PLANTED, ids=[plant.__name__ for plant, *_ in PLANTED])
def test_the_oracle_names_what_was_planted(
    plant: Callable[[Court], None], check: str, named: str, court: Court
) -> None:
    assert named not in court.said[check]
    plant(court)
    assert named in court.found(check)


def test_the_oracle_names_a_call_that_was_paid_twice(court: Court) -> None:
    evidence = court.evidence
    call, owner = evidence.calls[0], "planner"  # the first call of all clusters keywords
    again = call.model_copy(update={"at": evidence.calls[-1].at + 10})  # after all kills
    twice = replace(evidence, calls=(*evidence.calls, again))
    named = f"{owner} asked for {call.idempotency_key} again"

    def found(*disturbances: Disturbance) -> str:
        return court.found("every AI step paid once", replace(twice, disturbances=disturbances))

    assert named in found()
    assert named in found(Disturbance(call.at - 10, call.at - 10, (owner,)))
    assert named in found(Disturbance(call.at, again.at, ("writer",)))
    assert named not in found(Disturbance(call.at, again.at, (owner,)))
    assert named not in found(Disturbance(call.at, call.at, (owner,)))  # it died of the call
    recorded = court.recorded(call)
    assert call.at < recorded < again.at
    assert named in found(
        Disturbance(recorded + 0.001, again.at, (owner,))
    )  # it had the answer, and paid again


def test_the_oracle_names_a_call_that_was_never_made(court: Court) -> None:
    key = court.evidence.calls[0].idempotency_key
    without = [call for call in court.evidence.calls if call.idempotency_key != key]
    found = court.found("every AI step paid once", replace(court.evidence, calls=without))
    assert f"has an answer to {key}, for which there was no call" in found
