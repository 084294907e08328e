"""The same steps on Celery with Redis, as its documentation recommends for work that must not be lost.

`acks_late`, `task_reject_on_worker_lost` and a prefetch of one. The database and Redis are named by the environment; where
there is no Redis yet, a broker address that nobody answers is harmless.
"""

import json
import os
from typing import Any
from uuid import UUID, uuid4

import psycopg
from celery import Celery
from celery.signals import worker_process_init

DATABASE, REDIS = "STEPS_DATABASE", "STEPS_REDIS"
VISIBILITY, LATE = "STEPS_VISIBILITY_SECONDS", "STEPS_ACKS_LATE"


def make_app(redis: str, *, visibility_seconds: int, late: bool) -> Celery:
    """`visibility_seconds`: after so long Redis hands out again what nobody acknowledged (Celery's default is 3,600)."""
    app = Celery("steps", broker=redis)
    app.conf.update(
        task_acks_late=late,
        task_reject_on_worker_lost=late,
        worker_prefetch_multiplier=1 if late else 4,
        task_ignore_result=True,
        broker_transport_options={"visibility_timeout": visibility_seconds},
        broker_connection_retry_on_startup=True,
        task_publish_retry=True,
        worker_hijack_root_logger=False,
    )
    return app


app = make_app(
    os.environ.get(REDIS, "redis://127.0.0.1:1/0"),
    visibility_seconds=int(os.environ.get(VISIBILITY, "3600")),
    late=os.environ.get(LATE, "1") == "1",
)
_connection: "psycopg.Connection[Any] | None" = None


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _connect(**_: object) -> None:
    global _connection
    _connection = psycopg.connect(os.environ[DATABASE], autocommit=True, prepare_threshold=0)


@app.task(name="steps.step")  # type: ignore[untyped-decorator]
def step(account: str, chain: str, number: int, steps: int) -> None:
    """Write the step's rows in one transaction, then send for the next step."""
    assert _connection is not None
    with _connection.transaction():
        _connection.execute(
            "INSERT INTO bare_step_events (account_id, stream, version, event_id, type, data, meta)"
            " VALUES (%s, %s, %s, %s, 'StepDone', %s, '{}')",
            (UUID(account), f"chain-{chain}", number + 1, uuid4(), json.dumps({"step": number})),
        )
        _connection.execute(
            "INSERT INTO bare_step_effects (account_id, chain_id, step) VALUES (%s, %s, %s)",
            (UUID(account), UUID(chain), number),
        )
    if number + 1 < steps:
        step.delay(account, chain, number + 1, steps)
