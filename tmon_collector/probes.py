"""Probes as the collector sees them: who is declared, who was heard, and their runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tmon_collector.csv_text import csv_field
from tmon_collector.written import OldRuns, WrittenPdus
from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import probe_number, run_ms

MAX_RUNS = 8  # runs of one probe that are remembered
MAX_AHEAD = 1 << 24  # PDUs a probe may have given up in one go; a heartbeat that tells of more is not believed


@dataclass(slots=True)
class ProbeCounts:
    """Of a probe, since the start of the collector.

    heartbeats, pdus, rows, duplicates, refused     as in CollectorStatistics
    rejected    datagrams in its name that changed nothing, whoever sent them; rejected_ns: when the last of these came (monotonic)
    run         as in PDUs, that was heard last
    """

    heartbeats: int = 0
    pdus: int = 0
    rows: int = 0
    duplicates: int = 0
    refused: int = 0
    rejected: int = 0
    rejected_ns: int = 0
    run: int = 0


class Run:
    """One run of a probe. run: as in PDUs; source: how lines of the CSV files begin; counts: of the probe; pending: ids gathered,
    not yet written."""

    def __init__(self, probe: str, number: int, run: int, source: bytes, counts: ProbeCounts) -> None:
        self.probe = probe
        self.number = number
        self.run = run
        self.source = source
        self.counts = counts
        self.written = WrittenPdus()
        self.pending: set[int] = set()


class Probes:
    """The declared probes. ValueError when two names share a number, so that their PDUs could not be told apart.

    proves      whether what comes of a probe, by its number, is surely of that probe. Of others no run is ever over: forged runs,
                which displace what is remembered, would shut the genuine ones out
    old         by number of the probe: runs that are over
    newly_old   (probe, run) that the journal does not know yet
    counts      by number of the probe
    changed     names of those whose counts have changed; for whoever looks at them, to be cleared then
    """

    def __init__(self, names: Iterable[str], proves: Callable[[int], bool] = lambda _: True) -> None:
        self._proves = proves
        self.heard_ns: dict[str, int] = {}  # when each was last heard, on the monotonic clock
        self.old: dict[int, OldRuns] = {}
        self.newly_old: list[tuple[int, int]] = []
        self.counts: dict[int, ProbeCounts] = {}
        self.changed: set[str] = set()
        self._names: dict[int, str] = {}
        self._runs: dict[int, OrderedDict[int, Run]] = {}  # by number of the probe; longest silent first
        self._candidates: dict[tuple[int, int], Run] = {}
        for name in names:
            other = self._names.setdefault(probe_number(name), name)
            if other != name:
                msg = f'probes "{other}" and "{name}" have the same number in PDUs; rename one of them'
                raise ValueError(msg)
            self.counts[probe_number(name)] = ProbeCounts()

    def name_of(self, number: int) -> str | None:
        """Name of a declared probe, None for any other."""
        return self._names.get(number)

    def heard(self, number: int, run: int, now_ns: int) -> None:
        """A declared probe has proved to be alive."""
        name = self._names[number]
        self.heard_ns[name] = now_ns
        self.counts[number].run = run
        self.changed.add(name)

    def rejected(self, number: int, now_ns: int) -> None:
        """A datagram in the name of a probe, declared or not, was none."""
        if counts := self.counts.get(number):
            counts.rejected += 1
            counts.rejected_ns = now_ns
            self.changed.add(self._names[number])

    def check(self, number: int, run: int) -> None:
        """PduError for a run that is over: which of its PDUs are written is no longer known, and what comes of it is old.

        A run that is remembered is not, also where its clock has a time so long ago that it is below the floor.
        """
        if run in self.old.get(number, ()) and run not in self._runs.get(number, ()) and self._proves(number):
            raise PduError("old_run")

    def known(self, number: int, run: int) -> Run | None:
        """A run of which PDUs are written, now heard again; None: there is none, or it was forgotten."""
        runs = self._runs.get(number, {})
        if run not in runs:
            return None
        runs.move_to_end(run)
        return runs[run]

    def run_of(self, number: int, run: int) -> Run:
        """The run of a declared probe. One that is not known stays a candidate until `remember` or `forget_candidates`."""
        found = self.known(number, run) or self._candidates.get((number, run))
        if found is None:
            found = self._candidates[number, run] = self._run(number, run)
        return found

    def remember(self, run: Run) -> None:
        """A PDU of this run is written. When the probe has too many runs, the one silent for longest is over."""
        runs = self._runs.setdefault(run.number, OrderedDict())
        runs[run.run] = run
        runs.move_to_end(run.run)
        while len(runs) > MAX_RUNS:
            over, _ = runs.popitem(last=False)
            if self._proves(run.number):
                self.old.setdefault(run.number, OldRuns()).add(over)
                self.newly_old.append((run.number, over))

    def restore(self, number: int, run: int, written: WrittenPdus) -> None:
        """What an earlier start has written of a run. Those of probes that are no longer declared are passed over."""
        if number in self._names:
            restored = self._run(number, run)
            restored.written = written
            self.remember(restored)

    def runs(self) -> Iterator[Run]:
        """All that are remembered; of each probe the longest silent first."""
        for runs in self._runs.values():
            yield from runs.values()

    def forget_candidates(self) -> None:
        """Runs of which nothing could be written leave no trace."""
        self._candidates.clear()

    def _run(self, number: int, run: int) -> Run:
        name = self._names[number]
        return Run(name, number, run, csv_field(name) + f",{run_ms(run)},".encode(), self.counts[number])
