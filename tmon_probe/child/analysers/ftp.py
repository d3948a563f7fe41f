"""FTP: every transfer of a session with its data connection, and what sessions did per interval.

Python looks at the packets of control connections one by one, which are few; data connections are followed by `Connections`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import NamedTuple

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
from tmon_probe.records import FRAGMENT, QUOTED, REASSEMBLED, SERVICE

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_WANTED, _PART = np.uint32(SERVICE | QUOTED), np.uint32(FRAGMENT | REASSEMBLED)
_BOUNDARY = np.uint16(_FIN | _SYN | _RST)
_SPARE = 64
"""Control connections that ended may be known by their ends, beside as many as live."""


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
        self._bits, self._class_bit = np.uint8(context.service_bits(FTP_CONTROL)), np.uint64(1 << tasks[0].spec.bit)
        analysis = tasks[0].analysis
        self.dialogues = Dialogues(FTP.option(analysis, "max_sessions"), FTP.option(analysis, "idle_timeout"), numbers,
                                   self._count, self._publish)
        self._counts = [CounterRows(t.analysis.interval_ns) for t in tasks]
        self._by_slot: dict[int, Control] = {}  # of Connections
        self._by_ends: dict[tuple[Endpoint, Endpoint], Control] = {}  # for packets that Connections pass over (boundaries)
        self._finished: list[tuple[Control, Transfer]] = []
        self._now_ns = 0

    def process(self, batch: FlowBatch) -> None:
        births = self._births(batch)
        segments = self._segments(batch, births)
        for i in sorted({*segments, *births}):
            if i in births:
                self._begin(batch, i, births[i])
            if i in segments:
                self._take(batch, i, segments[i])
        self._emit_finished()

    def flush(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self.dialogues.flush(now_ns)
        self._emit_finished()
        if len(self._by_ends) > 2 * len(self.dialogues) + _SPARE:
            self._by_ends = {ends: control for ends, control in self._by_ends.items() if not control.gone}
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
                self.dialogues.ended(state)
                self._by_slot.pop(int(state["slot"]), None)

    def _births(self, batch: FlowBatch) -> dict[int, np.void]:
        """Connections begun in this batch that FTP has to do with: record that began it -> CONNECTION."""
        slots, opened_by = self._connections.opened, self._connections.opened_by
        if not len(slots):
            return {}
        control = _has_port(batch.records["src_port"][opened_by]) | _has_port(batch.records["dst_port"][opened_by])
        if not control.any() and not len(self.dialogues):
            return {}
        records = batch.records[opened_by]
        concerned = np.flatnonzero(control | self.dialogues.attribution.between_hosts(records, records[control]))
        return dict(zip(opened_by[concerned].tolist(), self._connections.peek(slots[concerned]), strict=True))

    # --- packets

    def _segments(self, batch: FlowBatch, births: dict[int, np.void]) -> dict[int, _Segment]:
        """Of control connections those that carry octets, begin or end something: position of the record -> what it says.

        Mere acknowledgements are left out: what they tell, the next segment of that side tells too.
        """
        if not births and not len(self.dialogues):
            return {}
        records = batch.records[batch.first : batch.count]
        flags = records["flags"]
        chosen = np.flatnonzero((flags & _WANTED == SERVICE) & (records["service"] & self._bits != 0))
        few = records[chosen]
        chosen = chosen[(few["flags"] & _PART != FRAGMENT) & (few["class_mask"] & self._class_bit != 0)
                        & ((few["payload_octets"] != 0) | (few["tcp_flags"] & _BOUNDARY != 0))]
        few = records[chosen]
        chosen += batch.first
        columns = [few[name].tolist() for name in _Segment._fields[1:]]
        return {i: _Segment(*values) for i, *values in zip(chosen.tolist(), self._connections.of_record[chosen].tolist(), *columns,
                                                           strict=True)}

    def _begin(self, batch: FlowBatch, i: int, state: np.void) -> None:
        client, server = _ends(state)
        now_ns = int(batch.records["time_ns"][i])
        if server[1] not in FTP_CONTROL.ports:
            self.dialogues.opened(int(state["serial"]), client, server, now_ns)
            return
        entries = [int(batch.flow[t.number, i]) for t in self._tasks]
        if min(entries) < 0:  # between hosts of a session, but not in the class itself
            return
        flows = [int(batch.numbers[entry]) for entry in entries]
        control = self.dialogues.begin(int(state["serial"]), client, server, bool(state["from_start"]), now_ns, flows)
        self._by_slot[int(state["slot"])] = self._by_ends[client, server] = control

    def _take(self, batch: FlowBatch, i: int, segment: _Segment) -> None:
        source, destination = segment.ends
        control = self._by_slot.get(segment.slot) if segment.slot >= 0 else (
            self._by_ends.get((source, destination)) or self._by_ends.get((destination, source)))
        if control is None or control.gone:
            return
        flags, size = segment.tcp_flags, segment.payload_octets
        self.dialogues.segment(
            control, source == control.session.server, segment.tcp_seq, segment.tcp_ack if flags & _ACK else None,
            batch.payload_of(i)[:size] if size else b"", segment.time_ns, syn=bool(flags & _SYN),
            closes=bool(flags & (_FIN | _RST)))

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


class _Segment(NamedTuple):
    """slot: of Connections, -1 if they passed over it; the others as in records.PACKET."""

    slot: int
    time_ns: int
    tcp_seq: int
    tcp_ack: int
    tcp_flags: int
    payload_octets: int
    src_hi: int
    src_lo: int
    src_port: int
    dst_hi: int
    dst_lo: int
    dst_port: int

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        return (self.src_hi << 64 | self.src_lo, self.src_port), (self.dst_hi << 64 | self.dst_lo, self.dst_port)


def _has_port(ports: np.ndarray) -> np.ndarray:
    """bool (n,): which of them are ports of control connections."""
    return reduce(np.logical_or, (ports == port for port in FTP_CONTROL.ports))


def _ends(state: np.void) -> tuple[Endpoint, Endpoint]:
    """Client and server of a CONNECTION; of a control connection, the server is who has its port, whoever spoke first."""
    ends = [(_address(state, side), int(state[f"{side}_port"])) for side in ("client", "server")]
    if ends[0][1] in FTP_CONTROL.ports and ends[1][1] not in FTP_CONTROL.ports:
        ends.reverse()
    return ends[0], ends[1]


def _address(record: np.void, side: str) -> int:
    return int(record[f"{side}_hi"]) << 64 | int(record[f"{side}_lo"])
