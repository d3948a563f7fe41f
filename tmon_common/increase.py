"""What grows and is worth a line in the log, but not a line each time."""

from __future__ import annotations

from tmon_common.clock import Clock

EVERY_NS = 60_000_000_000


class Increase:
    """Of a counter: `told(value)` gives how much it grew since it last gave something, at most once a minute; else 0."""

    def __init__(self, clock: Clock, every_ns: int = EVERY_NS) -> None:
        self._clock, self._every_ns = clock, every_ns
        self._value = 0
        self._next_ns: int | None = None

    def told(self, value: int) -> int:
        if value < self._value:  # a counter that started again
            self._value = 0
        grown = value - self._value
        now_ns = self._clock.monotonic_ns()
        if not grown or (self._next_ns is not None and now_ns < self._next_ns):
            return 0
        self._value, self._next_ns = value, now_ns + self._every_ns
        return grown
