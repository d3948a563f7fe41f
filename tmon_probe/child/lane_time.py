"""What packet time a lane has reached: what its father told, once the records that were written before are done."""

from __future__ import annotations

from collections import deque

from tmon_probe.ring import Ring


class LaneTime:
    """Records of several sources that share a lane are not in order: what was told last holds only when all before it is done.

    reached_ns  no record that is not done, or still to come, is older (about, where a source is not in order)
    watermark_ns    what was told last; new_ns: monotonic time at which that was new
    """

    def __init__(self, ring: Ring, now_ns: int) -> None:
        self._ring = ring
        self.reached_ns = self.watermark_ns = 0
        self.new_ns = now_ns
        self._told: deque[tuple[int, int]] = deque()  # (position up to which records must be done, packet time)

    def look(self, now_ns: int) -> int:
        """Take note of what the father tells now. Returns how many records wait."""
        watermark_ns = self._ring.watermark_ns  # in this order: the records written before it was told are seen
        waiting = self._ring.fill
        if watermark_ns != self.watermark_ns:
            self.watermark_ns, self.new_ns = watermark_ns, now_ns
            position = self._ring.position + waiting
            if self._told and self._told[-1][0] == position:  # nothing was written since: one is enough, so no more than records
                self._told.pop()
            self._told.append((position, watermark_ns))
        return waiting

    def done(self, count: int) -> int:
        """`reached_ns` once `count` of the records that wait are done."""
        position = self._ring.position + count
        while self._told and self._told[0][0] <= position:
            self.reached_ns = self._told.popleft()[1]
        return self.reached_ns
