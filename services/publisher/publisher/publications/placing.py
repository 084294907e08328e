"""Where pictures stand in an article."""

import html as entities
import re
from collections.abc import Sequence
from dataclasses import dataclass

_SECTION = re.compile(r"</h2\s*>", re.I)
_FIRST_SECTION = 2
"""The first picture follows the second heading: the featured one already stands above the first."""


@dataclass(frozen=True)
class Picture:
    url: str
    alt_text: str


def place(html: str, pictures: Sequence[Picture]) -> str:
    """`html` with the pictures one by one after the second, third, … heading; those without a heading at the end."""
    ends = [found.end() for found in _SECTION.finditer(html)][_FIRST_SECTION - 1 :]
    parts, done = [], 0
    for number, picture in enumerate(pictures):
        end = ends[number] if number < len(ends) else len(html)
        parts += [html[done:end], _figure(picture)]
        done = end
    return "".join([*parts, html[done:]])


def _figure(picture: Picture) -> str:
    url, alt_text = entities.escape(picture.url), entities.escape(picture.alt_text)
    return f'\n<figure><img src="{url}" alt="{alt_text}" loading="lazy"></figure>\n'
