"""The gateway's signing keys; `python -m gateway.keys rotate [SECONDS]` adds one that signs in so many seconds (600)."""

import sys
import time
from pathlib import Path

from common.auth.signing_keys import LEAD_SECONDS, Clock, WatchedKeys, rotate_keys
from common.settings import Settings


def load_keys(directory: Path, clock: Clock = time.time) -> WatchedKeys:
    """The keys of a directory, the first one made where there is none; writes `jwks.json` beside them."""
    return WatchedKeys(directory, clock)


def main(arguments: list[str]) -> None:
    if arguments[:1] != ["rotate"] or len(arguments) > 2:
        raise SystemExit("usage: python -m gateway.keys rotate [SECONDS]")
    lead = float(arguments[1]) if len(arguments) == 2 else LEAD_SECONDS
    key = rotate_keys(Settings().token_keys, time.time(), lead)
    sys.stdout.write(f"Key {key.kid} is published and signs in {lead:.0f} s.\n")


if __name__ == "__main__":
    main(sys.argv[1:])
