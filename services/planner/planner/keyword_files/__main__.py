"""`python -m planner.keyword_files FILE`: exit code 1, and the reason on standard error, for a file that would be refused."""

import sys
from pathlib import Path

from planner.keyword_files import KeywordFileRefused, read_keywords


def main(path: str) -> None:
    try:
        read_keywords(Path(path))
    except KeywordFileRefused as refused:
        raise SystemExit(str(refused)) from refused


if __name__ == "__main__":
    main(*sys.argv[1:])
