"""How many PDUs may be unacknowledged: what the configuration allows, less while PDUs get lost."""

from __future__ import annotations

INITIAL = 64  # a burst that the smallest usual socket buffers take
LEAST = 16


class Window:
    """Grows with each acknowledgement up to `limit`, halves when PDUs time out (RFC 5681 in short: slow start, then avoidance).

    Without it a burst that overflows the collector's socket buffer would be followed by others like it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = float(min(limit, INITIAL))
        self._threshold = float(limit)
        self._halve_after_ns = 0

    @property
    def size(self) -> int:
        """PDUs that may be in flight now."""
        return int(self._size)

    def acknowledged(self) -> None:
        """A PDU arrived."""
        self._size = min(self._limit, self._size + (1 if self._size < self._threshold else 1 / self._size))

    def timed_out(self, now_ns: int, timeout_ns: int) -> None:
        """A PDU did not. What times out together counts once."""
        if now_ns >= self._halve_after_ns:
            self._size = self._threshold = min(self._limit, max(LEAST, self._size / 2))
            self._halve_after_ns = now_ns + timeout_ns
