"""Texts as words, in whatever language: folded, so that case, accents and width make no difference. Pure."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator

# Scripts written without spaces: each character is a word of its own.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_TOKEN = re.compile(f"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\\W_])+")
LONGEST_WORD = 40
MOST_WORDS = 200
"""Of a text; a title has fewer."""
SHORTEST_MISTYPED = 4
"""Shorter words have too many neighbours to guess which was meant."""
SHORTEST_KEY = SHORTEST_MISTYPED - 1
"""What is left of such a word when a letter was left out."""


def words_of(text: str) -> list[str]:
    """The words of a text in their order, each once."""
    return list(dict.fromkeys(word for word, _ in _tokens(unicodedata.normalize("NFC", text))))[:MOST_WORDS]


def neighbours(word: str) -> list[str]:
    """The keys under which a word is found that differs by a letter left out, added, exchanged or swapped.

    Those are the word and what is left of it without any one letter: two words that are one mistake apart share one
    (Garbe, "Symmetric Delete spelling correction").
    """
    if len(word) < SHORTEST_MISTYPED:
        return [word]
    return list(dict.fromkeys([word, *(word[:at] + word[at + 1 :] for at in range(len(word)))]))


def marked(text: str, is_meant: Callable[[str], bool]) -> str:
    """The text as HTML, what is meant in `<mark>`, all else escaped."""
    text = unicodedata.normalize("NFC", text)
    parts, done = [], 0
    for word, (begin, end) in _tokens(text):
        if is_meant(word):
            parts += [html.escape(text[done:begin]), f"<mark>{html.escape(text[begin:end])}</mark>"]
            done = end
    return "".join([*parts, html.escape(text[done:])])


def _tokens(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for found in _TOKEN.finditer(text):
        if word := _folded(found.group())[:LONGEST_WORD]:
            yield word, found.span()


def _folded(token: str) -> str:
    decomposed = unicodedata.normalize("NFKD", token).casefold()
    return "".join(character for character in decomposed if character.isalnum())
