"""All five functions through the engine and the OpenAI-compatible provider, against the fake server."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from common.ai.answers import MemoryAnswers
from common.ai.engine import AIEngine
from common.ai.functions import (
    ClusterInput,
    ContentInput,
    IdeasInput,
    ImageInput,
    ImagePromptsInput,
)
from common.ai.providers.openai import Limits, OpenAIProvider
from common.ai.registry import function_named
from common.objects import open_store

from tests.parts.fake_ai import FakeAI

INPUTS: dict[str, Any] = {
    "auto_cluster": ClusterInput(
        keywords=["home loan", "home loan rates", "red car", "red car hire", "moon"]
    ),
    "generate_ideas": IdeasInput(cluster_name="Loans", description="", keywords=["home loan"], count=7),
    "generate_content": ContentInput(
        title="Home loans", description="", keywords=["home loan"], content_structure="guide", word_count=600
    ),
    "generate_image_prompts": ImagePromptsInput(title="Home loans", headings=["Costs"], in_article=2),
    "generate_images": ImageInput(prompt="a house", title="Home loans", image_type="featured"),
}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeAI]:
    server = FakeAI()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def provider(fake: FakeAI) -> AsyncIterator[OpenAIProvider]:
    fake.reset()
    limits = Limits(timeout=20, first_wait=0.01)
    provider = OpenAIProvider(base_url=fake.url, api_key=fake.key, model="gpt-4o-mini", limits=limits)
    await provider.check()
    fake.reset()
    yield provider
    await provider.close()


# A picture is not asked for again when the answer is no picture: there is nothing a model could correct.
FAULTS = {name: [None, "500", "cut_stream"] for name in INPUTS}
for chat in set(INPUTS) - {"generate_images"}:
    FAULTS[chat] += ["truncated_json", "wrong_schema", "empty", "refusal"]


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name in INPUTS for fault in FAULTS[name]])
async def test_is_answered_whatever_goes_wrong_once(
    fake: FakeAI, provider: OpenAIProvider, name: str, fault: Any
) -> None:
    if fault:
        fake.fail(fault)
    function = function_named(name)
    answers = MemoryAnswers()
    engine = AIEngine(provider, answers, open_store("memory://"))
    operation_id = uuid4()
    answer = await engine.run(function, INPUTS[name], operation_id=operation_id, step="1")
    assert function.check(INPUTS[name], answer.output) == []
    assert answer.usage.calls == (2 if fault else 1)
    assert answer.usage.cost_micro_usd > 0
    assert await engine.run(function, INPUTS[name], operation_id=operation_id, step="1") == answer
    assert len(fake.calls()) == answer.usage.calls
