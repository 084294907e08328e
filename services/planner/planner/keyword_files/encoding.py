"""Which encoding a text file has: byte-order mark, UTF-16 without one, UTF-8, else an 8-bit or Asian code page."""

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from planner.keyword_files.model import KeywordFileRefused, RefusalCode

_BLOCK = 1024 * 1024
_SAMPLE = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What spreadsheets still write, the likelier first where the sample does not decide.
_CODE_PAGES = ["cp1252", "gb18030", "cp932", "big5", "cp949", "cp1251", "cp1250", "cp1253", "cp1254"]
_TYPOGRAPHY = "“”‘’„‚–—…€£©®°½¼¾²³·«»•™§´¨ªº¿¡×\xa0"


@dataclass(frozen=True, slots=True)
class Decoding:
    encoding: str
    warnings: tuple[str, ...] = ()


def detect_encoding(path: Path, name: str) -> Decoding:
    """The encoding in which the whole file decodes, so that no pass over it fails half-way.

    Raises `KeywordFileRefused` `BINARY` or `UNDECODABLE`.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    encoding = marked or _utf16_without_mark(head) or "utf-8"
    bad_at = _first_undecodable(path, encoding)
    if bad_at is None:
        if _share_of_controls(head.decode(encoding, "ignore")) > 0.3:
            raise _binary(name)
        return Decoding(encoding)
    if encoding != "utf-8":
        raise KeywordFileRefused(
            RefusalCode.UNDECODABLE,
            f"{name} begins like {encoding.upper()}, but near byte {bad_at:,} it cannot be read as such. It is cut "
            "off or damaged: export it again, as CSV in UTF-8.",
            {"encoding": encoding, "byte": bad_at},
        )
    if b"\0" in head:
        raise _binary(name)
    return _code_page(path, name, bad_at)


def _utf16_without_mark(head: bytes) -> str | None:
    """Headers are mostly Latin letters, which in UTF-16 have a zero byte each, always on the same side.

    The rows below them may hold letters with a zero byte on the other side (U+0100 and others), a preamble above them
    letters of another script.
    """
    for start in (head[:32], head[:256]):
        pairs = len(start) // 2
        left, right = start[0::2].count(0), start[1::2].count(0)
        if pairs >= 4 and right >= 0.3 * pairs and left <= 0.05 * pairs:
            return "utf-16-le"
        if pairs >= 4 and left >= 0.3 * pairs and right <= 0.05 * pairs:
            return "utf-16-be"
    return None


def _first_undecodable(path: Path, encoding: str) -> int | None:
    """Roughly the byte at which decoding fails, None where it does not."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return offset + error.start
            offset += len(block)
            if not block:
                return None


def _code_page(path: Path, name: str, bad_at: int) -> Decoding:
    with path.open("rb") as file:
        file.seek(max(0, bad_at - _SAMPLE // 4))
        sample = file.read(_SAMPLE)
    sample = sample[: sample.rfind(b"\n") + 1] or sample  # no character cut in two at its end
    for encoding in _guesses(sample):
        if (
            _first_undecodable(path, encoding) is None
            and _share_of_controls(sample.decode(encoding, "ignore")) <= 0.02
        ):
            warning = f"the file is not Unicode; it was read as {encoding}: if letters look wrong, save it as CSV UTF-8"
            return Decoding(encoding, (warning,))
    raise KeywordFileRefused(
        RefusalCode.UNDECODABLE,
        f"{name} is neither UTF-8 nor UTF-16 nor a code page we know (first unreadable byte near {bad_at:,}). "
        "Save it as CSV UTF-8 and import it again.",
        {"byte": bad_at},
    )


def _guesses(sample: bytes) -> list[str]:
    """Code pages to try. Western first where the text reads as Western: detection prefers Central Europe there."""
    if _reads_as_western(sample.decode("cp1252", "replace")):
        return ["cp1252"]
    # Only the words in question: beside plain English the language of the few others would not count.
    words = (word for word in re.split(rb"[\s,;|]+", sample) if not word.isascii())
    matches = list(from_bytes(b" ".join(words), cp_isolation=_CODE_PAGES))
    matches.sort(key=lambda match: (match.chaos, -match.coherence, _CODE_PAGES.index(match.encoding)))
    return [match.encoding for match in matches]


def _reads_as_western(text: str) -> bool:
    """Whether accented letters stand among plain ones, as in French or German, and are not whole words."""
    kinds: Counter[str] = Counter()
    for word in text.split():
        if word.isascii():
            continue
        core = word.strip(_TYPOGRAPHY + ",;|\"'()")
        for character in core:
            if character.isascii():
                kinds["plain"] += character.isalpha()
            elif (character.isalpha() and character not in "ªº") or character in "’–—":
                kinds["accented"] += 1
            else:
                kinds["odd"] += 1
    return kinds["odd"] == 0 and kinds["accented"] <= kinds["plain"]


def _share_of_controls(text: str) -> float:
    counts = Counter(character in "\t\r\n\f" or unicodedata.category(character) != "Cc" for character in text)
    return counts[False] / max(1, counts.total())


def _binary(name: str) -> KeywordFileRefused:
    return KeywordFileRefused(
        RefusalCode.BINARY,
        f"{name} is not a text file and not an XLSX workbook. Export the keywords as CSV or XLSX and import that.",
    )
