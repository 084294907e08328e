"""Slugs: what names become in addresses."""

import re
import unicodedata

from common.api.errors import validation

LONGEST = 60


def slug_of(name: str) -> str:
    """`Müller & Söhne` → `muller-sohne`; a name without any Latin letter or digit gives `x`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST].rstrip("-") or "x"


def given_slug(text: str) -> str:
    """A slug somebody chose; raises 400 when it is none."""
    if len(text) > LONGEST or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
        raise validation("slug", f"use lower-case letters, digits and single dashes, at most {LONGEST}")
    return text
