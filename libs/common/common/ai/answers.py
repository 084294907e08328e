"""Recorded answers: a provider is paid once for a step, whatever crashes afterwards."""

from __future__ import annotations

from collections import Counter
from typing import Protocol
from uuid import UUID


class AnswerStore(Protocol):
    """Keeps answers by operation, step and input hash."""

    async def recall(self, operation_id: UUID, step: str, input_hash: str) -> bytes | None:
        """The recorded answer, if there is one."""

    async def begin(self, operation_id: UUID, step: str, input_hash: str) -> int:
        """Count an outside call about to be made, durably; the answer is its number, from 1."""

    async def record(self, operation_id: UUID, step: str, input_hash: str, answer: bytes) -> None:
        """Keep the answer durably; the first one recorded stays."""


class MemoryAnswers:
    """An AnswerStore for tests and for work without a database."""

    def __init__(self) -> None:
        self.answers: dict[tuple[UUID, str, str], bytes] = {}
        self.attempts: Counter[tuple[UUID, str, str]] = Counter()

    async def recall(self, operation_id: UUID, step: str, input_hash: str) -> bytes | None:
        return self.answers.get((operation_id, step, input_hash))

    async def begin(self, operation_id: UUID, step: str, input_hash: str) -> int:
        self.attempts[operation_id, step, input_hash] += 1
        return self.attempts[operation_id, step, input_hash]

    async def record(self, operation_id: UUID, step: str, input_hash: str, answer: bytes) -> None:
        self.answers.setdefault((operation_id, step, input_hash), answer)
