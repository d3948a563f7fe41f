"""When a program that keeps ending by itself is started again: after pauses that grow, until it stays."""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 1_000_000_000
FIRST_PAUSE_NS, LONGEST_PAUSE_NS = SECOND, 60 * SECOND
STEADY_NS = 10 * SECOND
"""A program that has run for so long is back; the pauses begin anew once it ran as long as the longest of them."""


@dataclass
class Revival:
    """An engine: times are monotonic ns. failures: how often it ended by itself, in all.

    due_ns      when it is to be started; None while it runs
    """

    failures: int = 0
    due_ns: int | None = None
    _pause_ns: int = FIRST_PAUSE_NS
    _started_ns: int = 0
    _missed: bool = False

    def started(self, now_ns: int) -> None:
        self.due_ns, self._started_ns = None, now_ns

    def ended(self, now_ns: int) -> int:
        """By itself. How long is waited, ns."""
        self.failures += 1
        self._missed = True
        if now_ns - self._started_ns >= LONGEST_PAUSE_NS:
            self._pause_ns = FIRST_PAUSE_NS
        pause, self._pause_ns = self._pause_ns, min(2 * self._pause_ns, LONGEST_PAUSE_NS)
        self.due_ns = now_ns + pause
        return pause

    def back(self, now_ns: int) -> bool:
        """Whether it has just proved to be steady after a failure; true once."""
        if not self._missed or self.due_ns is not None or now_ns - self._started_ns < STEADY_NS:
            return False
        self._missed = False
        return True
