"""Words of an article, counted in one way everywhere: by the provider, the validation and the bill."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# Chinese and Japanese write no spaces: each ideograph or kana counts as a word, as word processors count.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+(?:['’-][^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+)*"
)
_INLINE = frozenset(
    {"a", "abbr", "b", "code", "em", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "u"}
)
_HIDDEN = frozenset({"script", "style", "title", "template"})


class _TextOf(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN
        self._separate(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN and self._hidden > 0
        self._separate(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)

    def _separate(self, tag: str) -> None:
        if tag not in _INLINE:
            self.parts.append("\n")


def plain_text(html: str) -> str:
    """The visible text of `html`, entities decoded, blocks on lines of their own."""
    parser = _TextOf()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)


def words(text: str) -> list[str]:
    """The words of plain text, in order; an ideograph is a word."""
    return _WORD.findall(text)


def count_words(html: str) -> int:
    """The number of words a reader sees in `html`, headings included: what articles are charged by."""
    return len(words(plain_text(html)))


def sequences(html: str, length: int = 8) -> set[tuple[str, ...]]:
    """All distinct runs of `length` consecutive words, lower case: the measure of how fresh a text is."""
    found = [word.lower() for word in words(plain_text(html))]
    return {tuple(found[start : start + length]) for start in range(len(found) - length + 1)}


def shared_ratio(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    """The share of the smaller set that also occurs in the other, 0 to 1."""
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller else 0.0
