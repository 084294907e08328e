"""Whether each AI step was paid once: the AI server's log beside the answers that the services keep, and when they kept them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import psycopg
from igny8_local.stack import Stack

from proving.evidence import Evidence
from tests.parts.fake_ai import Call

ASKING = ("planner", "writer")
"""The services that ask an AI."""

_WITNESS = """
CREATE TABLE answers_recorded (
    operation_id uuid, step text, input_hash text, at timestamptz NOT NULL, PRIMARY KEY (operation_id, step, input_hash)
);
CREATE FUNCTION note_answer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO public.answers_recorded VALUES (new.operation_id, new.step, new.input_hash, clock_timestamp())
            ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
CREATE TRIGGER note_answer AFTER UPDATE ON ai_answers FOR EACH ROW
    WHEN (old.answer IS NULL AND new.answer IS NOT NULL) EXECUTE FUNCTION note_answer();
"""


_ANSWERS = "SELECT * FROM ai_answers LEFT JOIN answers_recorded USING (operation_id, step, input_hash)"


def watch_answers(stack: Stack) -> None:
    """From now on, have each database note when an answer was first recorded in it."""
    for service in ASKING:
        with psycopg.connect(stack.database_url(service, "owner")) as connection:
            connection.execute(_WITNESS.encode())


def paid_once(evidence: Evidence) -> Iterable[str]:
    """Every AI step was asked for once; again only where a fault fell between the call and its record."""
    owners: dict[str, str] = {}
    recorded: dict[str, float] = {}
    for service in ASKING:
        for row in evidence.rows(service, _ANSWERS):
            key = f"{row['operation_id']}:{row['step']}:{row['input_hash'][:12]}"
            owners[key] = service
            recorded[key] = math.inf if row["at"] is None else row["at"].timestamp()
            if row["answer"] is None:
                yield f"{service}: the answer to {key} was never recorded"
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        calls[call.idempotency_key or ""].append(call)
    for key, made in calls.items():
        owner = owners.get(key)
        if owner is None:
            yield f"{len(made)} calls under the key {key!r}, for which no answer is recorded"
            continue
        for before, after in pairwise(made):
            if not any(
                owner in each.services and each.at <= min(after.at, recorded[key]) and each.until >= before.at
                for each in evidence.disturbances
            ):
                told = datetime.fromtimestamp(after.at, UTC).isoformat(timespec="milliseconds")
                waited = f"{after.at - before.at:.1f} s later, at {told}"
                yield f"{owner} asked for {key} again {waited}, and no fault came before the answer was recorded"
    for key in owners.keys() - calls.keys():
        yield f"{owners[key]} has an answer to {key}, for which there was no call"


def repeated_calls(calls: Sequence[Call]) -> int:
    """How many AI calls were made more than once."""
    return len(calls) - len({call.idempotency_key for call in calls})
