"""Memory of processes as their proportional set size: pages that several share count once."""

from collections.abc import Mapping
from contextlib import suppress

import psutil
from igny8_local.stack import Stack

MEGABYTE = 1024 * 1024


def of(pid: int) -> float:
    """Of a process and everything below it, in MB."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total / MEGABYTE


def of_services(stack: Stack) -> dict[str, float]:
    """Of each service of a running stack, in MB."""
    return {each.name: of(each.pid) for each in stack.services() if each.pid is not None}


def listed(sizes: Mapping[str, float]) -> str:
    """As a note of a figure."""
    return ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
