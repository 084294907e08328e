"""HTML made uniform, and words counted."""

import pytest
from common.ai.html import clean, headings
from common.ai.text import count_words, sequences, shared_ratio
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("given_html", "expected"),
    [
        ("<p>One</p><script>alert(1)</script>", "<p>One</p>"),
        (
            '<p onclick="x()">One <a href="javascript:x()">two</a></p>',
            '<p>One <a rel="noopener noreferrer">two</a></p>',
        ),
        (
            "<!DOCTYPE html><html><head><title>T</title></head><body><h1>A</h1><p>B</p></body></html>",
            "<h2>A</h2><p>B</p>",
        ),
        ("One & two\n\nthree < four", "<p>One &amp; two</p>\n<p>three &lt; four</p>"),
        ("```html\n<p>One</p>\n```", "<p>One</p>"),
        ('<div class="x"><p style="color:red">One</p></div>', "<p>One</p>"),
        ("", ""),
    ],
)
def test_clean(given_html: str, expected: str) -> None:
    assert clean(given_html) == expected


@given(st.text())
def test_clean_leaves_no_script_and_changes_nothing_twice(text: str) -> None:
    once = clean(f"<p>{text}</p><script>{text}</script>")
    assert "<script" not in once
    assert clean(once) == once


def test_headings_in_order() -> None:
    assert headings("<h2>A &amp; b</h2><p>x</p><h3>C <em>d</em></h3>") == [(2, "A & b"), (3, "C d")]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>One two</p><p>three</p>", 3),
        ("<p>in<b>side</b> don't well-known</p>", 3),
        ("<p>设备融资 loan</p>", 5),
        ("<p>a &amp; b</p><style>p { color: red }</style>", 2),
        ("", 0),
    ],
)
def test_count_words(html: str, expected: int) -> None:
    assert count_words(html) == expected


def test_shared_ratio_is_of_the_smaller_text() -> None:
    short, long = sequences("a b c d e f g h i"), sequences("x a b c d e f g h y z w v u t s")
    assert len(short) == 2
    assert shared_ratio(short, long) == 0.5
    assert shared_ratio(short, set()) == 0
