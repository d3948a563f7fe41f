"""What an agent takes over from the program that starts it, and should not: its CPU, its urgency, signals it has blocked."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

NICENESS = 10
"""Who asks can wait; packets cannot."""


def settle() -> None:
    """Of this process."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    with suppress(OSError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
