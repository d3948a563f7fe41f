"""The replay window: which counters of a sender have been seen (RFC 4303 section 3.4.3)."""

from __future__ import annotations

WIDTH = 1024
"""Counters so far below the highest one are taken for seen: more than any network reorders."""
_MASK = (1 << WIDTH) - 1


class ReplayWindow:
    """highest: largest counter seen, -1 for none. Given at construction, everything up to it counts as seen."""

    def __init__(self, highest: int = -1) -> None:
        self.highest = highest
        self._seen = _MASK  # bit n: highest - n was seen

    def fresh(self, counter: int) -> bool:
        """Whether this counter has not been seen; it is not remembered by asking."""
        below = self.highest - counter
        return below < 0 or (below < WIDTH and not self._seen >> below & 1)

    def take(self, counter: int) -> None:
        """A datagram with this counter has proved to be genuine."""
        ahead = counter - self.highest
        if ahead > 0:
            self._seen = (self._seen << ahead & _MASK | 1) if ahead < WIDTH else 1
            self.highest = counter
        elif -ahead < WIDTH:
            self._seen |= 1 << -ahead
