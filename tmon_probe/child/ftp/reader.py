"""Control connections of a batch into dialogues: lines that a kernel has cut, segments of directions where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.ftp import cutting
from tmon_probe.child.ftp.commands import Command
from tmon_probe.child.ftp.cutting import (
    ACKNOWLEDGED,
    COMMAND,
    DEAF,
    ENGINES,
    LEFT,
    MORE,
    OURS,
    REPLY,
    SEGMENT,
    TOKEN,
    UNKNOWN,
    UNWATCHED,
    WATCHED,
)
from tmon_probe.child.ftp.dialogues import Control, Dialogues
from tmon_probe.child.ftp.text import text_of
from tmon_probe.child.ftp.transfer import Endpoint
from tmon_probe.child.ftp.verbs import HAS_ARGUMENT, NAMES, VERBS, WITHOUT_ARGUMENT

FIRST_SLOTS = 1 << 10
MANY_ENDS = 1 << 10
"""Ends of sessions that are over are forgotten when there are so many more than twice as many as sessions."""
LINES_PER_RECORD = 2
"""Room for lines beside the tokens that each record may make; when it is used up, segments are read one by one."""
MAX_STOPS = 32
"""So often in a batch a direction that the engine has is handed back at once, else at the end of the batch."""
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_WORD = (1 << 64) - 1
_NEVER = 1 << 62


class Reader:
    """service, class_bit: bits of FTP control connections and of the class in packet records."""

    def __init__(self, dialogues: Dialogues, service: int, class_bit: int) -> None:
        self._dialogues = dialogues
        self._service, self._class_bit = np.uint8(service), np.uint64(class_bit)
        self._watched = np.zeros(FIRST_SLOTS, WATCHED)
        self._tokens, self._touched = np.zeros((0, TOKEN), np.int64), np.zeros(0, np.int32)
        self._controls: dict[int, Control] = {}  # by slot
        self._by_ends: dict[tuple[Endpoint, Endpoint], Control] = {}  # of those that `Connections` passes over (boundaries)
        self._due: list[tuple[int, Callable[[], None]]] = []  # births not done, the next one last
        self._read_here: dict[int, Control] = {}  # controls with a direction that is the engine's in this batch, by slot

    # --- whose connections these are

    def watch(self, begun: Sequence[tuple[int, Endpoint, bool]]) -> None:
        """Before the batch that begins control connections is read: slot, server, and whether the kernel may have them."""
        if not begun:
            return
        slots = [slot for slot, _, _ in begun]
        if max(slots) >= len(self._watched):
            more = np.zeros(max(2 * len(self._watched), max(slots) + 1), WATCHED)
            more[: len(self._watched)] = self._watched
            self._watched = more
        fresh = [(address >> 64, address & _WORD, 0, (UNKNOWN, UNKNOWN), port, (OURS, OURS) if ours else (ENGINES, ENGINES), 0)
                 for _, (address, port), ours in begun]
        self._watched[slots] = np.array(fresh, WATCHED)

    def begin(self, slot: int, control: Control, *, by_boundaries: bool, ours: bool) -> None:
        """While it is read: whose connection that is."""
        self._controls[slot] = control
        if by_boundaries:
            self._by_ends[control.ends] = control
            return
        control.slot = slot
        control.lent = [ours, ours]

    def end(self, slot: int) -> None:
        """The connection has ended; its session may go on."""
        control = self._controls.pop(slot, None)
        if control is not None:
            for side in (0, 1):
                self._take_back(control, side)
            control.slot = -1
            self._watched["state"][slot] = UNWATCHED

    def tidy(self) -> None:
        """Forget sessions that are over, if there are many: a connection may outlive its session, and be known for long."""
        if len(self._controls) > 2 * len(self._dialogues) + MANY_ENDS:
            for slot in [slot for slot, control in self._controls.items() if control.gone]:
                self.end(slot)
        if len(self._by_ends) > 2 * len(self._dialogues) + MANY_ENDS:
            self._by_ends = {ends: control for ends, control in self._by_ends.items() if not control.gone}

    # --- batches

    def read(self, batch: FlowBatch, of_record: np.ndarray, births: Mapping[int, Callable[[], None]]) -> None:
        """births: by position of its record, what to do when a connection begins."""
        self._make_room(max(batch.count - batch.first, 0))
        self._due = sorted(births.items(), reverse=True)
        areas = [area.data for area in batch.areas]
        done, touches, stops = batch.first, 0, MAX_STOPS
        every = int(self._dialogues.crowded_with(len(births)))
        while True:  # once at least, so that an empty batch has the kernels compiled
            done, written, touches = cutting.cut(
                batch.records, done, batch.count, self._service, self._class_bit, of_record, batch.lanes, batch.areas, NAMES,
                HAS_ARGUMENT, self._watched, self._tokens, self._touched, touches, int(stops > 0), every)
            self._take(batch, written, areas)
            self._hand_back()
            stops -= 1
            if done >= batch.count:
                break
        self._bear(batch.count)
        for slot in self._touched[cutting.keep_last(self._touched, touches, self._watched) : touches].tolist():
            if (control := self._controls.get(slot)) is not None:
                self._dialogues.touch(control, int(self._watched["last_ns"][slot]))
                if control.gone or control.session.encrypted:
                    self._stop_reading(control)

    def _take(self, batch: FlowBatch, written: int, areas: list[memoryview]) -> None:
        """The first `written` tokens."""
        controls, dialogues = self._controls, self._dialogues
        slot_before, control, next_birth = -1, None, self._next_birth()
        for i, slot, kind, time_ns, value, lane, begin, end in zip(*self._tokens[:written].T.tolist(), strict=True):
            if i >= next_birth:
                self._bear(i)
                slot_before, next_birth = -1, self._next_birth()
            if slot != slot_before or slot < 0:
                slot_before, control = slot, controls.get(slot) if slot >= 0 else self._by_record(batch.records[i])
                if control is not None:
                    dialogues.touch(control, time_ns)
            if control is None or control.gone:
                continue
            if kind == COMMAND:
                command = Command(VERBS[value], text_of(bytes(areas[lane][begin:end]))) if end else WITHOUT_ARGUMENT[value]
                dialogues.command(control, command, time_ns)
            elif kind == REPLY:
                dialogues.reply_line(control, value & MORE - 1, value >= MORE, areas[lane], begin, end, time_ns)
            elif kind == LEFT:
                dialogues.left(control)
            elif kind == ACKNOWLEDGED:
                self._read_here[slot] = control
                dialogues.acknowledged(control, bool(value), int(batch.records["tcp_ack"][i]), time_ns)
            elif kind == SEGMENT:
                self._take_segment(batch, i, control)

    def _next_birth(self) -> int:
        """Record that the next connection begins with."""
        return self._due[-1][0] if self._due else _NEVER

    def _bear(self, i: int) -> None:
        """Connections that begin up to record i."""
        while self._due and self._due[-1][0] <= i:
            self._due.pop()[1]()

    def _make_room(self, count: int) -> None:
        if len(self._touched) < count:
            self._touched = np.zeros(count, np.int32)
            self._tokens = np.zeros(((cutting.PER_RECORD + LINES_PER_RECORD) * count, TOKEN), np.int64)

    def _take_segment(self, batch: FlowBatch, i: int, control: Control) -> None:
        record = batch.records[i]
        from_server = int(_ends_of(record)[0] == control.session.server)
        if control.slot >= 0:
            self._take_back(control, from_server)
            self._read_here[control.slot] = control
        flags, octets = int(record["tcp_flags"]), int(record["payload_octets"])
        self._dialogues.segment(
            control, bool(from_server), int(record["tcp_seq"]), int(record["tcp_ack"]) if flags & _ACK else None,
            batch.payload_of(i)[:octets] if octets else b"", int(record["time_ns"]), syn=bool(flags & _SYN),
            closes=bool(flags & (_FIN | _RST)))

    def _by_record(self, record: np.void) -> Control | None:
        source, destination = _ends_of(record)
        return self._by_ends.get((source, destination)) or self._by_ends.get((destination, source))

    # --- whose directions these are

    def _take_back(self, control: Control, side: int) -> None:
        """The engine has the direction now."""
        if control.lent[side]:
            control.lent[side] = False
            following = int(self._watched["next"][control.slot, side])
            control.streams[side].expect(None if following == UNKNOWN else following)

    def _hand_back(self) -> None:
        """To the kernel, directions of the engine that are in order again."""
        for slot, control in self._read_here.items():
            for side in (0, 1):
                if not control.lent[side] and not control.gone and control.slot == slot and (
                        control.streams[side].in_order and control.lines[side].at_start):
                    following = control.streams[side].following
                    self._watched["next"][slot, side] = UNKNOWN if following is None else following
                    self._watched["state"][slot, side] = OURS
                    control.lent[side] = True
        self._read_here.clear()

    def _stop_reading(self, control: Control) -> None:
        """Nothing more is to be read of it: it is over, or encrypted."""
        if control.slot >= 0:
            self._watched["state"][control.slot] = UNWATCHED if control.gone else DEAF


def _ends_of(record: np.void) -> tuple[Endpoint, Endpoint]:
    """Of a records.PACKET: who sent it, and to whom."""
    return ((int(record["src_hi"]) << 64 | int(record["src_lo"]), int(record["src_port"])),
            (int(record["dst_hi"]) << 64 | int(record["dst_lo"]), int(record["dst_port"])))
