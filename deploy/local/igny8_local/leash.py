"""A child process that ends when its parent does, however the parent ended, and takes along what it started."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def leash(sent: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the signal to the child when the thread that started it ends.

    So children are started from the main thread only. Where the system has no such call (macOS), the next
    start ends what is left over from the pids on file.
    """
    parent = os.getpid()
    return lambda: tie(sent, parent)


def tie(sent: signal.Signals, parent: int | None = None) -> None:
    """The same for this very process; it ends at once where its parent is another one than expected."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(sent))
        if parent is not None and os.getppid() != parent:
            os._exit(1)


def end_on_term_as_on_interrupt() -> None:
    """From now on SIGTERM is a KeyboardInterrupt: what was entered is left, so no stack stays behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
