"""Sequence numbers of an exporter: what it sent and did not arrive."""

from __future__ import annotations

from collections import deque

MODULUS = 1 << 32
MAX_GAP = 1 << 24
"""A larger step ahead is a new start, not a loss."""
MAX_GAPS = 256
"""Gaps that are remembered, the newest ones: what comes late closes one of them."""
ANEW = 4
"""Datagrams in a row, each beginning where the one before it ends, that tell of a new start; fewer may be second copies."""


class Sequence:
    """Numbers of one session, whose unit is a flow (v5), a datagram (v9), a data record (IPFIX).

    A number should be that of the first unit in its datagram (RFC 7011 section 3.1: what was sent before). Some exporters
    (softflowd 1.1 with IPFIX) tell what was sent up to and including the datagram, records of options left out: which way it is
    shows where one of both fits and the other does not.

    A step back is a datagram that others have overtaken if it lies in a gap. Else it is a second copy; or the exporter has started
    anew, as the next datagrams show that go on from there.

    lost: units that did not come, those that came late taken off; late, repeated: datagrams
    """

    def __init__(self) -> None:
        self.lost = self.late = self.repeated = self.restarts = 0
        self._number: int | None = None
        self._expected: int | None = None  # the first way; None: not known
        self._second = 0  # how often the second way was right and the first was not, less the contrary
        self._gaps: deque[tuple[int, int]] = deque(maxlen=MAX_GAPS)  # first number that is missing, how many
        self._anew: int | None = None  # what goes on from a step back that nothing explains
        self._steps = 0  # how many have gone on so, that one included

    def came(self, number: int, count: int | None, flows: int | None = None) -> int:
        """A datagram came that holds `count` units, `flows` of them no options; None: it is not known how many. Gives what is lost
        since the last one; negative: so many thought lost came after all."""
        ahead = 0 if self._expected is None else (number - self._expected) % MODULUS
        first = number  # of the units in it
        if self._number is not None and flows is not None and self._expected is not None:
            second = (number - self._number - flows) % MODULUS
            self._second += (second == 0) - (ahead == 0)
            if self._second > 0 or (self._second == 0 and second == 0):
                ahead, first = second, (number - flows) % MODULUS
        if ahead > MAX_GAP:
            return self._stepped_back(number, first, count)
        if ahead:
            self._gaps.append(((first - ahead) % MODULUS, ahead))
        self._went_on(number, count)
        self.lost += ahead
        return ahead

    def _stepped_back(self, number: int, first: int, count: int | None) -> int:
        for i, (begin, missing) in enumerate(self._gaps):
            at = (first - begin) % MODULUS
            if at < missing:
                came = min(count or 0, missing - at)
                self._gaps[i] = (begin, at)  # what is left: before it, and behind it
                if missing - at - came:
                    self._gaps.append(((first + came) % MODULUS, missing - at - came))
                self._anew = None
                self.late += 1
                self.lost -= came
                return -came
        self._steps = self._steps + 1 if self._anew == first else 1
        self._anew = None if count is None else (first + count) % MODULUS
        self.repeated += 1
        if self._steps == ANEW:
            self.restarts += 1
            self.repeated -= ANEW
            self._gaps.clear()
            self._went_on(number, count)
        return 0

    def _went_on(self, number: int, count: int | None) -> None:
        self._number, self._expected, self._anew = number, None if count is None else (number + count) % MODULUS, None
