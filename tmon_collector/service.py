"""What the service manager hears of a program that collects (sd_notify(3)): that it listens, what it does, and that its loop goes
round."""

from __future__ import annotations

from collections.abc import Callable

from tmon_common.clock import Clock
from tmon_common.config.model import SECOND
from tmon_common.service_manager import Watchdog, notify, watchdog_period_ns

STATUS_EVERY_NS = 5 * SECOND
LONGEST_WAIT_NS = 60 * SECOND


class Service:
    """status: a sentence of what it does; told when it has changed."""

    def __init__(self, clock: Clock, status: Callable[[], str]) -> None:
        self._clock, self._status = clock, status
        self._watchdog = Watchdog(watchdog_period_ns())
        self._rounds, self._told = 0, ""
        self._status_ns = clock.monotonic_ns() + STATUS_EVERY_NS

    def look(self) -> None:
        """The loop has gone round."""
        self._rounds += 1
        now_ns = self._clock.monotonic_ns()
        self._watchdog.progress(now_ns, self._rounds)
        if now_ns >= self._status_ns:
            self._status_ns = now_ns + STATUS_EVERY_NS
            if (status := self._status()) != self._told:
                self._told = status
                notify(STATUS=status)

    def wait_ns(self) -> int:
        """How long the loop may stand still."""
        wait_ns = self._watchdog.wait_ns(self._clock.monotonic_ns())
        return LONGEST_WAIT_NS if wait_ns is None else wait_ns
