"""PDUs that declare what was given up of one-way observations."""

from __future__ import annotations

from collections.abc import Iterator

from tmon_common.observations import ONE_WAY_GAP
from tmon_probe.publish.construction import Construction
from tmon_probe.publish.gaps import Gap, Gaps, Numbered, rows_of
from tmon_probe.publish.loss import Cause


class Declarations:
    """Rows of ONE_WAY_GAP; as construction.Construction. What waits here takes at most gaps.MAX_GAPS rows, no part of the queue.

    As long as PDUs of earlier ones are not acknowledged, the next ones wait: in a long break more and more would else fill the
    queue, where here what is given up bit by bit becomes a single row.

    underway    PDUs not yet acknowledged
    """

    kind = ONE_WAY_GAP
    unfit_cause = Cause.TOO_LONG
    octets = 0

    def __init__(self, max_octets: int, seal_octets: int) -> None:
        self.unfit = 0
        self.underway = 0
        self._gaps = Gaps()
        self._construction = Construction(ONE_WAY_GAP, max_octets, seal_octets)

    @property
    def since_ns(self) -> int | None:
        """When the oldest came; None when none waits, or all must wait."""
        return None if self.underway else self._gaps.since_ns

    def declare(self, gaps: tuple[Gap, ...], now_ns: int) -> None:
        """These are given up."""
        self._gaps.add(gaps, now_ns)

    def flush(self, now_ns: int) -> Iterator[Numbered]:
        """Yields payloads until nothing waits, but not while earlier ones are under way."""
        if self.underway:
            return
        gaps = self._gaps.take()
        start = 0
        for packed in (*self._construction.add(rows_of(gaps), now_ns), *self._construction.flush(now_ns)):
            end = start + packed.rows
            self.underway += 1
            yield Numbered(*packed, gaps=tuple(gaps[start:end]))
            start = end
