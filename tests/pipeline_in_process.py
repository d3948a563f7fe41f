"""The packet path without processes: kernels of the father and chain of the child, called directly."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv6Address
from pathlib import Path

import numpy as np

from tmon_common.analyses.catalogue import catalogue
from tmon_common.config.model import (
    SECOND,
    Analysis,
    Configuration,
    Filter,
    FlowClass,
    GranularFlow,
    Histogram,
    Interface,
    Probe,
)
from tmon_common.observations import ABSENT, Rows, Type
from tmon_probe.child.analysers.load import factories_of
from tmon_probe.child.chain import MAX_BATCH, Chain
from tmon_probe.demand import NOTHING_SPECIAL, demands_of
from tmon_probe.father import counts
from tmon_probe.father.capture.batch import Batch
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.dissection import RECORDS_PER_PACKET, Room, Viewpoint
from tmon_probe.father.dissection import Dissection as Kernel
from tmon_probe.father.fragments import FIRST_FRAGMENT
from tmon_probe.father.plan import Plan, plan_of
from tmon_probe.father.sieve import Sieve, trivial_sieve
from tmon_probe.records import PACKET

FIVE_TUPLE = GranularFlow("conversation", frozenset(("interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port")))
SIZES = Histogram("sizes", "octets", (64, 128, 256, 512, 1024, 1500))
DELAYS = Histogram("delays", "ns", tuple(n * 1_000_000 for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))
AREA_OCTETS = 1 << 20
EVERYTHING = plan_of([Filter()], [(NOTHING_SPECIAL,)])
"""The plan of one class that wants nothing special."""
COUNTERS = ("ip_counters", "ip_sizes", "udp_counters", "tcp_counters", "icmp_counters")
"""Analyses that count per flow and interval."""
_sieve = trivial_sieve(1)


@dataclass(frozen=True)
class Frame:
    """A captured frame, as a source gives it. number: from 1, as tshark counts."""

    number: int
    octets: bytes
    wire: int
    time_ns: int
    interface: int
    link_type: int


def class_of(*flows: GranularFlow, name: str = "all", interval_ns: int = 60 * SECOND) -> FlowClass:
    """A class without filter that asks for every analysis of `COUNTERS`."""
    analyses = tuple(Analysis(kind, interval_ns, SIZES.name if kind == "ip_sizes" else None) for kind in COUNTERS)
    return FlowClass(name, Filter(), flows or (FIVE_TUPLE,), analyses)


def chain_of(classes: tuple[FlowClass, ...], emit, max_flows: int = 1 << 20) -> Chain:
    probe = Probe("p", (Interface("i"),), (), classes=tuple(c.name for c in classes), max_flows=max_flows)
    return Chain(Configuration(Path("none"), (probe,), classes=classes, histograms=(SIZES, DELAYS)), probe,
                 factories_of(classes), emit)


def frames_of(path: Path) -> list[Frame]:
    """All frames that the replay source finds. AssertionError if it warns."""
    source = Replay((path,))
    frames = frames_from(source)
    assert source.warnings() == []
    return frames


def frames_from(source: Replay) -> list[Frame]:
    """All frames of a source, copied."""
    frames = []
    while (batch := source.next_batch()) is not None:
        for i in range(batch.count):
            at, interface = int(batch.offsets[i]), int(batch.interfaces[i])
            octets = bytes(batch.data[at : at + int(batch.captured[i])])
            frames.append(Frame(len(frames) + 1, octets, int(batch.wire[i]), int(batch.times_ns[i]), interface,
                                int(batch.link_types[interface])))
    return frames


@dataclass
class Dissection:
    """What `dissect_batch` made of one frame: its records, and how it changed the tally."""

    records: np.ndarray
    tally: dict[str, int]

    @property
    def record(self) -> np.void | None:
        return self.records[0] if len(self.records) else None


class Dissector:
    """Dissects single frames, each by itself: with every class 1, or by the sieve and the plan given.

    after       what lies behind the frame in memory; nobody may look there
    rubbish     what the ring held before
    remembers   first fragments and FTP peers are known to the frames that follow
    """

    def __init__(self, after: bytes = b"", rubbish: int = 0, *, inner: bool = False, longest: int = 0, sieve: Sieve | None = None,
                 plan: Plan | None = None, remembers: bool = False) -> None:
        self._after, self._rubbish, self._remembers = after, rubbish, remembers
        self._ring = np.zeros(RECORDS_PER_PACKET, PACKET)
        self.area = np.zeros(AREA_OCTETS, np.uint8)
        self._area_at = 0
        self._tally = np.zeros(counts.COUNT, np.int64)
        self._kernel = Kernel(sieve or _sieve, plan or EVERYTHING)
        self._viewpoint = Viewpoint(0, self._tally, inner, longest)
        self._batch = Batch.empty(np.zeros(0, np.uint8), (0,))
        self._batch.count = 1

    def __call__(self, octets: bytes, link_type: int, wire: int | None = None, time_ns: int = 0) -> Dissection:
        batch = self._batch
        batch.data = np.frombuffer(self._after + octets + self._after, np.uint8)
        batch.offsets[0], batch.captured[0], batch.times_ns[0] = len(self._after), len(octets), time_ns
        batch.wire[0] = len(octets) if wire is None else wire
        batch.link_types[0] = link_type
        self._tally[:] = 0
        self._ring.view(np.uint8)[:] = self._rubbish
        if not self._remembers:
            self._kernel._fragments.table[:] = np.zeros(1, FIRST_FRAGMENT)
        room = Room(self._ring, 0, RECORDS_PER_PACKET, self.area, self._area_at, AREA_OCTETS)
        done, written, self._area_at = self._kernel(batch, 0, self._viewpoint, room)
        assert done == 1
        return Dissection(self._ring[:written].copy(), dict(zip(counts.NAMES, self._tally.tolist(), strict=True)))

    def octets_of(self, record: np.void) -> bytes:
        """Those that travelled with the record of the last frame."""
        at = int(record["bytes_offset"]) % AREA_OCTETS
        return self.area[at : at + int(record["bytes_length"])].tobytes()


@dataclass
class Measured:
    """What the pipeline made of a capture: the tally of the father and the rows of the child, by kind."""

    tally: dict[str, int]
    rows: dict[str, np.ndarray]
    warnings: list[str]
    chain: Chain
    published: dict[str, list[Rows]]

    @cached_property
    def definitions(self) -> dict[int, np.void]:
        return {int(row["flow"]): row for row in self.rows.get("flow_definition", ())}

    def records(self, kind: str) -> list[dict]:
        """Rows of `kind` as a person reads them: texts, addresses as ip_address (IPv4 unmapped), None where empty, times in ns."""
        return [as_record(rows, i) for rows in self.published.get(kind, ()) for i in range(len(rows))]

    def per_flow(self, kind: str) -> dict[tuple, dict[str, int]]:
        """Identity of the flow -> sum of every counter column of `kind` over all intervals. Identity: see `identity`."""
        names = [n for n in catalogue().kinds[kind].dtype.names if n not in ("flow", "start", "end", "histogram")]
        totals: dict[tuple, dict[str, int]] = defaultdict(lambda: dict.fromkeys(names, 0))
        for row in self.rows.get(kind, ()):
            total = totals[identity(self.definitions[int(row["flow"])])]
            for name in names:
                total[name] += int(row[name])
        return dict(totals)


def as_record(rows: Rows, i: int) -> dict:
    """Row i of `rows`, see `Measured.records`."""
    found = {}
    for column in rows.kind.expanded:
        value = rows.values[column.name][i]
        if column.type is Type.ADDRESS:
            number = (int(value[0]) & (1 << 64) - 1) << 64 | int(value[1]) & (1 << 64) - 1
            address = IPv6Address(number)
            found[column.name] = None if value[0] == ABSENT == value[1] else address.ipv4_mapped or address
        elif value == ABSENT:
            found[column.name] = None
        else:
            found[column.name] = rows.strings[value] if column.type is Type.STRING else int(value)
    return found


def identity(definition: np.void) -> tuple:
    """(source, destination, protocol, source port, destination port) of a flow; addresses 128-bit numbers, absent ports None."""
    sides = [(int(definition[f"{side}_addr"][0]) & (1 << 64) - 1) << 64 | int(definition[f"{side}_addr"][1]) & (1 << 64) - 1
             for side in ("src", "dst")]
    ports = [None if definition[f"{side}_port"] == ABSENT else int(definition[f"{side}_port"]) for side in ("src", "dst")]
    return (*sides, int(definition["protocol"]), *ports)


def measure(path: Path, classes: tuple[FlowClass, ...] | None = None, max_flows: int = 1 << 20, ring_slots: int = 8192) -> Measured:
    """A capture through the whole packet path, as the probe's processes do it."""
    classes = classes or (class_of(),)
    sieve = trivial_sieve(len(classes))
    rows: dict[str, list[Rows]] = defaultdict(list)
    chain = chain_of(classes, lambda r: rows[r.kind.name].append(r), max_flows)
    source = Replay((path,))
    ring, tally = np.zeros(min(ring_slots, MAX_BATCH), PACKET), np.zeros(counts.COUNT, np.int64)
    area, area_at = np.zeros(AREA_OCTETS, np.uint8), 0
    dissect = Kernel(sieve, plan_of([c.filter for c in classes], demands_of(classes, factories_of(classes))))
    while (batch := source.next_batch()) is not None:
        done = 0
        while done < batch.count:
            room = Room(ring, 0, len(ring), area, area_at, AREA_OCTETS)
            done, written, area_at = dissect(batch, done, Viewpoint(0, tally), room)
            chain.process(ring[:written], np.zeros(written, np.int16), area.reshape(1, -1))
        chain.flush(int(batch.times_ns[batch.count - 1]) - SECOND)
    chain.finish()
    return Measured(dict(zip(counts.NAMES, tally.tolist(), strict=True)), {k: np.concatenate([r.values for r in v]) for k,
                    v in rows.items()},
                    source.warnings(), chain, rows)
