"""Articles from a seeded grammar: about their keywords, of the asked length, and hardly a sequence of words in common."""

from __future__ import annotations

import html
import random as randomness
import re
from collections.abc import Sequence

from common.ai.functions import ContentInput, ContentOutput
from common.ai.local import phrases
from common.ai.local.phrases import THEMES, Theme
from common.ai.local.seeds import seeded
from common.ai.text import words

_SLOT = re.compile(r"\{([^{}]+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeio]|un(?!i))")
_ASKING = frozenset(words("are can could do does how is should what when where which who why will would"))
_FIRST_PRIVATE = 0xE000
"""Keywords stand in sentences as one private character each until the end: grammar never changes their letters."""
_STRUCTURE_THEMES = {
    "comparison": ("choosing", "cost"), "review": ("choosing", "proof"), "how_to": ("planning", "risk"),
    "listicle": ("risk", "choosing"), "landing_page": ("cost", "people"), "guide": ("planning", "choosing"),
}  # fmt: skip
_SENTENCE = 17
"""Words in a sentence without a keyword, on average."""


def article(input: ContentInput) -> ContentOutput:
    """The article; its length is within 5 % of `word_count` unless the keywords alone are longer."""
    return _Writer(input).write()


class _Writer:
    def __init__(self, input: ContentInput) -> None:
        self._input = input
        self._keywords = list(dict.fromkeys(" ".join(k.split()) for k in input.keywords if k.strip())) or [
            input.title
        ]
        self._random = seeded("article", input.title, self._keywords, input.generation)
        self._grammar = _Grammar(self._random, self._keywords)
        self._pending = self._random.sample(self._keywords[1:], len(self._keywords) - 1)
        self._html: list[str] = []
        self._count = 0

    def write(self) -> ContentOutput:
        total = self._input.word_count
        sections = min(14, max(1, round((total - 110) / 200)))
        questions = min(8, max(1, total // 350))
        # The opening and the questions take a fixed share; what is left is divided among the sections.
        opening, asking = max(30, total * 0.10), max(45, total * 0.16)
        room = (total - opening - asking) / sections
        per_mention = self._mention_size(sections + questions + 1)
        themes = self._themes(sections)
        opener = self._draw(phrases.INTRODUCTIONS, themes[0], self._keywords[:1])
        self._paragraphs(opening, themes[0], per_mention, first=opener)
        for number, theme in enumerate(themes):
            last = number == sections - 1 and total >= 600
            usual = theme.headings if total >= 1000 else phrases.HEADINGS
            self._heading(2, phrases.CONCLUSIONS if last else usual, theme)
            self._section(opening + (number + 1) * room, theme, per_mention)
        self._questions(questions, per_mention)
        return self._output()

    def _mention_size(self, places: int) -> int:
        """Keywords in one sentence: one, unless that would take more than half of the article's sentences."""
        sentences = max(places, self._input.word_count / (2 * _SENTENCE))
        return max(1, round(len(self._pending) / sentences + 0.49))

    def _themes(self, sections: int) -> list[Theme]:
        wanted = ["basics", *_STRUCTURE_THEMES.get(self._input.content_structure, ())]
        if sections < 3:
            # A short article takes any theme: were it always the same, short articles would come out alike.
            wanted = []
        rest = [name for name in THEMES if name not in wanted and name != "future"]
        order = [*wanted, *self._random.sample(rest, len(rest))]
        names = [order[number % len(order)] for number in range(sections)]
        if sections > 2:
            names[-1] = "future"
        return [THEMES[name] for name in names]

    def _section(self, until: float, theme: Theme, per_mention: int) -> None:
        if until - self._count > 150 and self._random.random() < 0.6:
            middle = self._count + (until - self._count) * 0.6
            self._paragraphs(middle, theme, per_mention)
            items = [
                self._draw(("{action} {how}", "{action} {when}"), theme)
                for _ in range(self._random.randint(3, 4))
            ]
            self._add(
                "<ul>\n" + "\n".join(f"<li>{self._final(item)}</li>" for item in items) + "\n</ul>", items
            )
        self._paragraphs(until, theme, per_mention)

    def _paragraphs(self, until: float, theme: Theme, per_mention: int, first: str | None = None) -> None:
        """Paragraphs of three to five sentences up to about `until` words in all; at least one sentence."""
        sentences = [first] if first else []
        length = sum(self._words(sentence) for sentence in sentences)
        limit = self._random.randint(3, 5)
        while not sentences or self._count + length < until - _SENTENCE / 2:
            if len(sentences) == limit:
                self._paragraph(sentences)
                sentences, length, limit = [], 0, self._random.randint(3, 5)
                continue
            sentences.append(self._sentence(theme, per_mention))
            length += self._words(sentences[-1])
        self._paragraph(sentences)

    def _sentence(self, theme: Theme, per_mention: int) -> str:
        """A sentence with keywords still to be named, as long as there are any, else with one now and then."""
        if self._pending:
            mentioned, self._pending = self._pending[:per_mention], self._pending[per_mention:]
            if len(mentioned) > 1:
                return self._draw(phrases.LIST_FRAMES, theme, mentioned)
            return self._draw(phrases.KEYWORD_FRAMES, theme, mentioned)
        named = self._random.random() < 0.28
        return self._draw(phrases.KEYWORD_FRAMES if named else phrases.FRAMES, theme)

    def _questions(self, number: int, per_mention: int) -> None:
        themes = self._random.sample(list(THEMES.values()), len(THEMES))
        self._heading(2, phrases.FAQ_HEADINGS, themes[0])
        total = self._input.word_count
        start = self._count
        for question in range(number):
            theme = themes[question % len(themes)]
            self._heading(3, phrases.QUESTIONS, theme)
            if question < number - 1:
                self._paragraphs(start + (total - start) * (question + 1) / number, theme, per_mention)
                continue
            answer: list[str] = []
            while self._pending or not answer:
                answer.append(self._sentence(theme, max(per_mention, len(self._pending))))
            self._paragraph(answer)
            self._fill_up(total, theme)

    def _fill_up(self, total: int, theme: Theme) -> None:
        """Closing sentences chosen by their length, so that the article ends where it should."""
        answer: list[str] = []
        missing = total - self._count
        while missing > 7:
            candidates = [self._draw(phrases.FRAMES, theme) for _ in range(12 if missing < 45 else 1)]
            lengths = {self._words(sentence): sentence for sentence in candidates}
            best = min(lengths, key=lambda length: (abs(missing - length), length))
            if best - missing > missing:  # better a little short than longer by more than what is missing
                break
            answer.append(lengths[best])
            missing -= best
            if len(answer) == 4:
                self._paragraph(answer)
                answer = []
        if answer:
            self._paragraph(answer)

    def _draw(self, frames: Sequence[str], theme: Theme, keywords: Sequence[str] = ()) -> str:
        return self._grammar.sentence(frames, theme, keywords)

    def _heading(self, level: int, frames: Sequence[str], theme: Theme) -> None:
        text = self._grammar.sentence(frames, theme, (), short=True)
        self._add(f"<h{level}>{self._grammar.spelled(text)}</h{level}>", [text])

    def _paragraph(self, sentences: list[str]) -> None:
        self._add(f"<p>{' '.join(self._final(sentence) for sentence in sentences)}</p>", sentences)

    def _final(self, sentence: str) -> str:
        return self._grammar.spelled(sentence) + "."

    def _add(self, block: str, texts: list[str]) -> None:
        self._html.append(block)
        self._count += sum(map(self._words, texts))

    def _words(self, text: str) -> int:
        return self._grammar.words(text)

    def _output(self) -> ContentOutput:
        title, primary = " ".join(self._input.title.split()), self._keywords[0]
        theme = THEMES["basics"]
        hint = self._grammar.plain(self._draw(phrases.KEYWORD_FRAMES, theme, [primary])) + "."
        return ContentOutput(
            title=title,
            html="\n".join(self._html),
            meta_title=_cut(title, 60),
            meta_description=_cut(f"{_capitalised(primary)}: {hint}", 158),
            excerpt=_cut(self._input.description.strip() or hint, 300),
            primary_keyword=primary,
            secondary_keywords=self._keywords[1:],
            tags=self._keywords[:8],
            categories=[_capitalised(primary)],
        )


class _Grammar:
    """Expands phrases; each pool is dealt like a deck of cards, so that nothing returns before the rest was used."""

    def __init__(self, random: randomness.Random, keywords: list[str]) -> None:
        self._random = random
        self._keywords = keywords
        self._decks: dict[int, list[str]] = {}
        self._nouns = [
            number for number, keyword in enumerate(keywords) if keyword.split()[0].lower() not in _ASKING
        ]
        self._lengths = {
            chr(_FIRST_PRIVATE + number): len(words(keyword)) + (0 if number in self._nouns else 3)
            for number, keyword in enumerate(keywords)
        }

    def sentence(
        self, frames: Sequence[str], theme: Theme, keywords: Sequence[str], *, short: bool = False
    ) -> str:
        """One sentence without its full stop, keywords as private characters; `short` names noun-like keywords only."""
        markers = [chr(_FIRST_PRIVATE + self._keywords.index(keyword)) for keyword in keywords]
        text = self._expand(self._deal(frames), theme, markers, short)
        text = _ARTICLE.sub(r"\1n ", text)
        return _capitalised(text)

    def plain(self, sentence: str) -> str:
        """`sentence` with its keywords, as text."""
        return _capitalised(
            "".join(self._spoken(ord(c) - _FIRST_PRIVATE) if c in self._lengths else c for c in sentence)
        )

    def spelled(self, sentence: str) -> str:
        """`sentence` with its keywords, as HTML."""
        return html.escape(self.plain(sentence), quote=False)

    def words(self, sentence: str) -> int:
        """The number of words of `sentence` with its keywords."""
        inner = sum(self._lengths.get(character, 0) for character in sentence)
        bare = "".join(" " if character in self._lengths else character for character in sentence)
        return inner + len(bare.replace("/", " ").split()) - sum(bare.count(sign) for sign in (" : ", " , "))

    def _spoken(self, number: int) -> str:
        """A keyword in a sentence: one that is itself a question cannot stand as a noun and is quoted."""
        if number in self._nouns:
            return self._keywords[number]
        return f'the {self._deal(phrases.FREQUENT)} {self._deal(phrases.QUERY)} "{self._keywords[number]}"'

    def _expand(self, text: str, theme: Theme, markers: list[str], short: bool) -> str:
        def fill(slot: re.Match[str]) -> str:
            name: str = slot[1]
            if name == "kw":
                return markers[0] if markers else self._keyword(short)
            if name == "kws":
                # A verb before each keyword keeps two keywords from making a fixed run of words together.
                pairs = [f"{self._deal(phrases.POOLS['verb'])} {marker}" for marker in markers]
                return ", ".join(pairs[:-1]) + " and " + pairs[-1]
            if "|" in name:
                return self._random.choice(name.split("|"))
            pool: Sequence[str] = phrases.POOLS.get(name) or getattr(theme, f"{name}s")
            return self._expand(self._deal(pool), theme, markers, short)

        return _SLOT.sub(fill, text)

    def _keyword(self, short: bool) -> str:
        """The primary keyword every third time, else any."""
        choices = self._nouns if short else range(len(self._keywords))
        if not choices:
            return self._random.choice(("this subject", "this topic", "the matter"))
        number = choices[0] if self._random.random() < 0.33 else self._random.choice(choices)
        return chr(_FIRST_PRIVATE + number)

    def _deal(self, pool: Sequence[str]) -> str:
        deck = self._decks.get(id(pool))
        if not deck:
            deck = self._decks[id(pool)] = self._random.sample(pool, len(pool))
        return deck.pop()


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cut(text: str, length: int) -> str:
    """At most `length` characters, ending with a whole word."""
    if len(text) <= length:
        return text
    return text[: length - 1].rsplit(" ", 1)[0].rstrip(" ,:;.") + "…"
