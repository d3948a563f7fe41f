"""Sequence numbers of an exporter: what it sent and did not arrive."""

from __future__ import annotations

MODULUS = 1 << 32
MAX_GAP = 1 << 24
"""A larger step ahead is a new start, not a loss."""
MAX_LATE = 1 << 14
"""A step back by at most this is a datagram that others have overtaken; a larger one a new start."""


class Sequence:
    """lost: units (flows of v5, datagrams of v9, data records of IPFIX) that did not come, those that came late taken off."""

    def __init__(self) -> None:
        self.lost = self.late = self.restarts = 0
        self._expected: int | None = None

    def came(self, number: int, count: int | None) -> int:
        """A datagram came that holds `count` units from `number` on; None: it is not known how many. Gives what is lost since the
        last one; negative: so many thought lost came after all."""
        expected = self._expected
        following = None if count is None else (number + count) % MODULUS
        ahead = 0 if expected is None else (number - expected) % MODULUS
        if ahead >= MODULUS - MAX_LATE:
            self.late += 1
            back = min(count or 0, self.lost)
            self.lost -= back
            return -back
        self._expected = following
        if ahead > MAX_GAP:
            self.restarts += 1
            return 0
        self.lost += ahead
        return ahead
