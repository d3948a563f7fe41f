"""Time slots: when the next datagram may leave. First sendings, retries and heartbeats share them."""

from __future__ import annotations

IP_UDP_OCTETS = 28
"""Headers of IPv4 and UDP, which count in `max_rate`: on thin links they matter."""
SECOND = 1_000_000_000
MAX_BURST = 64  # datagrams handed out at once when neither gap nor rate is asked for


class Slots:
    """gap_ns: least time from datagram to datagram; max_rate: bit/s on the wire at most, 0 for no cap.

    Nobody makes up for slots that were missed.
    """

    def __init__(self, gap_ns: int, max_rate: int) -> None:
        self._gap_ns, self._max_rate = gap_ns, max_rate
        self._last_gap_ns = 0
        self.next_ns: int | None = None  # None: nothing was ever sent

    @property
    def burst(self) -> int:
        """Datagrams that may leave in one slot."""
        return 1 if self._gap_ns or self._max_rate else MAX_BURST

    def open(self, now_ns: int) -> bool:
        return self.next_ns is None or now_ns >= self.next_ns

    def used(self, octets: int, now_ns: int) -> None:
        """A datagram of so many octets (UDP payload) is on its way out."""
        gap_ns = self._gap_ns
        if self._max_rate:
            bits = 8 * (octets + IP_UDP_OCTETS)
            gap_ns = max(gap_ns, -(-bits * SECOND // self._max_rate))
        self._last_gap_ns = gap_ns
        self.next_ns = now_ns + gap_ns

    def left(self, now_ns: int) -> None:
        """It has left, perhaps later than it was meant to: the gap counts from here."""
        self.next_ns = now_ns + self._last_gap_ns
