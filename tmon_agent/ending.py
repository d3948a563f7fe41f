"""When an agent is to end: a signal where it was started by hand; the end of standard input where a program started it.

The program holds the other end of that pipe, and nobody else: it is closed when the program asks, dies, or becomes another by
execv. Signals to a whole group (Ctrl-C, a service manager that stops) then are the program's to heed: it still has something to
tell.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tmon_common.restart import CONTROL_SIGNALS, STOP_SIGNALS


def end_of(*, lifeline: bool) -> asyncio.Event:
    """Set when the agent is to end. In the main thread, within its event loop."""
    end, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in CONTROL_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if not lifeline:
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, end.set)
        return end
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            end.set()

    loop.add_reader(descriptor, readable)
    return end
