"""Every probe's clock: rows of the kind `probe_clock` now and then, events when a clock is wrong. An engine: times passed in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tmon_collector.clocks import Bounds, ProbeClock
from tmon_common.events import Event, event
from tmon_common.observations import ABSENT, PROBE_CLOCK, Rows
from tmon_common.pdu.contents import Heartbeat

ROWS_EVERY_NS = 60_000_000_000
TELL_EVERY_NS = 60_000_000_000
"""Events of one probe, at most one of a code in this time: whoever sends heartbeats must not fill the disk with them."""
MAX_RUNS = 8
"""Of one probe: under a CRC anybody can send heartbeats of any run. The one silent for longest is forgotten."""
KEPT_NS = 3_600_000_000_000
"""A run silent for so long is forgotten; what its clock was worth does not matter any more."""


class ClockRow(NamedTuple):
    """A row and whose it is: probe, and run in ms."""

    probe: str
    run_ms: int
    rows: Rows


class KnownClock(NamedTuple):
    """Of the probe's run that was heard last. steps: of all its runs."""

    bounds: Bounds
    steps: int


class _Run:
    def __init__(self, tolerance_ns: int) -> None:
        self.clock = ProbeClock(tolerance_ns)
        self.heard_ns = 0
        self.told_sound = True
        self.steps_told = 0
        self.fresh = False


class _Probe:
    """runs: by their start in ms, longest silent first."""

    def __init__(self) -> None:
        self.runs: OrderedDict[int, _Run] = OrderedDict()
        self.steps = 0
        self._tell_after_ns: dict[str, int] = {}

    def run(self, run_ms: int, tolerance_ns: int) -> _Run:
        """This run, heard again."""
        run = self.runs.get(run_ms)
        if run is None:
            run = self.runs[run_ms] = _Run(tolerance_ns)
            if len(self.runs) > MAX_RUNS:
                self.runs.popitem(last=False)
        self.runs.move_to_end(run_ms)
        return run

    def may_tell(self, code: str, now_ns: int) -> bool:
        if now_ns < self._tell_after_ns.get(code, now_ns):
            return False
        self._tell_after_ns[code] = now_ns + TELL_EVERY_NS
        return True


class ClockWatch:
    """collector: its name; tolerance_ns: how wrong a clock may be before one-way figures mean nothing."""

    def __init__(self, collector: str, tolerance_ns: int, now_ns: int) -> None:
        self._collector, self._tolerance_ns = collector, tolerance_ns
        self._probes: dict[str, _Probe] = {}
        self._next_ns = now_ns + ROWS_EVERY_NS

    def heard(self, probe: str, run_ms: int, heartbeat: Heartbeat, wall_ns: int, now_ns: int) -> list[Event]:
        """A genuine heartbeat came. wall_ns: the collector's clock, ns since 1970-01-01 UTC; now_ns: monotonic."""
        of_probe = self._probes.get(probe)
        if of_probe is None:
            of_probe = self._probes[probe] = _Probe()
        run = of_probe.run(run_ms, self._tolerance_ns)
        run.heard_ns, run.fresh = now_ns, True
        events = []
        step = run.clock.heard(heartbeat, wall_ns, now_ns)
        of_probe.steps += step is not None
        if step and abs(step.by_ns) > self._tolerance_ns and of_probe.may_tell("clock_stepped", now_ns):
            events.append(event("clock_stepped", wall_ns, probe, by_us=_us(step.by_ns)))
        if run.clock.sound != run.told_sound and of_probe.may_tell("clock_sound" if run.clock.sound else "clock_unsound", now_ns):
            run.told_sound = run.clock.sound
            known = run.clock.bounds()
            low = known.high if known.low is None else known.low
            events.append(event("clock_sound" if run.told_sound else "clock_unsound", wall_ns, probe, offset_low_us=_us(low),
                                offset_high_us=_us(known.high)))
        return events

    def known(self, probe: str) -> KnownClock | None:
        """None for a probe of which no heartbeat came lately."""
        of_probe = self._probes.get(probe)
        if of_probe is None or not of_probe.runs:
            return None
        return KnownClock(next(reversed(of_probe.runs.values())).clock.bounds(), of_probe.steps)

    def rows(self, wall_ns: int, now_ns: int) -> Iterable[ClockRow]:
        """A row for every probe heard since the last ones, at most once in ROWS_EVERY_NS."""
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + ROWS_EVERY_NS
        for probe, of_probe in self._probes.items():
            for run_ms, run in list(of_probe.runs.items()):
                if now_ns - run.heard_ns > KEPT_NS:
                    del of_probe.runs[run_ms]
                elif run.fresh:
                    run.fresh = False
                    yield ClockRow(probe, run_ms, self._row(run, wall_ns))

    def next_rows_ns(self) -> int:
        """Monotonic time at which `rows` has something to say."""
        return self._next_ns

    def _row(self, run: _Run, wall_ns: int) -> Rows:
        known = run.clock.bounds()
        row = np.zeros(1, PROBE_CLOCK.dtype)
        row["time"], row["collector"] = wall_ns, 0
        row["offset_low"] = row["round_trip"] = ABSENT
        row["offset_high"] = known.high
        if known.low is not None:
            row["offset_low"], row["round_trip"] = known.low, known.high - known.low
        row["heartbeats"], row["steps"] = known.heartbeats, run.clock.steps - run.steps_told
        run.steps_told = run.clock.steps
        return Rows(PROBE_CLOCK, row, [self._collector])


def _us(ns: int) -> int:
    """Nearest microsecond."""
    return (ns + 500) // 1000
