"""Randomness that depends on nothing but stable input, so that runs on any machine compare."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence


def seeded(*parts: str | int | Sequence[str]) -> random.Random:
    """A generator seeded by `parts`; Python's own hash differs between processes."""
    return random.Random(int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:16]))
