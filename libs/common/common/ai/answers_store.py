"""Recorded provider answers in the service's own database."""

from uuid import UUID

import msgspec

from common.contracts.operations import Usage
from common.database import Database, Sql


class PostgresAnswers:
    """`AnswerStore` of one account."""

    def __init__(self, database: Database, account_id: UUID) -> None:
        self._database = database
        self._account_id = account_id

    async def recall(self, operation_id: UUID, step: str, input_hash: str) -> bytes | None:
        async with self._database.transaction(self._account_id) as tx:
            row = await tx.first(
                "SELECT answer FROM ai_answers WHERE operation_id = %(operation)s AND step = %(step)s"
                " AND input_hash = %(hash)s",
                {"operation": operation_id, "step": step, "hash": input_hash},
            )
        return None if row is None or row["answer"] is None else bytes(row["answer"])

    async def begin(self, operation_id: UUID, step: str, input_hash: str) -> int:
        """Count a call before it is made: a count above 1 says that a crash fell into an earlier one."""
        async with self._database.transaction(self._account_id) as tx:
            return int(
                await tx.scalar(
                    "INSERT INTO ai_answers AS a (account_id, operation_id, step, input_hash, attempts)"
                    " VALUES (%(account)s, %(operation)s, %(step)s, %(hash)s, 1)"
                    " ON CONFLICT (operation_id, step, input_hash) DO UPDATE SET attempts = a.attempts + 1"
                    " RETURNING attempts",
                    {
                        "account": self._account_id,
                        "operation": operation_id,
                        "step": step,
                        "hash": input_hash,
                    },
                )
            )

    async def record(self, operation_id: UUID, step: str, input_hash: str, answer: bytes) -> None:
        async with self._database.transaction(self._account_id) as tx:
            await tx.execute(
                "UPDATE ai_answers SET answer = %(answer)s WHERE operation_id = %(operation)s AND step = %(step)s"
                " AND input_hash = %(hash)s AND answer IS NULL",
                {"answer": answer, "operation": operation_id, "step": step, "hash": input_hash},
            )


class _Recorded(msgspec.Struct, frozen=True):
    usage: Usage


async def recorded_cost(sql: Sql, operation_id: UUID, step: str) -> int:
    """What the recorded answers of a step have cost us, in millionths of a US dollar."""
    rows = await sql.all(
        "SELECT answer FROM ai_answers"
        " WHERE operation_id = %(operation)s AND step = %(step)s AND answer IS NOT NULL",
        {"operation": operation_id, "step": step},
    )
    return sum(msgspec.json.decode(row["answer"], type=_Recorded).usage.cost_micro_usd for row in rows)
