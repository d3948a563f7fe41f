"""What a program tells the service manager that started it: that it is ready, what it does, that it still gets on (sd_notify(3)).

Without a service manager (no NOTIFY_SOCKET) nothing happens. That nobody listens is never an error.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

MAX_STATUS_CHARACTERS = 200
STEP_S = 180
"""A step of a start or an end takes at most so long: kernels may have to be compiled on a slow machine."""


def ready(status: str = "") -> None:
    """The program is at work."""
    notify(READY=1, **({"STATUS": status} if status else {}))


def step(what: str) -> None:
    """The start has come so far; now comes `what`. The watchdog is told as well: after a switch of the configuration it is at work
    while the program starts anew."""
    notify(STATUS=what, EXTEND_TIMEOUT_USEC=STEP_S * 1_000_000, WATCHDOG=1)


def reloading(status: str) -> None:
    """The program goes on, but starts anew: until it is `ready` again."""
    notify(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000, STATUS=status)


def stopping(reason: str) -> None:
    """It ends in order."""
    notify(STOPPING=1, STATUS=f"stopping: {reason}")


def notify(**fields: int | str) -> None:
    """Fields of sd_notify(3): READY, STATUS, STOPPING, WATCHDOG, EXTEND_TIMEOUT_USEC ... Each on one line."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    text = "\n".join(f"{name}={' '.join(str(value).split())[:MAX_STATUS_CHARACTERS]}" for name, value in fields.items())
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.setblocking(False)
        manager.sendto(text.encode(), address)


def watchdog_period_ns() -> int | None:
    """Within this time it wants to hear of progress, or it ends the program; None: it does not watch this process."""
    pid, period_us = os.environ.get("WATCHDOG_PID", ""), os.environ.get("WATCHDOG_USEC", "")
    if not period_us.isdecimal() or int(period_us) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(period_us) * 1000


class Watchdog:
    """Tells of progress, real progress only: an engine that is asked with the time, and with numbers that grow while all goes well.

    period_ns   of the service manager (`watchdog_period_ns`); None: nothing is ever told
    """

    SHARE = 4
    """It is told so many times a period, so that one look that comes late does no harm."""

    def __init__(self, period_ns: int | None) -> None:
        self._every_ns = period_ns and period_ns // self.SHARE
        self._next_ns = 0
        self._told: tuple[int, ...] = ()

    def wait_ns(self, now_ns: int) -> int | None:
        """How long until it is to be told; None: never."""
        return None if self._every_ns is None else max(self._next_ns - now_ns, 0)

    def progress(self, now_ns: int, *numbers: int) -> None:
        """now_ns: monotonic. To be called often; WATCHDOG=1 is sent when it is time and every number has moved since the last."""
        if self.due(now_ns, *numbers):
            notify(WATCHDOG=1)

    def due(self, now_ns: int, *numbers: int) -> bool:
        """Whether it is to be told now; it counts as told then."""
        if self._every_ns is None or now_ns < self._next_ns:
            return False
        if len(numbers) == len(self._told) and any(new == old for new, old in zip(numbers, self._told, strict=True)):
            return False
        self._next_ns, self._told = now_ns + self._every_ns, numbers
        return True
