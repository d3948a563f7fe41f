"""Files of flow records into the spool."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import IO

import numpy as np

from tmon_collector.netflow.bounds import EARLIEST_MS, bound_times, sound_counts
from tmon_collector.netflow.nfdump_csv import CsvError, Taken, read
from tmon_collector.netflow.output import Output
from tmon_collector.netflow.sessions import Exporters
from tmon_collector.netflow.statistics import NetflowStatistics
from tmon_collector.spool import Spool
from tmon_common.clock import Clock
from tmon_common.config.model import Collector

logger = logging.getLogger(__name__)

MAX_AHEAD_MS = 2 * 86_400_000
"""The loader refuses rows farther in the future."""


class FileReader:
    """parameters: name and spool; source: exporter of rows that name none. SpoolError when the spool cannot be used."""

    def __init__(self, parameters: Collector, exporters: Exporters, source: str, ports: str, longest_ms: int, clock: Clock) -> None:
        self._clock, self._exporters, self._source, self._longest_ms = clock, exporters, source, longest_ms
        self.statistics = NetflowStatistics()
        self._spool = Spool(parameters, clock)
        self._spool.take_remembered()
        self._spool.compact()
        self._output = Output(self._spool, exporters.names, clock.wall_ns() // 1_000_000, self.statistics, 0, ports)

    def read(self, path: Path) -> str:
        """Takes a file; `-` is standard input. Gives what is wrong with it, empty if nothing is."""
        try:
            if str(path) == "-":
                self._read(sys.stdin.buffer, "standard input")
            else:
                with path.open("rb") as file:
                    self._read(file, str(path))
        except (CsvError, OSError) as error:
            return f"{path}: {getattr(error, 'strerror', None) or error}"
        return ""

    def close(self) -> None:
        """Writes what is there and completes the files."""
        self._output.close(self._clock.wall_ns())
        self._spool.close()

    @property
    def summary(self) -> str:
        """For a person."""
        counted = self.statistics
        refused = "".join(f", {n} refused ({reason})" for reason, n in sorted(counted.not_understood.items()))
        moved = "".join(f", {n} with moved times ({reason})" for reason, n in sorted(counted.misdated.items()) if n)
        return (f"{counted.records} flow records of {len(self._exporters.names)} exporters, {counted.flow_octets} octets in "
                f"{counted.flow_packets} packets; {counted.rows} rows written{refused}{moved}")

    def _read(self, file: IO[bytes], name: str) -> None:
        for taken in read(file):
            for line, reason in taken.bad:
                logger.warning("%s:%d: %s; left out", name, line, reason)
            if taken.refused > len(taken.bad):
                logger.warning("%s: %d more lines are left out", name, taken.refused - len(taken.bad))
            self.statistics.refuse("row", name, taken.refused)
            self._take(taken, name)

    def _take(self, taken: Taken, name: str) -> None:
        flows = taken.flows
        number_of = {e: self._exporters.number(e or self._source) for e in set(taken.exporters)}
        numbers = np.array([number_of[e] if number_of[e] is not None else -1 for e in taken.exporters], np.int64)
        flows["exporter"] = numbers
        self.statistics.refuse("exporter", name, int(np.count_nonzero(numbers < 0)))
        flows = flows[numbers >= 0]
        now_ms = self._clock.wall_ns() // 1_000_000
        dated = (flows["end_ms"] >= EARLIEST_MS) & (flows["end_ms"] <= now_ms + MAX_AHEAD_MS)
        self.statistics.refuse("time", name, int(np.count_nonzero(~dated)))
        flows = flows[dated]
        bound_times(flows, np.ones(len(flows), bool), None, self.statistics, self._longest_ms)
        flows = sound_counts(flows, np.ones(len(flows), np.int64), self.statistics, name)
        self.statistics.records += len(flows)
        self.statistics.flow_octets += int(flows["octets"].sum())
        self.statistics.flow_packets += int(flows["packets"].sum())
        self._output.add(flows, 0)
