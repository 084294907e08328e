"""Article HTML made safe and uniform: body markup of an allowlist, whatever a provider or a user sent."""

from __future__ import annotations

import html as entities
import re

import nh3

from common.ai.text import count_words, plain_text

__all__ = ["clean", "count_words", "headings", "plain_text"]

_TAGS = {
    *(
        "p",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "blockquote",
        "pre",
        "code",
        "hr",
        "br",
    ),
    *(
        "a",
        "abbr",
        "b",
        "em",
        "i",
        "mark",
        "s",
        "small",
        "strong",
        "sub",
        "sup",
        "u",
        "figure",
        "figcaption",
        "img",
    ),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "section", "details", "summary"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "th": {"colspan", "rowspan", "scope"},
    "td": {"colspan", "rowspan"},
}
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    # `title` of a whole document is not part of its body; the rest is code, not text.
    clean_content_tags={
        "script",
        "style",
        "title",
        "template",
        "noscript",
        "iframe",
        "object",
        "svg",
        "math",
    },
    url_schemes={"http", "https", "mailto", "tel"},
)
_MARKUP = re.compile(
    r"<!doctype|</?(?:html|body|div|span|h1|script|style|" + "|".join(_TAGS) + r")\b[^>]*>", re.I
)
_FENCE = re.compile(r"\A\s*```[a-z]*\s*\n(.*?)\n?\s*```\s*\Z", re.S | re.I)
_TITLE_TAG = re.compile(r"<(/?)h1(?=[\s>/])", re.I)
_HEADING = re.compile(r"<h([2-6])>(.*?)</h\1>", re.S)


def clean(html: str) -> str:
    """Safe body HTML from a fragment, a whole document, a fenced answer or plain text; idempotent.

    A top-level heading becomes a second-level one: the title is shown by whoever shows the article.
    """
    if fenced := _FENCE.match(html):
        html = fenced[1]
    if not _MARKUP.search(html):
        blocks = (" ".join(block.split()) for block in re.split(r"\n\s*\n", entities.unescape(html)))
        return "\n".join(f"<p>{entities.escape(block, quote=False)}</p>" for block in blocks if block)
    return _CLEANER.clean(_TITLE_TAG.sub(r"<\1h2", html)).strip()


def headings(html: str) -> list[tuple[int, str]]:
    """(level, text) of each heading in clean HTML, in order."""
    return [(int(level), plain_text(text)) for level, text in _HEADING.findall(html)]
