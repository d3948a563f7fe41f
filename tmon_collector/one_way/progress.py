"""How far the observations of one class have come from one probe, and when its points were blind. An engine: no clock, no I/O.

PDUs are numbered within class and run. Up to the first number that is missing, they are **contiguous**: what the latest watermark
there says holds, whatever order they came in. A PDU that the probe says it gave up (one_way_gap) counts as there, and leaves a
blind interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tmon_common.observations import ABSENT

EDGE_NS = 50_000_000
"""Observation of a recording is taken to begin so much before, and to end so much after, what proves it. Nobody can tell whether
its probe would have seen a packet there; the packet before it may only have been the last one before a pause. Without this, the
last packets of two captures of the same traffic could never be called lost. A live probe says itself from when and until when it
observed."""
MAX_GAPS = 4096
"""Of one run; beyond, the older half becomes one, with what lies between."""
MAX_WAITING = 1 << 16
"""Watermarks of PDUs that came before an earlier one; beyond, that one is taken as given up."""
MAX_RUNS = 16
"""Of one probe, with what is still of interest; beyond, the oldest counts as never having observed."""
FOREVER = 1 << 62
NEVER = -FOREVER
"""Beyond all times of observations (pdu.one_way.layout.TIME_LIMIT_NS), and far enough from the ends of a word to reckon with."""


class RunProgress:
    """Of one run.

    begin_ns    earliest observation or watermark; FOREVER: none
    last_ns     latest observation; NEVER: none
    until_ns    observations before it are all here, or known not to come; NEVER: nothing is known
    next        number of the first PDU that is neither here nor given up
    over        all is here up to the last PDU, and nothing more comes
    """

    def __init__(self, run_ms: int, edge_ns: int = EDGE_NS) -> None:
        self.run_ms, self._edge_ns = run_ms, edge_ns
        self.begin_ns, self.last_ns, self.until_ns, self.next, self.over = FOREVER, NEVER, NEVER, 0, False
        # of PDUs from `next` on that are here or given up: watermark, ended, latest observation
        self._waiting: dict[int, tuple[int, bool, int]] = {}
        self._gaps: dict[int, tuple[int, int]] = {}  # of PDUs that were given up and did not come nevertheless

    def block(self, sequence: int, watermark_ns: int, *, ended: bool, first_ns: int = FOREVER, last_ns: int = NEVER) -> bool:
        """A PDU came, with observations from first_ns to last_ns. False: it was here already."""
        if self._is_here(sequence):
            return False
        self._gaps.pop(sequence, None)
        self.begin_ns = min(self.begin_ns, first_ns, FOREVER if watermark_ns == ABSENT else watermark_ns)
        self.last_ns = max(self.last_ns, last_ns)
        if sequence >= self.next:
            self._waiting[sequence] = (watermark_ns, ended, last_ns)
            self._advance()
        return True

    def _is_here(self, sequence: int) -> bool:
        """Also true of one that was given up so long ago that its gap is forgotten."""
        return (sequence < self.next or sequence in self._waiting) and sequence not in self._gaps

    def gap(self, first: int, first_ns: int, last_ns: int, pdus: int = 1) -> None:
        """PDUs were given up, from number `first` on, with observations from first_ns to last_ns (ABSENT: none). That one came
        nevertheless may be known before, or later."""
        for sequence in range(first, first + min(pdus, MAX_WAITING)):
            if self._is_here(sequence):
                continue
            if first_ns != ABSENT:
                self._gaps[sequence] = (first_ns, last_ns)
            if sequence >= self.next:
                self._waiting.setdefault(sequence, (ABSENT, False, NEVER))
        if len(self._gaps) > MAX_GAPS:
            gaps = sorted(self._gaps.items())
            old, rest = gaps[: -MAX_GAPS // 2], gaps[-MAX_GAPS // 2 :]
            self._gaps = dict(rest) | {old[-1][0]: (min(g[0] for _, g in old), max(g[1] for _, g in old))}
        self._advance()

    def _advance(self) -> None:
        while self.next in self._waiting or len(self._waiting) > MAX_WAITING:
            if self.next not in self._waiting:
                self._skip()
            watermark_ns, ended, _ = self._waiting.pop(self.next)
            self.next += 1
            self.until_ns = max(self.until_ns, watermark_ns)
            if ended:
                self.over, self.until_ns = True, max(self.until_ns, self.last_ns + 1)

    def pass_over(self, before_ns: int) -> None:
        """What was observed before before_ns is not waited for: PDUs that are missing there, with later ones here, are given up.
        If they come nevertheless, they count as far as they tell of what comes after it."""
        while self.until_ns < before_ns and self._waiting:
            sequence = min(self._waiting)
            self.gap(self.next, *self._missing(sequence), sequence - self.next)

    def _skip(self) -> None:
        """Those before the next one that is here are given up: nothing is sure of the time in which they were made."""
        sequence = min(self._waiting)
        self._gaps[sequence - 1] = self._missing(sequence)
        self.next = sequence

    def _missing(self, sequence: int) -> tuple[int, int]:
        """From when to when PDUs may have observations that are missing before that one."""
        watermark_ns, _, last_ns = self._waiting[sequence]
        return self.until_ns, max(watermark_ns, last_ns, self.until_ns, NEVER if self.begin_ns == FOREVER else self.begin_ns)

    def blind(self) -> list[tuple[int, int]]:
        """Within the run: PDUs given up."""
        return list(self._gaps.values())

    def observed(self) -> tuple[int, int] | None:
        """(from, to): all that was observed between is known; None: nothing is."""
        if self.until_ns == NEVER or self.begin_ns == FOREVER:
            return None
        return self.begin_ns - self._edge_ns, self.until_ns + self._edge_ns if self.over else self.until_ns

    def forget(self, before_ns: int) -> None:
        """Gaps that end before that are of no interest any more."""
        if self._gaps:
            self._gaps = {s: g for s, g in self._gaps.items() if g[1] >= before_ns}

    def state(self) -> list[Any]:
        """For `restored`."""
        return [self.run_ms, self.begin_ns, self.last_ns, self.until_ns, self.next, self.over,
                [[s, *w] for s, w in self._waiting.items()], [[s, *g] for s, g in self._gaps.items()]]

    @classmethod
    def restored(cls, state: list[Any], edge_ns: int = EDGE_NS) -> RunProgress:
        """ValueError, TypeError for what is no state."""
        run_ms, begin_ns, last_ns, until_ns, following, over, waiting, gaps = state
        run = cls(int(run_ms), edge_ns)
        run.begin_ns, run.last_ns, run.until_ns = int(begin_ns), int(last_ns), int(until_ns)
        run.next, run.over = int(following), bool(over)
        run._waiting = {int(s): (int(w), bool(e), int(n)) for s, w, e, n in waiting}
        run._gaps = {int(s): (int(a), int(b)) for s, a, b in gaps}
        return run


class ProbeProgress:
    """Of one probe: its runs, in the order of their start. A run supersedes those before: what they have not delivered is gone.

    A run that says it began later than can be, of a clock that was wrong, comes before all that may be right.

    edge_ns         0 for a probe that captures, else EDGE_NS
    forgotten_ms    runs that began up to then are forgotten, unless they are in `runs`
    """

    def __init__(self, edge_ns: int = EDGE_NS) -> None:
        self.runs: list[RunProgress] = []
        self._edge_ns = edge_ns
        self.forgotten_ms = -1

    def run(self, run_ms: int, latest_ms: int = FOREVER) -> RunProgress | None:
        """The run, made if it is new; None for one that is so old that it is forgotten. latest_ms: no run has begun after that."""
        for run in reversed(self.runs):
            if run.run_ms == run_ms:
                return run
        if run_ms <= self.forgotten_ms:
            return None
        run = RunProgress(run_ms, self._edge_ns)
        self.runs.append(run)
        self.runs.sort(key=lambda r: (r.run_ms <= latest_ms, r.run_ms))
        while len(self.runs) > MAX_RUNS:
            self._forget_first()
        return run

    def _forget_first(self) -> None:
        gone = self.runs.pop(0).run_ms
        if all(gone < run.run_ms for run in self.runs):  # else its clock was wrong: it says nothing of others
            self.forgotten_ms = max(self.forgotten_ms, gone)

    @property
    def over(self) -> bool:
        """Its latest run has ended, and all of it is here."""
        return bool(self.runs) and self.runs[-1].over

    @property
    def delivered_ns(self) -> int:
        """Observations before it are here, or never come. NEVER: nothing was heard; FOREVER: nothing more comes."""
        if not self.runs:
            return NEVER
        run = self.runs[-1]
        if run.over:
            return FOREVER
        if run.until_ns == NEVER and len(self.runs) > 1:  # of the run before nothing more comes, and this one began after it
            return self.runs[-2].until_ns
        return run.until_ns

    def blind(self) -> np.ndarray:
        """int64 (n, 2): from, to, when nothing was observed, or nothing is known of it."""
        seen = sorted(o for run in self.runs if (o := run.observed()) is not None)
        intervals, reached = [], NEVER
        for begin_ns, until_ns in seen:
            if begin_ns > reached:
                intervals.append((reached, begin_ns - 1))
            reached = max(reached, until_ns)
        intervals.append((reached, FOREVER))
        intervals += [gap for run in self.runs for gap in run.blind()]
        return np.array(intervals, np.int64)

    def pass_over(self, before_ns: int) -> None:
        """See RunProgress; of the latest run, as all others are over."""
        if self.runs:
            self.runs[-1].pass_over(before_ns)

    def forget(self, before_ns: int) -> None:
        """What only matters for packets before that."""
        for run in self.runs:
            run.forget(before_ns)
        while len(self.runs) > 1 and (o := self.runs[0].observed() or (0, NEVER)) and o[1] < before_ns:
            self._forget_first()

    def state(self) -> dict[str, Any]:
        return {"forgotten": self.forgotten_ms, "runs": [r.state() for r in self.runs]}

    @classmethod
    def restored(cls, state: dict[str, Any], edge_ns: int = EDGE_NS) -> ProbeProgress:
        """ValueError, TypeError, LookupError for what is no state."""
        probe = cls(edge_ns)
        probe.forgotten_ms = int(state["forgotten"])
        probe.runs = [RunProgress.restored(r, edge_ns) for r in state["runs"]]
        return probe
