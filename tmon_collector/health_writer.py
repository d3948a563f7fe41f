"""What a collector writes into the block of its statistics: now and then, after the datagrams of a wake-up are answered."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass

import numpy as np

from tmon_collector.decode import Decoding
from tmon_collector.health import CollectorStatisticsBlock
from tmon_collector.health_names import ALIVE, BROKEN, COUNTED, NEVER, OWN, PROBE_STATES, REASONS, SILENT
from tmon_collector.key_store import KeyStore
from tmon_collector.one_way.online import OneWayClasses
from tmon_collector.probes import ProbeCounts
from tmon_collector.receive import Receiver
from tmon_collector.spool import Spool
from tmon_collector.telling import Telling
from tmon_collector.thresholds.online import Thresholds
from tmon_common.clock import Clock
from tmon_common.config.model import SECOND
from tmon_common.pdu.header import probe_number, run_ms

EVERY_NS = SECOND // 10
"""It is written so often, at most."""
NOT_PENDING_NS = 60 * SECOND


@dataclass(frozen=True)
class Working:
    """The parts of a collector whose numbers are written."""

    receiver: Receiver
    decoding: Decoding
    spool: Spool
    keys: KeyStore
    telling: Telling
    one_way: OneWayClasses
    thresholds: Thresholds


class HealthWriter:
    """rounds: wake-ups so far, counted by the owner."""

    def __init__(self, block: CollectorStatisticsBlock, working: Working, clock: Clock) -> None:
        self._block, self._working, self._clock = block, working, clock
        self._place = {name: n for n, name in enumerate(block.identity["probes"])}
        self._kinds = {kind: n for n, kind in enumerate(block.identity["kinds"])}
        self._states = np.full(len(self._place), NEVER, np.int8)
        self._silent: set[str] = set()
        self._crossed_at: tuple[int, int] | None = None
        self._crossed = (0, 0)
        self._next_ns = clock.monotonic_ns()
        self._pending = False
        self.rounds = 0

    def look(self) -> bool:
        """To be called at every wake-up: writes when it is time. Whether it was."""
        self.rounds += 1
        now_ns = self._clock.monotonic_ns()
        self._pending = now_ns < self._next_ns
        if not self._pending:
            self._next_ns = now_ns + EVERY_NS
            self.write()
        return not self._pending

    def wait_ns(self) -> int:
        """How long until something is to be written, though nothing comes."""
        return max(self._next_ns - self._clock.monotonic_ns(), 0) if self._pending else NOT_PENDING_NS

    def write(self) -> None:
        """All of it."""
        now_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        self._write_probes(now_ns, wall_ns)
        self._block.part("own")[:] = self._own(wall_ns)
        rejected = self._working.decoding.statistics.rejected
        self._block.part("rejected")[:] = [rejected[reason] for reason in REASONS]
        for kind in self._working.spool.octets:
            self._block.part("kind", self._kinds[kind])[:] = self._of_kind(kind)
        for n, engine in enumerate(self._working.one_way.engines.values()):
            self._block.part("one_way", n)[:] = (*astuple(engine.counts), len(engine.buffer), max(engine.settled_ns or 0, 0))

    def states(self) -> dict[str, int]:
        """How many probes are in each state, as it was last written."""
        return dict(zip(PROBE_STATES, np.bincount(self._states, minlength=len(PROBE_STATES)).tolist(), strict=True))

    def _own(self, wall_ns: int) -> list[int]:
        of, statistics = self._working, self._working.decoding.statistics
        thresholds, series = self._crossings()
        values = {name: getattr(statistics, name) for name in COUNTED if name not in ("rejected", "refused", "own_rows_lost")}
        values |= {f"probes_{state}": n for state, n in self.states().items()}
        values |= {
            "rejected": statistics.rejected.total(), "refused": statistics.refused.total(), "own_rows_lost": statistics.own_lost,
            "receive_errors": of.receiver.errors.total(), "receive_drops": of.receiver.drops, "files_completed": of.spool.completed,
            "files_open": len(of.spool.open), "write_failures": of.spool.failures.total(), "in_trouble": of.spool.in_trouble,
            "journal_octets": of.spool.journal_octets, "own_rows_waiting": of.telling.own_rows.waiting,
            "keys_missing": len(of.keys.missing), "threshold_crossings": of.thresholds.statistics.crossings,
            "thresholds_crossed": thresholds, "series_crossed": series, "events_told": of.telling.events, "pid": os.getpid(),
            "cpu_ns": time.process_time_ns(), "progress": self.rounds, "written_ns": wall_ns}
        return [values[name] for name in OWN]

    def _of_kind(self, kind: str) -> tuple[int, ...]:
        of = self._working
        rows = sum(written[kind] for written in (of.decoding.statistics.written, of.one_way.written, of.telling.own_rows.written))
        return rows, of.spool.octets[kind], of.spool.files[kind], kind in of.spool.open

    def _crossings(self) -> tuple[int, int]:
        """Thresholds that are crossed, and series; counted when something has crossed or come back since."""
        statistics = self._working.thresholds.statistics
        at = (statistics.crossings, statistics.returns)
        if at != self._crossed_at:
            crossed = self._working.thresholds.engine.crossed()
            self._crossed_at, self._crossed = at, (len(crossed), crossed.total())
        return self._crossed

    def _write_probes(self, now_ns: int, wall_ns: int) -> None:
        """Those of which something has changed: there may be thousands."""
        for name in self._changed():
            n = self._place.get(name)
            if n is not None:
                self._states[n], *values = self._of_probe(name, now_ns, wall_ns)
                self._block.part("probe", n)[:] = (self._states[n], *values)

    def _changed(self) -> Iterable[str]:
        probes, silent = self._working.decoding.probes, self._working.telling.watch.silent
        changed, probes.changed = probes.changed | (silent ^ self._silent), set()
        self._silent = set(silent)
        return changed

    def _of_probe(self, name: str, now_ns: int, wall_ns: int) -> Iterator[int]:
        """In the order of health_names.PROBE."""
        probes = self._working.decoding.probes
        counts, heard_ns = probes.counts[probe_number(name)], probes.heard_ns.get(name)
        yield _state(heard_ns, counts, silent=name in self._silent)
        yield 0 if heard_ns is None else wall_ns - (now_ns - heard_ns)
        yield run_ms(counts.run) * 1_000_000
        yield from (counts.heartbeats, counts.pdus, counts.rows, counts.duplicates, counts.refused, counts.rejected)
        clock = self._working.telling.clocks.known(name)
        low, high = (clock.bounds.low, clock.bounds.high) if clock else (None, 0)
        yield from (0, 0, 0) if low is None else (1, (low + high) // 2, (high - low + 1) // 2)
        yield clock.steps if clock else 0


def _state(heard_ns: int | None, counts: ProbeCounts, *, silent: bool) -> int:
    if heard_ns is not None and not silent:
        return ALIVE
    if counts.rejected and (heard_ns is None or counts.rejected_ns > heard_ns):
        return BROKEN
    return NEVER if heard_ns is None else SILENT
