"""Datagrams cut into fragments, and the way of these through the father's dissection and the child's reassembly."""

import struct
from dataclasses import dataclass

import numpy as np

from tests.pipeline_in_process import Kernel
from tmon_common.config.model import Filter, Predicate
from tmon_probe import records as r
from tmon_probe.child.reassembly.reassembly import Reassembly
from tmon_probe.demand import NOTHING_SPECIAL, Demand, Fragments, fragment_masks
from tmon_probe.father import counts
from tmon_probe.father.capture.batch import Batch
from tmon_probe.father.dissection import Room, Viewpoint
from tmon_probe.father.plan import plan_of
from tmon_probe.father.sieve import compile_sieve
from tmon_probe.records import PACKET

MS = 1_000_000
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
RAW = 101
AREA_OCTETS = 1 << 22
DONT_FRAGMENT = 0x40
WHOLE, EVERY, FIRST = Demand(Fragments.WHOLE), NOTHING_SPECIAL, Demand(Fragments.FIRST)
ALL, DNS = Filter(), Filter((Predicate("port", ((53, 53),)),))


@dataclass(frozen=True)
class Datagram:
    """payload: from the transport header on. extension: what stands between IPv6 header and fragment header; kind: what it is."""

    payload: bytes
    version: int = 4
    identification: int = 1
    protocol: int = 17
    src: int = 1
    dst: int = 2
    options: bytes = b""
    extension: bytes = b""
    kind: int = 0

    @property
    def whole(self) -> bytes:
        """The packet before it was fragmented, its checksum 0."""
        return self._packet(0, self.payload, None)

    def part(self, start: int, end: int, more: bool | None = None, payload: bytes | None = None) -> bytes:
        """Octets start to end of the payload, or others, as a fragment; `more`: that it says that more come."""
        more = end < len(self.payload) if more is None else more
        return self._packet(start, self.payload[start:end] if payload is None else payload, more)

    def parts(self, *cuts: int) -> list[bytes]:
        """Cut at these places of the payload."""
        return [self.part(a, b) for a, b in zip((0, *cuts), (*cuts, len(self.payload)), strict=True)]

    def _packet(self, offset: int, payload: bytes, more: bool | None) -> bytes:
        if self.version == 4:
            header = 20 + len(self.options)
            return struct.pack(">BBHHHBBHII", 0x40 | header // 4, 0, header + len(payload), self.identification,
                               offset // 8 | bool(more) << 13, 64, self.protocol, 0, self.src, self.dst) + self.options + payload
        fragment = struct.pack(">BBHI", self.protocol, 0, offset | bool(more), self.identification)
        after = self.extension + (b"" if more is None else fragment) + payload
        following = self.protocol if more is None else 44
        if self.extension:
            after = bytes((following,)) + after[1:]
            following = self.kind
        return struct.pack(">IHBB16s16s", 6 << 28, len(after), following, 64, self.src.to_bytes(16), self.dst.to_bytes(16)) + after


def udp(length: int, src_port: int = 1000, dst_port: int = 53, seed: int = 0) -> bytes:
    """A UDP datagram of so many octets, header included."""
    data = np.random.default_rng(seed).integers(0, 256, length - 8, np.uint8).tobytes()
    return struct.pack(">4H", src_port, dst_port, length, 1) + data


@dataclass(frozen=True)
class Seen:
    """A datagram that was put together: its packet, and what its record says."""

    octets: bytes
    oldest_ns: int
    newest_ns: int
    fragments: int


class Path:
    """classes: (filter, demand) of each. captured: at most so many octets of each packet; options: of Reassembly."""

    def __init__(self, *classes: tuple[Filter, Demand], captured: int = 1 << 20, **options: int) -> None:
        classes = classes or ((ALL, WHOLE),)
        filters, demands = [f for f, _ in classes], [[d] for _, d in classes]
        self._dissect = Kernel(compile_sieve(filters, {}), plan_of(filters, demands))
        self.reassembly = Reassembly(fragment_masks(filters, demands), **options)
        self._ring, self._area, self._at = np.zeros(8192, PACKET), np.zeros(AREA_OCTETS, np.uint8), 0
        self.tally, self._captured = np.zeros(counts.COUNT, np.int64), captured
        self.seen: list[Seen] = []
        self.given: list[np.void] = []

    def __call__(self, *packets: tuple[bytes, int]) -> np.ndarray:
        """Packets (octets, ns since START) as one batch. Returns the records that come of it; datagrams also go to `seen`."""
        records, datagrams = self.reassembly.process(*self.dissected(packets))[::2]
        records = records.copy()
        for record in records[records["flags"] & r.REASSEMBLED != 0]:
            at = int(record["bytes_offset"])
            self.seen.append(Seen(datagrams[0, at : at + int(record["bytes_length"])].tobytes(), int(record["signature"]) - START,
                                  int(record["time_ns"]) - START, int(record["wire_octets"])))
        return records

    def dissected(self, packets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        data = np.frombuffer(b"".join(p for p, _ in packets) or b"\0", np.uint8)
        batch = Batch.empty(data, (RAW,))
        lengths = np.array([len(p) for p, _ in packets], np.int64)
        n = batch.count = len(packets)
        batch.offsets[:n], batch.wire[:n] = np.cumsum(lengths) - lengths, lengths
        batch.captured[:n] = np.minimum(lengths, self._captured)
        batch.times_ns[:n] = [START + t for _, t in packets]
        room = Room(self._ring, 0, len(self._ring), self._area, self._at, AREA_OCTETS)
        done, written, self._at = self._dissect(batch, 0, Viewpoint(0, self.tally), room)
        assert done == n
        return self._ring[:written], np.zeros(written, np.int16), self._area.reshape(1, -1)

    @property
    def counted(self) -> dict[str, int]:
        """Counters that are not 0."""
        return {name: n for name, n in self.reassembly.counters().items() if n}


def empty(reassembly: Reassembly) -> bool:
    """Nothing is in its tables, and everything is free, once each."""
    t = reassembly._tables
    return (reassembly.counters()["datagrams_waiting"] == 0 == reassembly.counters()["fragments_held"]
            and all(sorted(free) == list(range(len(free))) for free in (t.free_contexts, t.free_pages, t.free_held))
            and int(t.state[1]) == len(t.free_pages) and np.all(t.buckets == -1) and np.all(t.pages == -1))
