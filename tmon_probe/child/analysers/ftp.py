"""FTP: every transfer of a session with its data connection, and what sessions did per interval.

Python looks at the lines of control connections, which are few; data connections are followed by `Connections`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce

import numpy as np

from tmon_common.analyses.built_in import FTP
from tmon_common.config.model import Analysis
from tmon_common.observations import FTP_COUNTERS, Rows
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task
from tmon_probe.child.ftp.counts import Counts, Tally
from tmon_probe.child.ftp.dialogues import Control, Dialogues, Numbers
from tmon_probe.child.ftp.reader import Reader
from tmon_probe.child.ftp.rows import rows_of
from tmon_probe.child.ftp.transfer import Endpoint, Transfer
from tmon_probe.child.tcp.layout import INTERIM
from tmon_probe.demand import FTP_CONTROL, Demand, Fragments


class Ftp:
    """See tmon_probe.child.analyser.Analyser."""

    alerts: Mapping[str, str] = {"ftp_sessions_evicted": "analysis_gave_up"}

    def __init__(self, tasks: list[Task], context: Context) -> None:
        numbers = Numbers()
        by_class: dict[int, list[Task]] = {}
        for task in tasks:
            by_class.setdefault(task.spec.bit, []).append(task)
        self._classes = [_OfClass(t, context, numbers) for t in by_class.values()]

    @staticmethod
    def demand(analysis: Analysis) -> Demand:
        return Demand(Fragments.WHOLE, (FTP_CONTROL,), FTP.option(analysis, "mode"))

    def process(self, batch: FlowBatch) -> None:
        for of_class in self._classes:
            of_class.process(batch)

    def flush(self, now_ns: int) -> None:
        for of_class in self._classes:
            of_class.flush(now_ns)

    def retire(self, entries: np.ndarray) -> None:
        """Nothing is kept by entry, but by the number of the flow."""

    def finish(self) -> None:
        for of_class in self._classes:
            of_class.finish()

    def counters(self) -> dict[str, int]:
        each = [of_class.counters() for of_class in self._classes]
        return {name: sum(c[name] for c in each) for name in each[0]}


class _OfClass:
    """The sessions of one flow class; rows for each of its granular flow definitions."""

    def __init__(self, tasks: list[Task], context: Context, numbers: Numbers) -> None:
        self._tasks, self._emit = tasks, context.emit
        self._connections = context.connections(tasks[0])
        self._connections.follow_ftp_data()
        self._connections.listen(self._take_ended)
        analysis = tasks[0].analysis
        self.dialogues = Dialogues(FTP.option(analysis, "max_sessions"), FTP.option(analysis, "idle_timeout"), numbers,
                                   self._publish)
        self._counts = Counts(t.analysis.interval_ns for t in tasks)
        self._reader = Reader(self.dialogues, context.service_bits(FTP_CONTROL), 1 << tasks[0].spec.bit)
        self._finished: list[tuple[Control, Transfer]] = []
        self._now_ns = 0

    def process(self, batch: FlowBatch) -> None:
        births = self._births(batch)
        if births or len(self.dialogues) or not len(batch.records):
            self._reader.read(batch, self._connections.of_record, births)
        self._emit_finished()
        if self._counts.crowded:
            self._counts.published_early += 1
            self._emit_counts(self._counts.close_all())

    def flush(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self.dialogues.flush(now_ns)
        self._emit_finished()
        self._reader.tidy()
        self._emit_counts(self._counts.close(now_ns))

    def counters(self) -> dict[str, int]:
        return self.dialogues.counters() | {"ftp_counters_published_early": self._counts.published_early}

    def finish(self) -> None:
        self.dialogues.finish()
        self._emit_finished()
        self._emit_counts(self._counts.close_all())

    # --- from Connections

    def _take_ended(self, states: np.ndarray) -> None:
        """Before the packets of a batch are looked at: none of them belongs to a connection whose end is told."""
        known = [k for k, serial in enumerate(states["serial"].tolist()) if self.dialogues.knows(serial)]
        for state in np.sort(states[known], order="end_ns"):  # so that what resumes a file comes after what it resumes
            if state["ended_by"] != INTERIM:
                self._reader.end(int(state["slot"]))
                self.dialogues.ended(state)

    def _births(self, batch: FlowBatch) -> dict[int, Callable[[], None]]:
        """Connections begun in this batch that FTP has to do with: record that began it -> what to do then."""
        slots, opened_by = self._connections.opened, self._connections.opened_by
        if not len(slots):
            return {}
        control = _has_port(batch.records["src_port"][opened_by]) | _has_port(batch.records["dst_port"][opened_by])
        if not control.any() and not len(self.dialogues):
            return {}
        records = batch.records[opened_by]
        concerned = np.flatnonzero(control | self.dialogues.attribution.between_hosts(records, records[control]))
        states, opened_by = self._connections.peek(slots[concerned]), opened_by[concerned]
        flows = batch.flow[[t.number for t in self._tasks]][:, opened_by]
        known = (states[name].tolist() for name in ("serial", "slot", "from_start", "by_boundaries"))
        columns = zip(opened_by.tolist(), records["time_ns"][concerned].tolist(), _ends(states), batch.numbers[flows].T.tolist(),
                      (flows >= 0).all(axis=0).tolist(), *known, strict=True)
        births, watched = {}, []
        for i, time_ns, (client, server), numbers, in_class, serial, slot, from_start, by_boundaries in columns:
            if server[1] not in FTP_CONTROL.ports:
                births[i] = partial(self.dialogues.opened, serial, client, server, time_ns)
            elif in_class:
                ours = not by_boundaries and not self.dialogues.dormant(client, server)
                watched.append((slot, server, ours))
                births[i] = partial(self._begin, slot, bool(by_boundaries), ours, serial, client, server, bool(from_start), time_ns,
                                    Tally(self._counts, numbers))
        self._reader.watch(watched)
        return births

    def _begin(self, slot: int, by_boundaries: bool, ours: bool, *known: object) -> None:
        """ours: see Reader.watch; known: what Dialogues.begin gets."""
        self._reader.begin(slot, self.dialogues.begin(*known), by_boundaries=by_boundaries, ours=ours)

    # --- rows

    def _publish(self, control: Control, transfer: Transfer) -> None:
        self._finished.append((control, transfer))
        self._counts.count_transfer(control.tally.flows, transfer, self._now_ns)

    def _emit_finished(self) -> None:
        if self._finished:
            finished, self._finished = self._finished, []
            self._emit(rows_of([(flow, transfer) for control, transfer in finished for flow in control.tally.flows]))

    def _emit_counts(self, closed: list[np.ndarray]) -> None:
        for words in closed:
            self._emit(Rows.from_words(FTP_COUNTERS, words))


def _has_port(ports: np.ndarray) -> np.ndarray:
    """bool (n,): which of them are ports of control connections."""
    return reduce(np.logical_or, (ports == port for port in FTP_CONTROL.ports))


def _ends(states: np.ndarray) -> list[tuple[Endpoint, Endpoint]]:
    """Client and server of each CONNECTION; of a control connection, the server is who has its port, whoever spoke first."""
    clients, servers = (
        [(hi << 64 | lo, port) for hi, lo, port in zip(*(states[f"{side}_{part}"].tolist() for part in ("hi", "lo", "port")),
                                                       strict=True)] for side in ("client", "server"))
    ports = FTP_CONTROL.ports
    return [(server, client) if client[1] in ports and server[1] not in ports else (client, server)
            for client, server in zip(clients, servers, strict=True)]
