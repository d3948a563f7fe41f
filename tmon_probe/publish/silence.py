"""For how long PDUs have been waiting while nothing was acknowledged. An engine: the moment is passed in."""

from __future__ import annotations


class Silence:
    """Of all collectors of a probe together."""

    def __init__(self, now_ns: int) -> None:
        self._acknowledged, self._since_ns = 0, now_ns

    def lasts_ns(self, acknowledged: int, waiting: int, now_ns: int) -> int:
        """0 as long as no PDU waits. acknowledged: PDUs in all; waiting: PDUs at the moment."""
        if acknowledged != self._acknowledged or not waiting:
            self._acknowledged, self._since_ns = acknowledged, now_ns
        return now_ns - self._since_ns
