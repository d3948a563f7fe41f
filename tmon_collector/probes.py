"""Probes as the collector sees them: who is declared, who was heard, and which PDUs of a run are written already."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable

from tmon_collector.csv_text import csv_field
from tmon_common.pdu.header import expand, probe_number

MAX_RUNS = 8  # runs of one probe that are remembered
MAX_RANGES = 4096  # ranges of ids, with holes between them, remembered of one run


class WrittenPdus:
    """Which ids of one run are written: everything below a floor, and ranges above it."""

    def __init__(self) -> None:
        self.floor = 0
        self.highest = -1  # largest id heard of
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __contains__(self, pdu: int) -> bool:
        if pdu < self.floor:
            return True
        i = bisect_right(self._starts, pdu) - 1
        return i >= 0 and pdu < self._ends[i]

    def identify(self, low: int) -> int:
        """The id whose last 32 bits are `low`."""
        pdu = low if self.highest < 0 else expand(low, self.highest)
        self.highest = max(self.highest, pdu)
        return pdu

    @property
    def full(self) -> bool:
        """No more ranges can be remembered: new PDUs have to wait until holes are filled or forgotten."""
        return len(self._starts) >= MAX_RANGES

    def add(self, pdu: int) -> None:
        """This one is written."""
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
        self._raise_floor()

    def forget_below(self, floor: int) -> None:
        """The probe will never again send ids below `floor`; should one still arrive, it counts as written."""
        if floor <= self.floor:
            return
        self.floor = floor
        i = bisect_right(self._ends, floor)
        del self._starts[:i], self._ends[:i]
        self._raise_floor()

    def _raise_floor(self) -> None:
        if self._starts and self._starts[0] <= self.floor:
            self.floor = max(self.floor, self._ends[0])
            del self._starts[0], self._ends[0]


class Run:
    """One run of a probe. source: how lines of the CSV files begin."""

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
        self._runs: dict[int, OrderedDict[int, Run]] = {}
        for name in names:
            other = self._names.setdefault(probe_number(name), name)
            if other != name:
                msg = f'probes "{other}" and "{name}" have the same number in PDUs; rename one of them'
                raise ValueError(msg)

    def name_of(self, number: int) -> str | None:
        """Name of a declared probe, None for any other."""
        return self._names.get(number)

    def heard(self, number: int, run: int, now_ns: int) -> Run:
        """The run of a declared probe that has just proved to be alive. The one heard least lately goes when there are too many."""
        name = self._names[number]
        self.heard_ns[name] = now_ns
        runs = self._runs.setdefault(number, OrderedDict())
        found = runs.get(run)
        if found is None:
            found = runs[run] = Run(name, number, run, csv_field(name) + f",{run},".encode())
            if len(runs) > MAX_RUNS:
                runs.popitem(last=False)
        else:
            runs.move_to_end(run)
        return found
