"""How long a collector that is to start anew goes on receiving: probes that switch at the same moment deliver what they have."""

from __future__ import annotations

SECOND = 1_000_000_000
LEAST_NS = 3 * SECOND
QUIET_NS = 1 * SECOND
MOST_NS = 20 * SECOND
"""Others go on sending: probes that do not switch, or have started anew already. They send again what is not acknowledged."""
LINGER_LOOK_NS = SECOND // 10


class Linger:
    """From the first call on; pdus: how many have come so far, duplicates too."""

    def __init__(self) -> None:
        self._began_ns: int | None = None
        self._pdus = self._grew_ns = 0

    def over(self, pdus: int, now_ns: int) -> bool:
        """After LEAST_NS, as soon as nothing has come for QUIET_NS, or when MOST_NS have gone. now_ns: monotonic."""
        if self._began_ns is None:
            self._began_ns = now_ns
        if pdus != self._pdus:
            self._pdus, self._grew_ns = pdus, now_ns
        lasts_ns = now_ns - self._began_ns
        return lasts_ns >= MOST_NS or (lasts_ns >= LEAST_NS and now_ns - self._grew_ns >= QUIET_NS)
