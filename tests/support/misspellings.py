"""200 labelled misspellings of real keywords: `python -m tests.support.misspellings` writes them.

Seeded, so that the file can be made again. A keyword of the samples is drawn, then one of its words of at least four
Latin letters, then a place in it, then a mistake: two letters swapped, one left out, one doubled, or one exchanged for
its neighbour on the keyboard; the four kinds take turns. What comes out is kept as it is, also where it is a word.
"""

import csv
import io
import random
import re
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
FILE = Path(__file__).with_suffix(".csv")
BY_HAND = ROOT / "tests" / "support" / "human_misspellings.csv"
HEAD = ("typed", "meant", "mistake")
SEED = 20_261_121
HOW_MANY = 200
SHORTEST = 4

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _beside(letter: str) -> str:
    for row in _ROWS:
        if letter in row:
            at = row.index(letter)
            return row[max(at - 1, 0) : at] + row[at + 1 : at + 2]
    raise ValueError(letter)


def _swapped(word: str, chance: random.Random) -> str:
    places = [at for at in range(len(word) - 1) if word[at] != word[at + 1]]
    at = chance.choice(places)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _left_out(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    return word[:at] + word[at + 1 :]


def _doubled(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    return word[:at] + word[at] + word[at:]


def _neighbour(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    return word[:at] + chance.choice(_beside(word[at].lower())) + word[at + 1 :]


MISTAKES: dict[str, Callable[[str, random.Random], str]] = {
    "transposition": _swapped,
    "omission": _left_out,
    "doubled letter": _doubled,
    "neighbouring key": _neighbour,
}


def keywords() -> list[str]:
    """The keywords of the samples, each once, in their order; notes below a table are none."""
    found = [
        *_column("equipment-finance.csv", "utf-8", ",", 1),
        *_column("marketing-agency.csv", "utf-8-sig", ",", 1),
        *_column("equipment-finance-keyword-planner.csv", "utf-16", "\t", 3),
    ]
    return list(dict.fromkeys(found))


def _column(name: str, encoding: str, delimiter: str, head: int) -> Iterator[str]:
    text = (SAMPLES / name).read_text(encoding)
    for row in list(csv.reader(io.StringIO(text), delimiter=delimiter))[head:]:
        if len(row) > 1 and row[0].strip() and row[1].strip():
            yield row[0].strip()


def misspellings() -> list[tuple[str, str, str]]:
    """What was typed, the keyword that was meant, the mistake; no two alike."""
    chance = random.Random(SEED)
    known = keywords()
    mistakes = cycle(MISTAKES.items())
    made: list[tuple[str, str, str]] = []
    while len(made) < HOW_MANY:
        meant = chance.choice(known)
        words = list(re.finditer(rf"[A-Za-z]{{{SHORTEST},}}", meant))
        if not words:
            continue
        word = chance.choice(words)
        name, mistaken = next(mistakes)
        typed = meant[: word.start()] + mistaken(word.group(), chance) + meant[word.end() :]
        if typed != meant and all(typed != other for other, _, _ in made):
            made.append((typed, meant, name))
    return made


def labelled() -> list[tuple[str, str, str]]:
    """As the file has them."""
    with FILE.open(newline="") as file:
        return [(typed, meant, mistake) for typed, meant, mistake in list(csv.reader(file))[1:]]


def by_hand() -> list[tuple[str, str]]:
    """Words as people misspell them in English, and the right ones: written down from memory, before anything was searched."""
    with BY_HAND.open(newline="") as file:
        return [(typed, meant) for typed, meant in list(csv.reader(file))[1:]]


def main() -> None:
    with FILE.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEAD, *misspellings()])


if __name__ == "__main__":
    main()
