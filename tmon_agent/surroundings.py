"""What an agent takes over from the program that starts it, and should not: its CPU, its urgency, signals it has blocked, its
privileges."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from tmon_probe.privileges import capabilities

NICENESS = 10
"""Who asks can wait; packets cannot."""


def settle() -> None:
    """Of this process."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    with suppress(OSError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def give_up_privileges() -> None:
    """All of them, for ever, also those of root: somebody on the network talks to this process. Before there are threads."""
    capabilities.keep(())
