"""The clocks of the probes, bounded by heartbeats (RFC 5905 section 8, without its symmetry of ways). An engine: times passed in.

The offset is how far the collector's clock is ahead of the probe's. A heartbeat that left at T1 and came at T2 took no less than no
time, so offset <= T2 - T1; an answer that left at T3 and came at T4, so offset >= T3 - T4. The tightest of a window count.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tmon_common.pdu.contents import NO_LAG, Heartbeat

WINDOW_NS = 600_000_000_000
"""Older heartbeats count no more: a clock 10 ppm wrong is 6 ms elsewhere by then."""
MAX_SAMPLES = 600
MOST_NS = (1 << 62) - 1
"""146 years: who tells of more is damaged or a forger, and differences of two such have to fit in a column."""
CONFIRMATIONS = 2
"""Heartbeats in a row that must say so before a verdict changes."""


@dataclass(frozen=True)
class Bounds:
    """offset between low and high, ns; low is None as long as no answer has reached the probe. heartbeats: that say so."""

    low: int | None
    high: int
    heartbeats: int


@dataclass(frozen=True)
class Step:
    """A contradiction: the offset was between `before.low` and `before.high`, and now is not. by_ns: the least it has changed."""

    by_ns: int


class ProbeClock:
    """The clock of one probe's run.

    steps: contradictions so far. sound: False while the offset is surely beyond what is tolerated.
    """

    def __init__(self, tolerance_ns: int) -> None:
        self.steps = 0
        self.sound = True
        self._tolerance_ns = tolerance_ns
        self._against = 0  # heartbeats in a row that speak against `sound`
        self._samples: deque[tuple[int, int, int | None]] = deque(maxlen=MAX_SAMPLES)  # (now, high, low)

    def heard(self, heartbeat: Heartbeat, wall_ns: int, now_ns: int) -> Step | None:
        """A heartbeat has come. wall_ns: the collector's clock; now_ns: monotonic."""
        high = _limited(wall_ns - heartbeat.sent_ns)
        low = None if heartbeat.lag_ns == NO_LAG else _limited(-heartbeat.lag_ns)
        while self._samples and now_ns - self._samples[0][0] > WINDOW_NS:
            self._samples.popleft()
        step = self._contradiction(high, low)
        if step:
            # Its lag may still tell of the time before; the next heartbeat's will not.
            self.steps += 1
            self._samples.clear()
            low = None
        self._samples.append((now_ns, high, low))
        self._judge()
        return step

    def bounds(self) -> Bounds | None:
        """What the window says; None without heartbeat."""
        if not self._samples:
            return None
        lows = [low for _, _, low in self._samples if low is not None]
        return Bounds(max(lows, default=None), min(high for _, high, _ in self._samples), len(self._samples))

    def _contradiction(self, high: int, low: int | None) -> Step | None:
        known = self.bounds()
        if known is None:
            return None
        if known.low is not None and high < known.low:
            return Step(high - known.low)
        if low is not None and low > known.high:
            return Step(low - known.high)
        return None

    def _judge(self) -> None:
        known = self.bounds()
        beyond = known.high < -self._tolerance_ns or (known.low is not None and known.low > self._tolerance_ns)
        self._against = self._against + 1 if beyond == self.sound else 0
        if self._against >= CONFIRMATIONS:
            self.sound, self._against = not beyond, 0


def _limited(offset_ns: int) -> int:
    return max(-MOST_NS, min(offset_ns, MOST_NS))
