"""Slugs: how titles and terms are named in addresses."""

import re
import unicodedata

_LONGEST = 120
"""WordPress keeps 200 characters, and writes each byte beyond ASCII as three; most scripts fit so."""


def slug_of(text: str) -> str:
    """Letters and digits of any script in lower case with dashes between; Latin letters lose their accents."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(character)
    )
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", plain)).strip("-")
    return words[:_LONGEST].rstrip("-") or "untitled"
