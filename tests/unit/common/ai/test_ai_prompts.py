"""Templates and the prompts made of them."""

import pytest
from common.ai.functions import ContentInput, IdeasInput
from common.ai.prompts import LONGEST, PROMPTS, Prompt, problems, prompt_of
from common.ai.registry import NAMES, function_named
from common.ai.templates import literal, placeholders, render
from common.contracts.settings import PromptType

ARTICLE = ContentInput(
    title="Cranes", description="", keywords=["crane", "hoist"], content_structure="guide", word_count=900
)


class TestTemplates:
    def test_places_are_filled_with_the_inputs_fields(self) -> None:
        assert (
            render("{title}: {word_count} words on {keywords}.", ARTICLE)
            == "Cranes: 900 words on crane, hoist."
        )

    def test_doubled_braces_are_text(self) -> None:
        assert render('{{"a": {word_count}}}', ARTICLE) == '{"a": 900}'

    def test_text_made_literal_comes_out_as_it_was(self) -> None:
        text = 'Sections: {"h2": {"title"}} {word_count}'
        assert render(literal(text), ARTICLE) == text

    def test_what_the_input_puts_in_is_not_looked_into(self) -> None:
        ideas = IdeasInput(cluster_name="{count}", description="", keywords=[], count=3)
        assert render("{cluster_name}", ideas) == "{count}"

    def test_an_unknown_place_stays(self) -> None:
        assert render("{other}", ARTICLE) == "{other}"

    def test_nothing_is_reached_through_a_place(self) -> None:
        assert list(placeholders("{title.__class__} {keywords[0]} {title!r} {title:>9}")) == [
            "title.__class__",
            "keywords[0]",
            "title!r",
            "title:>9",
        ]
        assert render("{title.__class__}", ARTICLE) == "{title.__class__}"


class TestPrompts:
    def test_every_function_has_one(self) -> None:
        assert {prompt.function.name for prompt in PROMPTS.values()} == set(NAMES)
        assert all(prompt_of(function_named(name)).function.name == name for name in NAMES)

    @pytest.mark.parametrize("prompt", PROMPTS.values(), ids=lambda prompt: prompt.type)
    def test_defaults_are_usable(self, prompt: Prompt) -> None:
        assert problems(prompt.type, prompt.default) == []

    @pytest.mark.parametrize(
        ("type", "text", "wrong"),
        [
            ("ideas", "  ", "is empty"),
            ("clustering", "x" * (LONGEST + 1), "at most"),
            ("clustering", "a\0b", "NUL"),
            ("clustering", "open {brace", "brace"),
            ("clustering", "lone } brace", "brace"),
            ("clustering", "Group {keywords} into {heaps}", "unknown placeholder {heaps}"),
            ("content_generation", "About {word_count} for {title.__class__}", "unknown placeholder"),
            ("content_generation", "About {word_count!r}", "unknown placeholder"),
            ("content_generation", "Write about {title}", "lacks the placeholder {word_count}"),
            ("ideas", "Some ideas", "lacks the placeholder {count}"),
            ("image_prompt_extraction", "Pictures", "lacks the placeholder {in_article}"),
            ("image_prompt_template", "A picture", "lacks the placeholder {prompt}"),
        ],
    )
    def test_what_cannot_be_used_is_told(self, type: PromptType, text: str, wrong: str) -> None:
        found = problems(type, text)
        assert any(wrong in each for each in found), found

    def test_all_that_is_wrong_is_told_at_once(self) -> None:
        assert len(problems("ideas", "{one} {two} {one}")) == 3

    def test_a_prompt_of_the_longest_length_is_usable(self) -> None:
        assert problems("clustering", "x" * LONGEST) == []
