"""How fast one may ask: a token bucket (as in RFC 2697, in one colour). No clock inside: the time is passed in."""

from __future__ import annotations


class TokenBucket:
    """At most rate * T + burst within any stretch of T seconds."""

    def __init__(self, rate: float, burst: float = 1.0) -> None:
        self._interval = 1 / rate
        self._credit = (max(burst, 1.0) - 1) * self._interval
        self._next: float | None = None

    def reserve(self, now: float) -> float:
        """Take one token; gives how long to wait before using it, s. Times are of any clock that does not go back."""
        earliest = now - self._credit
        self._next = earliest if self._next is None else max(self._next, earliest)
        delay = max(0.0, self._next - now)
        self._next += self._interval
        return delay
