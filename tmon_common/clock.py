"""Time, handed in: the system's for programs, a settable one for tests and replays."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Both in ns. wall_ns: since 1970-01-01 UTC, may step; monotonic_ns: from an arbitrary origin, never goes back."""

    def wall_ns(self) -> int: ...

    def monotonic_ns(self) -> int: ...


class SystemClock:
    """The clocks of the operating system."""

    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


class FakeClock:
    """Stands still until it is told otherwise."""

    def __init__(self, wall_ns: int = 1_700_000_000_000_000_000, monotonic_ns: int = 0) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns

    def wall_ns(self) -> int:
        return self._wall_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def advance(self, by_ns: int) -> None:
        """Time passes, on both clocks."""
        if by_ns < 0:
            msg = "time does not go back; use step()"
            raise ValueError(msg)
        self._wall_ns += by_ns
        self._monotonic_ns += by_ns

    def step(self, by_ns: int) -> None:
        """Somebody sets the wall clock; the monotonic one does not notice."""
        self._wall_ns += by_ns
