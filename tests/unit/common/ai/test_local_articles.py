"""Articles of the local provider: length, keywords, anatomy and freshness."""

import itertools
from statistics import median

import pytest
from common.ai.functions import GENERATE_CONTENT, ContentInput, ContentOutput
from common.ai.html import clean, headings
from common.ai.local.articles import article
from common.ai.text import count_words, plain_text, sequences, shared_ratio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import untraced

KEYWORDS = [
    "excavator financing Malaysia", "lorry financing interest rate", "used bulldozer financing",
    "how to get equipment financing with bad credit", "forklift hire purchase", "prime mover loan",
]  # fmt: skip


def write(word_count: int = 1000, **changes: object) -> ContentOutput:
    values: dict[str, object] = {
        "title": "Excavator financing: a practical guide",
        "description": "",
        "keywords": KEYWORDS,
        "content_structure": "guide",
        "word_count": word_count,
    }
    return article(ContentInput(**(values | changes)))  # type: ignore[arg-type]


def most_shared(articles: list[ContentOutput]) -> float:
    found = [sequences(each.html) for each in articles]
    return max(shared_ratio(one, other) for one, other in itertools.combinations(found, 2))


@pytest.mark.parametrize("word_count", [150, 200, 330, 500, 800, 1200, 2000, 3500, 5000])
@pytest.mark.parametrize("generation", [1, 2, 3])
def test_is_as_long_as_asked_and_names_every_keyword(word_count: int, generation: int) -> None:
    written = write(word_count, generation=generation)
    assert count_words(written.html) == pytest.approx(word_count, rel=0.1)
    text = plain_text(written.html).lower()
    assert [keyword for keyword in KEYWORDS if keyword.lower() not in text] == []


def test_has_an_introduction_headings_and_questions() -> None:
    written = write(1000)
    assert written.html.startswith("<p>")
    assert "introduction" in plain_text(written.html).split(".")[0].lower()
    levels = [level for level, _ in headings(written.html)]
    assert levels.count(2) >= 4
    assert levels.count(3) >= 2
    assert any("FAQ" in text for _, text in headings(written.html))
    assert clean(written.html) == written.html
    assert len(written.meta_title) <= 60
    assert 50 <= len(written.meta_description) <= 160


@pytest.mark.usefixtures("uncounted")
class TestFreshness:
    """At most 2 % of the eight-word sequences of any two articles are shared."""

    def test_of_rewrites_of_one_task(self) -> None:
        assert most_shared([write(1000, generation=number) for number in range(1, 61)]) <= 0.02

    def test_of_similar_titles_with_the_same_keywords(self) -> None:
        titles = [f"Excavator financing: {number} questions answered" for number in range(60)]
        assert most_shared([write(1000, title=title) for title in titles]) <= 0.02

    def test_of_the_longest_articles(self) -> None:
        assert most_shared([write(5000, generation=number) for number in range(1, 13)]) <= 0.02

    def test_of_short_articles_of_different_tasks(self) -> None:
        machines = [
            "crane",
            "lorry",
            "forklift",
            "loader",
            "grader",
            "roller",
            "truck",
            "digger",
            "mixer",
            "pump",
        ]
        articles = [
            write(300, title=f"{machine} {kind}", keywords=[f"{machine} {kind}", f"used {machine}"])
            for machine, kind in itertools.product(machines, ["loan", "lease", "rental", "insurance"])
        ]
        assert most_shared(articles) <= 0.02


def test_the_same_input_gives_the_same_article() -> None:
    assert write(400) == write(400)
    assert write(400) != write(400, generation=2)


@settings(max_examples=60, deadline=None)
@given(
    keywords=st.lists(
        st.text(
            st.characters(exclude_categories=("Cs", "Co", "Cc"), max_codepoint=0x9FFF),
            min_size=1,
            max_size=30,
        ).filter(str.strip),
        max_size=8,
    ),
    word_count=st.integers(150, 600),
)
def test_takes_any_keyword_as_text(keywords: list[str], word_count: int) -> None:
    written = write(word_count, keywords=keywords)
    text = plain_text(written.html).casefold()
    for keyword in keywords:
        assert " ".join(keyword.split()).casefold() in text
    assert "{" not in text or any("{" in keyword for keyword in keywords)


def test_escapes_markup_in_keywords() -> None:
    written = write(300, keywords=["<script>alert(1)</script>", 'R&D "costs"'])
    assert "<script" not in written.html
    assert 'R&D "costs"' in plain_text(written.html)
    assert "<script>alert(1)</script>" in plain_text(written.html)


def test_many_keywords_share_sentences() -> None:
    keywords = [f"machine number {number}" for number in range(1, 26)]
    written = write(300, keywords=keywords)
    assert count_words(written.html) == pytest.approx(300, rel=0.1)
    assert all(keyword in plain_text(written.html).lower() for keyword in keywords)


def test_costs_less_than_half_a_million_additions() -> None:
    """A ratio, so that it says the same on a machine of any speed."""
    assert median(untraced.numbers(MEASURED)) <= 0.5


MEASURED = """
import time
from tests.unit.common.ai.test_local_articles import write

def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start

write()
for n in range(1, 11):
    print(seconds(lambda: write(generation=n)) / seconds(lambda: sum(i + i for i in range(1_000_000))))
"""


def test_meets_the_function_s_own_check() -> None:
    asked = ContentInput(title="T", description="", keywords=[], content_structure="article", word_count=150)
    assert GENERATE_CONTENT.check(asked, article(asked)) == []
