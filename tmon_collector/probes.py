"""Probes as the collector sees them: who is declared, who was heard, and which PDUs of a run are written already."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable

from tmon_collector.csv_text import csv_field
from tmon_common.pdu.contents import expand
from tmon_common.pdu.header import probe_number, run_ms

MAX_RUNS = 8  # runs of one probe that are remembered
MAX_RANGES = 4096  # ranges of written ids, with holes between them, remembered of one run
MAX_AHEAD = 1 << 24  # PDUs a probe may have given up in one go; a heartbeat that tells of more is not believed


class WrittenPdus:
    """Which ids of one run are known to be written, as ranges. What somebody tells adds none: only `add` does.

    highest     largest id written, -1: none
    """

    def __init__(self) -> None:
        self.highest = -1
        self._reference = -1  # what 32 bits are read against: highest, or before anything is written the first id heard of
        self._not_held = 0
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __contains__(self, pdu: int) -> bool:
        i = bisect_right(self._starts, pdu) - 1
        return i >= 0 and pdu < self._ends[i]

    def identify(self, low: int) -> int:
        """The id whose last 32 bits are `low`."""
        if self._reference < 0:
            self._reference = low
        return expand(low, self._reference)

    def add(self, pdu: int) -> None:
        """This one is written."""
        self.highest = self._reference = max(self.highest, pdu)
        if pdu in self:
            return
        i = bisect_right(self._starts, pdu)
        joins_left = i > 0 and self._ends[i - 1] == pdu
        joins_right = i < len(self._starts) and self._starts[i] == pdu + 1
        if joins_left and joins_right:
            self._ends[i - 1] = self._ends[i]
            del self._starts[i], self._ends[i]
        elif joins_left:
            self._ends[i - 1] = pdu + 1
        elif joins_right:
            self._starts[i] = pdu
        else:
            self._starts.insert(i, pdu)
            self._ends.insert(i, pdu + 1)

    def may_forget_below(self, oldest: int) -> None:
        """The probe says that it holds nothing below `oldest`: ranges there may go when the room is needed (`make_room`)."""
        self._not_held = max(self._not_held, oldest)

    def make_room(self) -> bool:
        """Whether one more id can be remembered. The lowest ranges go for it, but only those that may.

        False: new PDUs have to wait until holes are filled, or the probe no longer holds the oldest ones.
        """
        surplus = len(self._starts) - MAX_RANGES + 1
        if surplus > 0:
            forgotten = min(surplus, bisect_right(self._ends, self._not_held))
            del self._starts[:forgotten], self._ends[:forgotten]
        return len(self._starts) < MAX_RANGES


class Run:
    """One run of a probe. run: as in PDUs; source: how lines of the CSV files begin."""

    def __init__(self, probe: str, number: int, run: int, source: bytes) -> None:
        self.probe = probe
        self.number = number
        self.run = run
        self.source = source
        self.written = WrittenPdus()


class Probes:
    """The declared probes. ValueError when two names share a number, so that their PDUs could not be told apart."""

    def __init__(self, names: Iterable[str]) -> None:
        self.heard_ns: dict[str, int] = {}  # when each was last heard, on the monotonic clock
        self._names: dict[int, str] = {}
        self._runs: dict[int, OrderedDict[int, Run]] = {}  # by number of the probe; longest silent first
        self._candidates: dict[tuple[int, int], Run] = {}
        for name in names:
            other = self._names.setdefault(probe_number(name), name)
            if other != name:
                msg = f'probes "{other}" and "{name}" have the same number in PDUs; rename one of them'
                raise ValueError(msg)

    def name_of(self, number: int) -> str | None:
        """Name of a declared probe, None for any other."""
        return self._names.get(number)

    def heard(self, number: int, now_ns: int) -> None:
        """A declared probe has proved to be alive."""
        self.heard_ns[self._names[number]] = now_ns

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
            name = self._names[number]
            found = self._candidates[number, run] = Run(name, number, run, csv_field(name) + f",{run_ms(run)},".encode())
        return found

    def remember(self, run: Run) -> None:
        """A PDU of this run is written. When the probe has too many runs, the one silent for longest is forgotten."""
        runs = self._runs.setdefault(run.number, OrderedDict())
        runs[run.run] = run
        runs.move_to_end(run.run)
        if len(runs) > MAX_RUNS:
            runs.popitem(last=False)

    def forget_candidates(self) -> None:
        """Runs of which nothing could be written leave no trace."""
        self._candidates.clear()
