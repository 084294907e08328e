"""Recorded answers, in memory and in PostgreSQL: one suite for both."""

import pytest
from common.ai.answers import AnswerStore, MemoryAnswers
from common.ai.answers_store import PostgresAnswers
from common.database import Database
from common.ids import new_id

STEP, HASH = "1", "abc"


@pytest.fixture(params=["memory", "postgres"])
def answers(request: pytest.FixtureRequest) -> AnswerStore:
    if request.param == "memory":
        return MemoryAnswers()
    database: Database = request.getfixturevalue("toy_database")
    return PostgresAnswers(database, new_id())


async def test_what_was_recorded_is_recalled_by_operation_step_and_input(answers: AnswerStore) -> None:
    operation = new_id()
    assert await answers.recall(operation, STEP, HASH) is None
    await answers.begin(operation, STEP, HASH)
    assert await answers.recall(operation, STEP, HASH) is None, "a call that was begun is no answer"
    await answers.record(operation, STEP, HASH, b"answer")
    assert await answers.recall(operation, STEP, HASH) == b"answer"
    for other in ((new_id(), STEP, HASH), (operation, "2", HASH), (operation, STEP, "def")):
        assert await answers.recall(*other) is None


async def test_calls_are_counted(answers: AnswerStore) -> None:
    operation = new_id()
    assert [await answers.begin(operation, STEP, HASH) for _ in range(3)] == [1, 2, 3]
    assert await answers.begin(operation, "2", HASH) == 1


async def test_the_first_answer_stays(answers: AnswerStore) -> None:
    """Of two attempts at once both may have asked; what one of them used is what every later one gets."""
    operation = new_id()
    for _ in range(2):
        await answers.begin(operation, STEP, HASH)
    await answers.record(operation, STEP, HASH, b"first")
    await answers.record(operation, STEP, HASH, b"second")
    assert await answers.recall(operation, STEP, HASH) == b"first"


@pytest.mark.parametrize("answers", ["postgres"], indirect=True)
async def test_another_account_recalls_nothing(answers: AnswerStore, toy_database: Database) -> None:
    operation = new_id()
    await answers.begin(operation, STEP, HASH)
    await answers.record(operation, STEP, HASH, b"answer")
    assert await PostgresAnswers(toy_database, new_id()).recall(operation, STEP, HASH) is None
