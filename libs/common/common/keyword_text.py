"""The text of a keyword, and the key under which it is unique."""

import unicodedata

MAX_LENGTH = 255  # a longer search is a pasted paragraph, or rows glued together by a stray quote

# Zero-width space, word joiner and byte-order mark are invisible and would make unseen twins. The joiners
# U+200C and U+200D stay: they carry meaning in Persian, in Hindi and in emoji.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))


class UnusableText(ValueError):
    """The text cannot be a keyword; the message says why."""


def clean(text: str) -> str:
    """The keyword as it is shown: NFC, trimmed, runs of spacing as one space, its case kept.

    Raises `UnusableText` when it is empty, longer than `MAX_LENGTH` characters or holds control characters.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
    if not text.isprintable():
        for character in text:
            if character not in "\t\r\n" and unicodedata.category(character) in ("Cc", "Cs"):
                raise UnusableText(
                    f"the keyword holds the control character U+{ord(character):04X}: remove it"
                )
    text = " ".join(text.split())
    if not text:
        raise UnusableText("the keyword is empty")
    if len(text) > MAX_LENGTH:
        raise UnusableText(f"the keyword has {len(text)} characters, at most {MAX_LENGTH} are allowed")
    return text


def normalise(keyword: str) -> str:
    """The key that makes a keyword unique in its sector: caseless, NFC, trimmed, single spaces.

    Caseless matching after the Unicode Standard, section 3.13, D145. May be longer than the keyword itself.
    """
    if keyword.isascii():
        return " ".join(keyword.lower().split())
    text = keyword.translate(_INVISIBLE)
    for _ in range(2):  # the mapping of U+0345 is only settled after a second round, as D145 says
        text = unicodedata.normalize("NFD", text).casefold()
    return " ".join(unicodedata.normalize("NFC", text).split())
