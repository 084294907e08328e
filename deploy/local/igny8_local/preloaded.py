"""Loaded by the process that services are forked from (`forked.py`): what each of them would load by itself."""

import gc
import os
import signal

import common.service  # noqa: F401 - for the forks
from setproctitle import setproctitle

from igny8_local.leash import tie

PROCESS = os.getpid()

setproctitle("igny8 libraries")
tie(signal.SIGTERM)
gc.collect()
gc.freeze()  # a collection that looked at these objects in a fork would copy their pages
