"""FTP: every transfer of a session with its data connection, and what sessions did per interval.

Python looks at the packets of control connections one by one, which are few; data connections are followed by `Connections`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tmon_common.analyses.built_in import FTP
from tmon_common.config.model import Analysis
from tmon_common.observations import FTP_COUNTERS, Rows
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task
from tmon_probe.child.ftp.counts import CounterRows
from tmon_probe.child.ftp.dialogues import Control, Dialogues, Numbers
from tmon_probe.child.ftp.rows import rows_of
from tmon_probe.child.ftp.transfer import Endpoint, Transfer
from tmon_probe.child.tcp.layout import INTERIM
from tmon_probe.demand import FTP_CONTROL, Demand, Fragments
from tmon_probe.records import SERVICE

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_PORTS = np.array(sorted(FTP_CONTROL.ports), np.uint16)


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
        each = [of_class.dialogues.counters() for of_class in self._classes]
        return {name: sum(c[name] for c in each) for name in each[0]}


class _OfClass:
    """The sessions of one flow class; rows for each of its granular flow definitions."""

    def __init__(self, tasks: list[Task], context: Context, numbers: Numbers) -> None:
        self._tasks, self._emit = tasks, context.emit
        self._connections = context.connections(tasks[0])
        self._connections.follow_ftp_data()
        self._connections.listen(self._take_ended)
        self._bits = np.uint8(context.service_bits(FTP_CONTROL))
        analysis = tasks[0].analysis
        self.dialogues = Dialogues(FTP.option(analysis, "max_sessions"), FTP.option(analysis, "idle_timeout"), numbers,
                                   self._count, self._publish)
        self._counts = [CounterRows(t.analysis.interval_ns) for t in tasks]
        self._by_slot: dict[int, Control] = {}
        self._finished: list[tuple[Control, Transfer]] = []
        self._now_ns = 0

    def process(self, batch: FlowBatch) -> None:
        births = self._births()
        records = self._control_records(batch, births)
        for i in sorted({*records, *births}):
            if i in births:
                self._begin(batch, i, births[i])
            if i in records:
                self._segment(batch, i)
        self._emit_finished()

    def flush(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self.dialogues.flush(now_ns)
        self._emit_finished()
        for counts in self._counts:
            self._emit_counts(counts.close(now_ns))

    def finish(self) -> None:
        self.dialogues.finish()
        self._emit_finished()
        for counts in self._counts:
            self._emit_counts(counts.close_all())

    # --- from Connections

    def _take_ended(self, states: np.ndarray) -> None:
        """Before the packets of a batch are looked at: none of them belongs to a connection whose end is told."""
        known = [k for k, serial in enumerate(states["serial"].tolist()) if self.dialogues.knows(serial)]
        for state in np.sort(states[known], order="end_ns"):  # so that what resumes a file comes after what it resumes
            if state["ended_by"] != INTERIM:
                self._by_slot.pop(int(state["slot"]), None)
                self.dialogues.ended(state)

    def _births(self) -> dict[int, np.void]:
        """Connections begun in this batch that FTP has to do with: record that began it -> CONNECTION."""
        slots = self._connections.opened
        if not len(slots):
            return {}
        states = self._connections.peek(slots)
        control = np.isin(states["server_port"], _PORTS) | np.isin(states["client_port"], _PORTS)
        if not control.any() and not len(self.dialogues):
            return {}
        concerned = np.flatnonzero(control | self.dialogues.attribution.between_hosts(states, states[control]))
        return {int(self._connections.opened_by[k]): states[k] for k in concerned}

    # --- packets

    def _control_records(self, batch: FlowBatch, births: dict[int, np.void]) -> set[int]:
        """Records of control connections."""
        if not births and not len(self.dialogues):
            return set()
        records = batch.records[batch.first : batch.count]
        chosen = ((records["flags"] & np.uint32(SERVICE)) != 0) & ((records["service"] & self._bits) != 0)
        chosen &= self._connections.of_record[batch.first : batch.count] >= 0
        return set((np.flatnonzero(chosen) + batch.first).tolist())

    def _begin(self, batch: FlowBatch, i: int, state: np.void) -> None:
        client, server = _ends(state)
        now_ns = int(batch.records["time_ns"][i])
        if server[1] in FTP_CONTROL.ports:
            flows = [int(batch.numbers[batch.flow[t.number, i]]) for t in self._tasks]
            self._by_slot[int(state["slot"])] = self.dialogues.begin(
                int(state["serial"]), client, server, bool(state["from_start"]), now_ns, flows)
        else:
            self.dialogues.opened(int(state["serial"]), client, server, now_ns)

    def _segment(self, batch: FlowBatch, i: int) -> None:
        control = self._by_slot.get(int(self._connections.of_record[i]))
        if control is None:
            return
        record = batch.records[i]
        flags = int(record["tcp_flags"])
        octets = batch.payload_of(i)[: int(record["payload_octets"])]
        if control.gone:
            del self._by_slot[int(self._connections.of_record[i])]
            return
        self.dialogues.segment(
            control, int(record["src_port"]) == control.session.server[1] and _address(record, "src") == control.session.server[0],
            int(record["tcp_seq"]), int(record["tcp_ack"]) if flags & _ACK else None, octets, int(record["time_ns"]),
            syn=bool(flags & _SYN), closes=bool(flags & (_FIN | _RST)))

    # --- rows

    def _count(self, control: Control, name: str, time_ns: int) -> None:
        for counts, flow in zip(self._counts, control.flows, strict=True):
            counts.count(flow, name, time_ns)

    def _publish(self, control: Control, transfer: Transfer) -> None:
        self._finished.append((control, transfer))
        for counts, flow in zip(self._counts, control.flows, strict=True):
            counts.count_transfer(flow, transfer, self._now_ns)

    def _emit_finished(self) -> None:
        if self._finished:
            finished, self._finished = self._finished, []
            self._emit(rows_of([(flow, transfer) for control, transfer in finished for flow in control.flows]))

    def _emit_counts(self, words: np.ndarray) -> None:
        if len(words):
            self._emit(Rows.from_words(FTP_COUNTERS, words))


def _ends(state: np.void) -> tuple[Endpoint, Endpoint]:
    """Client and server of a CONNECTION; of a control connection, the server is who has its port, whoever spoke first."""
    ends = [(_address(state, side), int(state[f"{side}_port"])) for side in ("client", "server")]
    if ends[0][1] in FTP_CONTROL.ports and ends[1][1] not in FTP_CONTROL.ports:
        ends.reverse()
    return ends[0], ends[1]


def _address(record: np.void, side: str) -> int:
    return int(record[f"{side}_hi"]) << 64 | int(record[f"{side}_lo"])
