"""Sequence numbers of an exporter: what it sent and did not arrive."""

from __future__ import annotations

MODULUS = 1 << 32
MAX_GAP = 1 << 24
"""A larger step ahead is a new start, not a loss."""
MAX_LATE = 1 << 14
"""A step back by at most this is a datagram that others have overtaken; a larger one a new start."""


class Sequence:
    """Numbers of one session, whose unit is a flow (v5), a datagram (v9), a data record (IPFIX).

    A number should be that of the first unit in its datagram (RFC 7011 section 3.1: what was sent before). Some exporters
    (softflowd 1.1 with IPFIX) tell what was sent up to and including the datagram, records of options left out: which way it is
    shows where one of both fits and the other does not.

    lost: units that did not come, those that came late taken off
    """

    def __init__(self) -> None:
        self.lost = self.late = self.restarts = 0
        self._number: int | None = None
        self._expected: int | None = None  # the first way; None: not known
        self._second = 0  # how often the second way was right and the first was not, less the contrary

    def came(self, number: int, count: int | None, flows: int | None = None) -> int:
        """A datagram came that holds `count` units, `flows` of them no options; None: it is not known how many. Gives what is lost
        since the last one; negative: so many thought lost came after all."""
        ahead = 0 if self._expected is None else (number - self._expected) % MODULUS
        if self._number is not None and flows is not None and self._expected is not None:
            second = (number - self._number - flows) % MODULUS
            self._second += (second == 0) - (ahead == 0)
            if self._second > 0 or (self._second == 0 and second == 0):
                ahead = second
        if ahead >= MODULUS - MAX_LATE:
            self.late += 1
            back = min(count or 0, self.lost)
            self.lost -= back
            return -back
        self._number, self._expected = number, None if count is None else (number + count) % MODULUS
        if ahead > MAX_GAP:
            self.restarts += 1
            return 0
        self.lost += ahead
        return ahead
