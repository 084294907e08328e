"""The functions' checks, their descriptions, and schemas for structured output."""

from typing import Any

import msgspec
import pytest
from common.ai.functions import (
    AUTO_CLUSTER,
    GENERATE_CONTENT,
    GENERATE_IDEAS,
    GENERATE_IMAGE_PROMPTS,
    ClusterDraft,
    ClusterInput,
    ClusterOutput,
    ContentInput,
    ContentOutput,
    IdeasInput,
    IdeasOutput,
    ImagePromptsInput,
    ImagePromptsOutput,
)
from common.ai.providers.prices import cost
from common.ai.registry import NAMES, describe, function_named
from common.ai.schemas import strict_schema


def draft(name: str, *keywords: str) -> ClusterDraft:
    return ClusterDraft(name=name, description="", keywords=list(keywords))


@pytest.mark.parametrize(
    ("clusters", "unclustered", "problem"),
    [
        ([draft("A", "a")], [], "'b' is missing"),
        ([draft("A", "a", "b")], ["c"], "'c' was not among"),
        ([draft("A", "a", "b")], ["b"], "occurs 2 times"),
        ([draft("A", "a"), draft("a ", "b")], [], "'a' is used 2 times"),
        ([draft("", "a", "b")], [], "needs a name"),
        ([draft("A", "a", "b"), draft("B")], [], "at least one keyword"),
    ],
)
def test_clusters_that_are_wrong(clusters: list[ClusterDraft], unclustered: list[str], problem: str) -> None:
    output = ClusterOutput(clusters=clusters, unclustered=unclustered)
    assert any(problem in found for found in AUTO_CLUSTER.check(ClusterInput(keywords=["a", "b"]), output))


def test_clusters_that_are_right() -> None:
    output = ClusterOutput(clusters=[draft("A", "a")], unclustered=["b"])
    assert AUTO_CLUSTER.check(ClusterInput(keywords=["a", "b"]), output) == []


def idea(**changes: Any) -> dict[str, Any]:
    return {
        "title": "T", "description": "", "content_type": "post", "content_structure": "guide",
        "target_keywords": [], "estimated_word_count": 500,
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("given_ideas", "problem"),
    [
        ([idea()], "2 ideas were asked"),
        ([idea(), idea(title="t ")], "used 2 times"),
        ([idea(), idea(title=" ")], "no title"),
        ([idea(), idea(title="U", estimated_word_count=9)], "between 150 and 5000"),
    ],
)
def test_ideas_that_are_wrong(given_ideas: list[dict[str, Any]], problem: str) -> None:
    asked = IdeasInput(cluster_name="C", description="", keywords=[], count=2)
    output = msgspec.convert({"ideas": given_ideas}, IdeasOutput)
    assert any(problem in found for found in GENERATE_IDEAS.check(asked, output))


@pytest.mark.parametrize(
    ("title", "html", "problem"),
    [
        ("", "<p>a b</p>", "title"),
        ("T", "<p></p>", "no text"),
        ("T", "<p>a b</p>", "2 words, 400 were asked"),
    ],
)
def test_content_that_is_wrong(title: str, html: str, problem: str) -> None:
    asked = ContentInput(title="T", description="", keywords=[], content_structure="guide", word_count=400)
    output = ContentOutput(
        title=title, html=html, meta_title="", meta_description="", excerpt="", primary_keyword="",
        secondary_keywords=[], tags=[], categories=[],
    )  # fmt: skip
    assert any(problem in found for found in GENERATE_CONTENT.check(asked, output))


def test_image_prompts_that_are_wrong() -> None:
    asked = ImagePromptsInput(title="T", headings=[], in_article=1)
    found = GENERATE_IMAGE_PROMPTS.check(asked, ImagePromptsOutput(prompts=[]))
    assert len(found) == 2


@pytest.mark.parametrize("name", NAMES)
def test_every_function_is_described(name: str) -> None:
    description = describe(name)
    assert description.name == name == function_named(name).name
    assert description.description
    assert description.cost
    assert "$defs" in description.input_schema


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(KeyError, match="no AI function 'paint'"):
        function_named("paint")


@pytest.mark.parametrize("name", NAMES)
def test_strict_schemas_close_every_object(name: str) -> None:
    def objects(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for item in node for found in objects(item)]
        if not isinstance(node, dict):
            return []
        inner = [found for item in node.values() for found in objects(item)]
        return [node, *inner] if node.get("type") == "object" else inner

    schema = strict_schema(function_named(name).output_type)
    assert schema["type"] == "object"
    for found in objects(schema):
        assert found["additionalProperties"] is False
        assert found["required"] == list(found["properties"])


def test_input_hashes_depend_on_function_and_input() -> None:
    one = AUTO_CLUSTER.input_hash(ClusterInput(keywords=["a"]))
    assert one == AUTO_CLUSTER.input_hash(ClusterInput(keywords=["a"]))
    assert one != AUTO_CLUSTER.input_hash(ClusterInput(keywords=["b"]))


def test_costs_are_rounded_up_and_dated_models_cost_like_their_family() -> None:
    assert cost("gpt-4o-mini-2024-07-18", input_tokens=1) == 1
    assert cost("gpt-4o", input_tokens=1_000_000, output_tokens=1_000_000) == 12_500_000
    assert cost("gpt-image-1", images=2) == 84_000
    assert cost("unknown", input_tokens=10**6) == 0
