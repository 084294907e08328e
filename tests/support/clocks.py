"""Processes whose clock is wrong: libfaketime moves what they read as the time of day, and nothing else."""

from pathlib import Path


def moved(seconds: float) -> dict[str, str]:
    """The environment of a process whose clock is ahead by so many seconds; what only ever counts on stays as it is."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds:+g}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
