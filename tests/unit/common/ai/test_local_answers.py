"""Clusters, ideas, image prompts and images of the local provider."""

import io
import random
import time

import pytest
from common.ai.functions import (
    AUTO_CLUSTER,
    GENERATE_IDEAS,
    GENERATE_IMAGE_PROMPTS,
    IMAGE_SIZES,
    ClusterInput,
    IdeasInput,
    ImageInput,
    ImagePromptsInput,
    ImageType,
)
from common.ai.local.clusters import cluster
from common.ai.local.ideas import ideas
from common.ai.local.images import render
from common.ai.local.prompts import image_prompts
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

TOPICS = {
    "running shoes": ["trail running shoes", "running shoes for women", "best running shoes", "running shoe"],
    "home loan": ["home loan rates", "home loan calculator", "refinance home loan", "home loans"],
    "设备融资": ["设备融资 公司", "马来西亚设备融资", "设备融资利率"],
    "pinjaman": ["pinjaman perniagaan", "pinjaman perniagaan kecil", "pinjaman perniagaan segera"],
}


class TestClusters:
    def test_groups_topics_of_several_languages_and_leaves_strangers_alone(self) -> None:
        keywords = [keyword for members in TOPICS.values() for keyword in members] + ["quantum physics"]
        answer = cluster(ClusterInput(keywords=keywords))
        assert AUTO_CLUSTER.check(ClusterInput(keywords=keywords), answer) == []
        assert {frozenset(draft.keywords) for draft in answer.clusters} == {
            frozenset(members) for members in TOPICS.values()
        }
        assert answer.unclustered == ["quantum physics"]

    def test_do_not_depend_on_the_order(self) -> None:
        keywords = [
            f"{first} {second}"
            for first in ("red", "blue", "old")
            for second in ("car", "van", "bike", "boat")
        ]
        expected = cluster(ClusterInput(keywords=keywords))
        for seed in range(5):
            shuffled = random.Random(seed).sample(keywords, len(keywords))
            assert cluster(ClusterInput(keywords=shuffled)) == expected

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.text(min_size=1, max_size=25), unique=True, max_size=25))
    def test_use_every_keyword_exactly_once(self, keywords: list[str]) -> None:
        given_ = ClusterInput(keywords=keywords)
        assert AUTO_CLUSTER.check(given_, cluster(given_)) == []

    def test_a_thousand_keywords_take_seconds(self) -> None:
        numbers = random.Random(1)
        vocabulary = [
            f"{a}{b}" for a in ("kar", "lon", "mit", "sol", "ver") for b in ("ado", "ine", "osa", "ul", "ex")
        ]
        keywords = sorted({" ".join(numbers.sample(vocabulary, 3)) for _ in range(1000)})
        start = time.monotonic()
        answer = cluster(ClusterInput(keywords=keywords))
        assert time.monotonic() - start < 20
        assert AUTO_CLUSTER.check(ClusterInput(keywords=keywords), answer) == []


class TestIdeas:
    @pytest.mark.parametrize("count", [1, 3, 10, 40, 200])
    def test_are_as_many_as_asked_with_distinct_titles(self, count: int) -> None:
        asked = IdeasInput(
            cluster_name="Home Loans", description="", keywords=TOPICS["home loan"], count=count
        )
        answer = ideas(asked)
        assert GENERATE_IDEAS.check(asked, answer) == []
        targeted = {keyword for idea in answer.ideas for keyword in idea.target_keywords}
        assert targeted == set(TOPICS["home loan"])

    def test_manage_without_keywords(self) -> None:
        asked = IdeasInput(cluster_name="Home Loans", description="", keywords=[], count=2)
        assert GENERATE_IDEAS.check(asked, ideas(asked)) == []


class TestImagePrompts:
    @pytest.mark.parametrize("in_article", [0, 1, 5])
    def test_are_one_featured_and_the_others(self, in_article: int) -> None:
        asked = ImagePromptsInput(title="Home loans", headings=["Costs", "Risks"], in_article=in_article)
        answer = image_prompts(asked)
        assert GENERATE_IMAGE_PROMPTS.check(asked, answer) == []
        assert len({prompt.alt_text + prompt.prompt for prompt in answer.prompts}) == in_article + 1


class TestImages:
    @pytest.mark.parametrize("image_type", list(IMAGE_SIZES))
    @pytest.mark.parametrize(
        "title", ["Home loans, explained", "设备融资利率", "W" * 300, "", "A title of words " * 20]
    )
    def test_have_the_size_of_their_type(self, image_type: ImageType, title: str) -> None:
        made = render(ImageInput(prompt="A house", title=title, image_type=image_type))
        assert (made.width, made.height) == IMAGE_SIZES[image_type]
        assert len(made.data) < 300_000
        with Image.open(io.BytesIO(made.data)) as picture:
            assert picture.size == IMAGE_SIZES[image_type]
            assert picture.format == "JPEG"

    def test_show_the_title(self) -> None:
        titled, bare = (
            Image.open(io.BytesIO(render(ImageInput(prompt="", title=title, image_type="featured")).data))
            for title in ("Home loans", "")
        )
        white = [sum(count for count, (r, g, b) in image.convert("RGB").getcolors(2**24) or [] if min(r, g, b) > 240)  # type: ignore[misc]
                 for image in (titled, bare)]  # fmt: skip
        assert white[0] > 2000
        assert white[1] < 100

    def test_no_two_are_alike(self) -> None:
        made = [
            render(
                ImageInput(prompt=prompt, title=title, image_type="in_article", generation=generation)
            ).data
            for prompt in ("a", "b")
            for title in ("x", "y")
            for generation in (1, 2, 3)
        ]
        assert len(set(made)) == len(made)
        assert made[0] == render(ImageInput(prompt="a", title="x", image_type="in_article")).data

    def test_take_less_than_60_milliseconds(self) -> None:
        start = time.process_time()
        for number in range(10):
            render(ImageInput(prompt=f"{number}", title="Home loans", image_type="featured"))
        assert (time.process_time() - start) / 10 < 0.06
