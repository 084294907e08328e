"""The value of one cell: numbers, ranges, prices and intents as the tools and people write them.

Every function answers None (or nothing) for an unknown value and raises `BadCell` for one that makes no sense.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from planner.keyword_files.model import Intent

MAX_VOLUME = 2**31 - 1  # what a PostgreSQL integer holds; the largest real volumes are about 1e9

_UNKNOWN = {
    *("", "-", "--", "–", "—", "?", "n/a", "na", "#n/a", "n.a.", "k. a.", "k.a."),
    *("null", "none", "nan", "unknown"),
}
_CURRENCIES = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "RM": "MYR", "¥": "JPY", "₹": "INR"}
_SCALES = {
    "": 1,
    "k": 1_000,
    "tsd": 1_000,
    "tsd.": 1_000,
    "m": 1_000_000,
    "mio": 1_000_000,
    "mio.": 1_000_000,
    "b": 1_000_000_000,
}
_NUMBER = re.compile(r"([0-9][0-9.,'’]{0,29})(k|tsd\.?|mio\.?|m|b)?", re.IGNORECASE)
_GROUPS_BY_EITHER = re.compile(r"[1-9][0-9]{0,2}(?:([.,])[0-9]{3})(?:\1[0-9]{3})*")
_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_RANGE = re.compile(r"(.*?[0-9].*?)\s*(?:[-–—‑]|\bto\b|\bbis\b)\s*(.*[0-9].*)", re.IGNORECASE)
_PRICE = re.compile(r"([^0-9.,\s-]{0,4})\s*([0-9.,'’ ]+?)\s*([^0-9.,\s-]{0,4})")


class BadCell(ValueError):
    """The cell's value makes no sense in its column; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Volume:
    """Searches a month; `low` and `high` only where a range or a bound was given, `value` is then estimated."""

    value: int | None = None
    low: int | None = None
    high: int | None = None
    estimated: bool = False


def is_unknown(text: str) -> bool:
    return text.strip().casefold() in _UNKNOWN


def _number(text: str, *, decimal_comma: bool, whole: bool) -> Decimal:
    """One number with groups and suffix. `whole` numbers take either separator before three digits as a group."""
    if text.isascii() and text.isdigit() and len(text) <= 30:
        return Decimal(text)
    compact = "".join(unicodedata.normalize("NFKC", text).split())
    match = _NUMBER.fullmatch(compact)
    if match is None:
        raise BadCell(f"{text.strip()[:40]!r} is not a number")
    digits, suffix = match[1].replace("'", "").replace("’", ""), (match[2] or "").casefold()
    if whole and not suffix and _GROUPS_BY_EITHER.fullmatch(digits):
        digits = digits.replace(",", "").replace(".", "")
    else:
        digits = _with_decimal_point(digits, decimal_comma=decimal_comma)
    if _DECIMAL.fullmatch(digits) is None:
        raise BadCell(f"{text.strip()[:40]!r} is not a number")
    return Decimal(digits) * _SCALES[suffix]


def _with_decimal_point(digits: str, *, decimal_comma: bool) -> str:
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:  # the last one is the decimal sign
        group, decimal = (".", ",") if comma > point else (",", ".")
    elif _GROUPS_BY_EITHER.fullmatch(
        digits
    ):  # "1,300" and "1.300" are what the file's language makes of them
        sign = "," if comma >= 0 else "."
        is_group = digits.count(sign) > 1 or (sign == ",") != decimal_comma
        group, decimal = (sign, "") if is_group else ("", sign)
    else:  # "8,50", "85.18", "0.123": no groups, whatever the sign is
        group, decimal = ("", ",") if comma >= 0 else ("", ".")
    if group:
        digits = digits.replace(group, "")
    return digits.replace(decimal, ".") if decimal else digits


def _rounded(number: Decimal) -> int:
    return int(number.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _searches(text: str) -> int:
    searches = _rounded(_number(text, decimal_comma=False, whole=True))
    if searches > MAX_VOLUME:
        raise BadCell(f"more than {MAX_VOLUME:,} searches a month")
    return searches


def volume(text: str) -> Volume:
    """Searches a month: `1,300`, `1.3K`, `1K – 10K`, `<10`, `100+`.

    A range is estimated by its geometric middle, since volumes spread over orders of magnitude; a lower end of
    0 counts as 1 there.
    """
    text = text.strip()
    if is_unknown(text):
        return Volume()
    if bounds := _RANGE.fullmatch(text):
        low, high = _searches(bounds[1]), _searches(bounds[2])
        if low > high:
            raise BadCell("the range begins above its end")
        return Volume(_geometric_middle(low, high), low, high, estimated=True)
    if text[0] in "<≤":
        high = _searches(text.lstrip("<≤= "))
        return Volume(_geometric_middle(0, high), 0, high, estimated=True)
    if text[0] in ">≥~≈" or text.endswith("+"):
        low = _searches(text.strip("<>≥~≈=+ "))
        return Volume(low, None if text[0] in "~≈" else low, None, estimated=True)
    return Volume(_searches(text))


def _geometric_middle(low: int, high: int) -> int:
    return _rounded((Decimal(max(low, 1)) * Decimal(high)).sqrt())


def difficulty(text: str, *, decimal_comma: bool) -> int | None:
    """Difficulty 0–100, rounded half up (`85.18` → 85, `62 %` → 62)."""
    if is_unknown(text):
        return None
    score = _number(text.strip().removesuffix("%"), decimal_comma=decimal_comma, whole=False)
    if score > 100:
        raise BadCell("difficulty goes from 0 to 100")
    return _rounded(score)


def price(text: str, *, decimal_comma: bool) -> tuple[str | None, str | None]:
    """Cost per click as a plain decimal, and the currency where the cell names one (`$2.50`, `8,50 €`)."""
    if is_unknown(text):
        return None, None
    match = _PRICE.fullmatch(unicodedata.normalize("NFC", text).strip())
    if match is None:
        raise BadCell(f"{text.strip()[:40]!r} is not a price")
    amount = _number(match[2], decimal_comma=decimal_comma, whole=False)
    if amount >= 1_000_000:
        raise BadCell("a click costs less than 1,000,000")
    return format(amount, "f"), currency(match[1]) or currency(match[3])


@lru_cache(maxsize=256)
def currency(text: str) -> str | None:
    """The ISO 4217 code of a sign or code, None when it is neither."""
    text = text.strip()
    if text.upper() in _CURRENCIES:
        return _CURRENCIES[text.upper()]
    return text.upper() if re.fullmatch("[A-Za-z]{3}", text) else None


# The numbers are the codes of the Semrush API.
_INTENT_CODES = {
    "0": Intent.COMMERCIAL,
    "1": Intent.INFORMATIONAL,
    "2": Intent.NAVIGATIONAL,
    "3": Intent.TRANSACTIONAL,
    "c": Intent.COMMERCIAL,
    "i": Intent.INFORMATIONAL,
    "n": Intent.NAVIGATIONAL,
    "t": Intent.TRANSACTIONAL,
}
_INTENT_STEMS = {
    "commerc": Intent.COMMERCIAL,
    "kommerz": Intent.COMMERCIAL,
    "info": Intent.INFORMATIONAL,
    "navig": Intent.NAVIGATIONAL,
    "trans": Intent.TRANSACTIONAL,
}
# Ahrefs lists these among the intents; they say something else.
_NOT_AN_INTENT = {"branded", "non-branded", "non branded", "unbranded", "local", "non-local", "mixed"}
_INTENT_SEPARATOR = re.compile(r"[,;/|&+\n]|\band\b|\bund\b")


@lru_cache(maxsize=1024)  # a file has a handful of them, 100,000 times
def intents(text: str) -> tuple[Intent, ...]:
    """The intents of a cell in their order, the first is the main one; labels that are no intent are left out."""
    if is_unknown(text):
        return ()
    labels = [label.strip() for label in _INTENT_SEPARATOR.split(text.casefold()) if label.strip()]
    found = [intent for label in labels if (intent := _intent(label)) is not None]
    if not found and not all(label in _NOT_AN_INTENT for label in labels):
        raise BadCell("expected informational, navigational, commercial or transactional")
    return tuple(dict.fromkeys(found))


def _intent(label: str) -> Intent | None:
    if label in _INTENT_CODES:
        return _INTENT_CODES[label]
    return next((intent for stem, intent in _INTENT_STEMS.items() if label.startswith(stem)), None)
