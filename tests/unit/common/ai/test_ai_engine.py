"""The engine: answered once, recorded first, pictures stored; and the object store it uses."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from common.ai.answers import MemoryAnswers
from common.ai.engine import AIEngine
from common.ai.functions import (
    AUTO_CLUSTER,
    GENERATE_IMAGES,
    AnyFunction,
    ClusterInput,
    ClusterOutput,
    ImageInput,
    RenderedImage,
)
from common.ai.providers import ProviderError
from common.contracts.operations import ObjectRef, Usage
from common.objects import ObjectMissing, open_store

OPERATION = UUID(int=7)


class ScriptedProvider:
    """Answers what it was given and remembers the keys it was asked with."""

    name = "scripted"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.keys: list[str] = []

    async def run(self, function: AnyFunction, input: Any, *, key: str) -> tuple[Any, Usage]:
        self.keys.append(key)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer, Usage(provider=self.name, model="m", calls=1, input_tokens=3)

    async def check(self) -> None: ...

    async def close(self) -> None: ...


class ForgetfulAnswers(MemoryAnswers):
    """Loses the first record, as a crash right after the call does."""

    async def record(self, operation_id: UUID, step: str, input_hash: str, answer: bytes) -> None:
        if self.attempts[operation_id, step, input_hash] > 1:
            await super().record(operation_id, step, input_hash, answer)


INPUT = ClusterInput(keywords=["a"])
OUTPUT = ClusterOutput(clusters=[], unclustered=["a"])


async def test_asks_once_and_recalls_afterwards() -> None:
    provider = ScriptedProvider(OUTPUT, OUTPUT)
    engine = AIEngine(provider, MemoryAnswers(), open_store("memory://"))
    first = await engine.run(AUTO_CLUSTER, INPUT, operation_id=OPERATION, step="1")
    again = await engine.run(AUTO_CLUSTER, INPUT, operation_id=OPERATION, step="1")
    assert first == again
    assert first.output == OUTPUT
    assert first.usage.input_tokens == 3
    assert provider.keys == [f"{OPERATION}:1:{AUTO_CLUSTER.input_hash(INPUT)[:12]}"]


async def test_another_step_or_input_is_another_question() -> None:
    provider = ScriptedProvider(OUTPUT, OUTPUT, OUTPUT)
    engine = AIEngine(provider, MemoryAnswers(), open_store("memory://"))
    for step, keywords in (("1", ["a"]), ("2", ["a"]), ("1", ["b"])):
        await engine.run(AUTO_CLUSTER, ClusterInput(keywords=keywords), operation_id=OPERATION, step=step)
    assert len(set(provider.keys)) == 3


async def test_a_call_repeated_after_a_crash_is_counted_and_has_the_same_key() -> None:
    provider = ScriptedProvider(OUTPUT, OUTPUT)
    engine = AIEngine(provider, ForgetfulAnswers(), open_store("memory://"))
    assert (await engine.run(AUTO_CLUSTER, INPUT, operation_id=OPERATION, step="1")).attempts == 1
    assert (await engine.run(AUTO_CLUSTER, INPUT, operation_id=OPERATION, step="1")).attempts == 2
    assert (await engine.run(AUTO_CLUSTER, INPUT, operation_id=OPERATION, step="1")).attempts == 2
    assert len(provider.keys) == 2
    assert len(set(provider.keys)) == 1


async def test_a_failure_is_not_recorded() -> None:
    provider = ScriptedProvider(ProviderError("AI_TIMEOUT", "late", retryable=True), OUTPUT)
    engine = AIEngine(provider, MemoryAnswers(), open_store("memory://"))
    with pytest.raises(ProviderError, match="late"):
        await engine.run(AUTO_CLUSTER, INPUT, operation_id=OPERATION, step="1")
    assert (await engine.run(AUTO_CLUSTER, INPUT, operation_id=OPERATION, step="1")).output == OUTPUT


async def test_pictures_go_to_the_object_store_before_they_are_recorded() -> None:
    objects = open_store("memory://")
    picture = RenderedImage(data=b"picture", media_type="image/png", width=4, height=3)
    engine = AIEngine(ScriptedProvider(picture), MemoryAnswers(), objects)
    asked = ImageInput(prompt="p", title="t", image_type="featured")
    answer = await engine.run(GENERATE_IMAGES, asked, operation_id=uuid4(), step="1")
    assert (answer.output.width, answer.output.height, answer.output.image.media_type) == (4, 3, "image/png")
    assert await objects.get(answer.output.image) == b"picture"


class TestObjectStore:
    async def test_keeps_a_body_once_under_its_hash(self, tmp_path: Path) -> None:
        for url in (str(tmp_path / "plain"), (tmp_path / "as url").as_uri()):
            store = open_store(url)
            ref = await store.put(b"body", "text/plain")
            assert await store.put(b"body", "text/plain") == ref
            assert await store.get(ref) == b"body"
        kept = [path for path in (tmp_path / "as url").rglob("*") if path.is_file()]
        assert [str(path.relative_to(tmp_path / "as url")) for path in kept] == [
            f"{ref.sha256[:2]}/{ref.sha256[2:4]}/{ref.sha256}"
        ]

    async def test_says_what_is_missing_or_changed(self, tmp_path: Path) -> None:
        store = open_store(str(tmp_path))
        with pytest.raises(ObjectMissing, match="not in the store"):
            await store.get(ObjectRef(sha256="ab" * 32, size=1, media_type="text/plain"))
        ref = await store.put(b"body", "text/plain")
        next(path for path in tmp_path.rglob("*") if path.is_file()).write_bytes(b"other")
        with pytest.raises(ObjectMissing, match="do not match"):
            await store.get(ref)

    def test_refuses_other_addresses(self) -> None:
        with pytest.raises(ValueError, match="ftp://x"):
            open_store("ftp://x")
