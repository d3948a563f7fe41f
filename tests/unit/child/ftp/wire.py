"""Segments of one control connection as batches of packet records, read by the kernel and by the engine."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tests.unit.child.ftp.playbook import CLIENT_ADDR, SERVER_ADDR, START, end
from tmon_probe import records as r
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.ftp.dialogues import Control, Dialogues, Numbers
from tmon_probe.child.ftp.reader import Reader
from tmon_probe.child.ftp.transfer import Transfer
from tmon_probe.records import PACKET

FIN, SYN, RST, ACK = 1, 2, 4, 16
HEADERS = 40
SLOT = 5
CLIENT, SERVER = end(CLIENT_ADDR, 40000), end(SERVER_ADDR, 21)
NOT_CAPTURED = 1 << 16


class Segment(NamedTuple):
    """ack: None without ACK; captured: octets of its payload that were."""

    from_server: bool
    sequence: int
    octets: bytes = b""
    ack: int | None = None
    flags: int = 0
    captured: int = NOT_CAPTURED
    time_ns: int = START


def batch_of(segments: Sequence[Segment]) -> FlowBatch:
    """All in one lane, one after the other."""
    records, area, at = np.zeros(len(segments), PACKET), np.full(1 << 16, 0xA5, np.uint8), 0
    for record, segment in zip(records, segments, strict=True):
        captured = segment.octets[: segment.captured]
        record["time_ns"], record["class_mask"], record["service"], record["flags"] = segment.time_ns, 1, 1, r.SERVICE | r.HAS_TCP
        ends = (SERVER, CLIENT) if segment.from_server else (CLIENT, SERVER)
        for side, (address, port) in zip(("src", "dst"), ends, strict=True):
            record[f"{side}_hi"], record[f"{side}_lo"], record[f"{side}_port"] = address >> 64, address & (1 << 64) - 1, port
        record["payload_octets"], record["tcp_seq"] = len(segment.octets), segment.sequence % 2**32
        record["tcp_flags"] = segment.flags | (ACK if segment.ack is not None else 0)
        record["tcp_ack"] = (segment.ack or 0) % 2**32
        record["bytes_offset"], record["bytes_length"], record["payload_at"] = at, HEADERS + len(captured), HEADERS
        area[at + HEADERS : at + HEADERS + len(captured)] = np.frombuffer(captured, np.uint8)
        at += HEADERS + len(captured)
    none = np.zeros((1, 1), np.uint8)
    return FlowBatch(records, 0, len(records), np.zeros((1, len(records)), np.int32), none, np.ones(1, np.int64),
                     np.zeros(len(records), np.int16), area.reshape(1, -1), none)


class Wire:
    """An engine and one session of it. by_kernel: its lines are cut by the kernel, as far as that can; else none is."""

    def __init__(self, *, by_kernel: bool = True) -> None:
        self.counts: Counter[str] = Counter()
        self.transfers: list[Transfer] = []
        self.engine = Dialogues(100, 1 << 62, Numbers(), lambda _, transfer: self.transfers.append(transfer))
        self.reader = Reader(self.engine, 1, 1)
        self.control: Control | None = None
        self._by_kernel = by_kernel

    def count(self, name: str, time_ns: int) -> None:
        self.counts[name] += 1

    def read(self, *segments: Segment) -> "Wire":
        """In one batch. The first one begins the session."""
        births = {}
        if self.control is None:
            self.reader.watch([(SLOT, SERVER, self._by_kernel)])
            births[0] = self._begin
        self.reader.read(batch_of(segments), np.full(len(segments), SLOT, np.int32), births)
        return self

    def _begin(self) -> None:
        self.control = self.engine.begin(1, CLIENT, SERVER, True, START, self)
        self.reader.begin(SLOT, self.control, by_boundaries=False, ours=self._by_kernel)

    @property
    def lent(self) -> list[bool]:
        """Directions that are the kernel's."""
        return list(self.control.lent)
