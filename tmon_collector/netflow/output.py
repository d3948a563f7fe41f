"""Flow records to the spool: definitions of new flows, and a row for each flow and minute."""

from __future__ import annotations

import logging

import numpy as np

from tmon_collector.netflow.flows import Flows, definitions
from tmon_collector.netflow.lines import Lines
from tmon_collector.netflow.open_rows import OpenRows
from tmon_collector.netflow.ports import keep_ports
from tmon_collector.netflow.spread import COLUMNS, EXPORTER, FLOW, MINUTE, OCTETS, PACKETS, RECORDS, spread
from tmon_collector.netflow.statistics import NetflowStatistics
from tmon_collector.spool import Spool
from tmon_common.observations import FLOW_DEFINITION, NETFLOW
from tmon_common.observations.netflow import NETFLOW_CLASS

logger = logging.getLogger(__name__)

MAX_WAITING = 1 << 20
"""Rows, and definitions, that wait: for the end of their minute, or for a disk that is full. Beyond it rows are written early, or,
if they cannot be, the oldest go."""
RETRY_NS = 1_000_000_000
MINUTE_NS = 60_000_000_000


class Output:
    """exporters: their names by number, growing; run_ms: start of this run; ports: of ports.POLICIES."""

    def __init__(self, spool: Spool, exporters: list[str], run_ms: int, statistics: NetflowStatistics, linger_ns: int,
                 ports: str = "service") -> None:
        self._statistics, self._ports = statistics, ports
        self.flows = Flows()
        self._open = OpenRows(linger_ns)
        self._rows = Lines(NETFLOW, spool, exporters, run_ms, [])
        self._definitions = Lines(FLOW_DEFINITION, spool, exporters, run_ms, [NETFLOW_CLASS])
        self._undefined: list[tuple[np.ndarray, np.ndarray]] = []
        self._undefined_rows = 0
        self._unwritten = np.zeros((0, COLUMNS), np.int64)
        self._retry_ns: int | None = None

    @property
    def waiting(self) -> int:
        """Rows that are not written."""
        return len(self._open) + len(self._unwritten)

    def add(self, flows: np.ndarray, now_ns: int) -> None:
        """RECORDs; ports that do not make a flow are emptied in place."""
        if not len(flows):
            return
        keep_ports(flows, self._ports)
        numbers, new = self.flows.assign(flows)
        if len(new):
            self._undefined.append((flows["exporter"][new].copy(), definitions(flows[new], numbers[new])))
            self._undefined_rows += len(new)
        for rows in spread(flows, numbers):
            self._open.add(rows, now_ns)
            if len(self._open) > MAX_WAITING and self._open.fold() > MAX_WAITING // 2:
                self._statistics.early += len(self._open)
                self._write(self._open.take_all(), now_ns)

    def tick(self, now_ns: int) -> None:
        """Writes what is due."""
        rows = self._open.take(now_ns)
        if len(rows) or self._may_retry(now_ns):
            self._write(rows, now_ns)

    def next_ns(self) -> int | None:
        """Wall clock (ns) at which `tick` has something to do; None: nothing waits."""
        times = [t for t in (self._open.next_ns(), self._retry_ns) if t is not None]
        return min(times, default=None)

    def close(self, now_ns: int) -> None:
        """Writes everything, whether its minute is over or not."""
        self._write(self._open.take_all(), now_ns)
        if len(self._unwritten):
            self._statistics.given_up += len(self._unwritten)
            logger.error("%d rows could not be written", len(self._unwritten))

    def _may_retry(self, now_ns: int) -> bool:
        return self._retry_ns is not None and not self._retry_ns - RETRY_NS <= now_ns < self._retry_ns

    def _write(self, rows: np.ndarray, now_ns: int) -> None:
        rows = np.concatenate((self._unwritten, rows)) if len(self._unwritten) else rows
        done = 0
        if self._define():
            words = np.empty((len(rows), NETFLOW.words), np.int64)
            for name, column in (("flow", FLOW), ("octets", OCTETS), ("packets", PACKETS), ("records", RECORDS)):
                words[:, NETFLOW.word_of(name)] = rows[:, column]
            words[:, NETFLOW.word_of("start")] = rows[:, MINUTE] * MINUTE_NS
            words[:, NETFLOW.word_of("end")] = (rows[:, MINUTE] + 1) * MINUTE_NS
            done = self._rows.write(rows[:, EXPORTER], words)
            self._statistics.rows += done
        self._unwritten = rows[done:]
        self._retry_ns = now_ns + RETRY_NS if len(self._unwritten) or self._undefined else None
        if len(self._unwritten) > MAX_WAITING:
            kept = np.sort(np.argsort(self._unwritten[:, MINUTE], kind="stable")[-MAX_WAITING // 2 :])
            self._statistics.given_up += len(self._unwritten) - len(kept)
            self._unwritten = self._unwritten[kept]
        if self._undefined_rows > MAX_WAITING:
            self._forget()

    def _define(self) -> bool:
        """Definitions go before the rows of their flows. False: not all could be written."""
        while self._undefined:
            exporters, words = self._undefined[0]
            done = self._definitions.write(exporters, words)
            self._statistics.definitions += done
            self._undefined_rows -= done
            if done < len(words):
                self._undefined[0] = exporters[done:], words[done:]
                return False
            self._undefined.pop(0)
        return True

    def _forget(self) -> None:
        """Definitions of too many flows wait: these flows are given up, with their rows, and get new numbers."""
        self._statistics.given_up += len(self._unwritten) + len(self._open)
        self._open.take_all()
        self._unwritten = self._unwritten[:0]
        self._undefined, self._undefined_rows = [], 0
        self.flows.clear()
