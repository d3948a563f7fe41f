"""The packet path without processes: kernels of the father and chain of the child, called directly."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

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
from tmon_common.observations import ABSENT
from tmon_probe.child.analysers import BUILT_IN
from tmon_probe.child.chain import MAX_BATCH, Chain
from tmon_probe.father import counts
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.dissect import RECORDS_PER_PACKET, dissect_batch
from tmon_probe.father.sieve import trivial_sieve
from tmon_probe.records import PACKET

FIVE_TUPLE = GranularFlow("conversation", frozenset(("interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port")))
SIZES = Histogram("sizes", "octets", (64, 128, 256, 512, 1024, 1500))
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
    """A class without filter that asks for every built-in analysis."""
    analyses = tuple(Analysis(kind, interval_ns, SIZES.name if kind == "ip_sizes" else None) for kind in BUILT_IN)
    return FlowClass(name, Filter(), flows or (FIVE_TUPLE,), analyses)


def chain_of(classes: tuple[FlowClass, ...], emit, max_flows: int = 1 << 20) -> Chain:
    probe = Probe("p", (Interface("i"),), (), classes=tuple(c.name for c in classes), max_flows=max_flows)
    return Chain(Configuration(Path("none"), (probe,), classes=classes, histograms=(SIZES,)), probe, BUILT_IN, emit)


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
    """Dissects single frames with every class 1.

    after       what lies behind the frame in memory; nobody may look there
    rubbish     what the ring held before
    inner       measure the packets that others carry
    """

    def __init__(self, after: bytes = b"", rubbish: int = 0, inner: bool = False) -> None:
        self._after, self._rubbish, self._inner = after, rubbish, int(inner)
        self._ring = np.zeros(RECORDS_PER_PACKET, PACKET)
        self._tally = np.zeros(counts.COUNT, np.int64)
        self._ones = [np.zeros(1, np.int64) for _ in range(5)]
        self._link_type = np.zeros(1, np.int64)

    def __call__(self, octets: bytes, link_type: int, wire: int | None = None, time_ns: int = 0) -> Dissection:
        data = np.frombuffer(self._after + octets + self._after, np.uint8)
        offsets, captured, wires, times, interfaces = self._ones
        offsets[0], captured[0], times[0] = len(self._after), len(octets), time_ns
        wires[0] = len(octets) if wire is None else wire
        self._link_type[0] = link_type
        self._tally[:] = 0
        self._ring.view(np.uint8)[:] = self._rubbish
        done, written = dissect_batch(data, offsets, captured, wires, times, interfaces, self._link_type, 0, 1, 0, self._inner,
                                      _sieve.address, self._ring, 0, RECORDS_PER_PACKET, self._tally)
        assert done == 1
        return Dissection(self._ring[:written].copy(), dict(zip(counts.NAMES, self._tally.tolist(), strict=True)))


@dataclass
class Measured:
    """What the pipeline made of a capture: the tally of the father and the rows of the child, by kind."""

    tally: dict[str, int]
    rows: dict[str, np.ndarray]
    warnings: list[str]
    chain: Chain

    @cached_property
    def definitions(self) -> dict[int, np.void]:
        return {int(row["flow"]): row for row in self.rows.get("flow_definition", ())}

    def per_flow(self, kind: str) -> dict[tuple, dict[str, int]]:
        """Identity of the flow -> sum of every counter column of `kind` over all intervals. Identity: see `identity`."""
        names = [n for n in BUILT_IN[kind].kind.dtype.names if n not in ("flow", "start", "end", "histogram")]
        totals: dict[tuple, dict[str, int]] = defaultdict(lambda: dict.fromkeys(names, 0))
        for row in self.rows.get(kind, ()):
            total = totals[identity(self.definitions[int(row["flow"])])]
            for name in names:
                total[name] += int(row[name])
        return dict(totals)


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
    rows = defaultdict(list)
    chain = chain_of(classes, lambda r: rows[r.kind.name].append(r.values), max_flows)
    source = Replay((path,))
    ring, tally = np.zeros(min(ring_slots, MAX_BATCH), PACKET), np.zeros(counts.COUNT, np.int64)
    while (batch := source.next_batch()) is not None:
        done = 0
        while done < batch.count:
            done, written = dissect_batch(batch.data, batch.offsets, batch.captured, batch.wire, batch.times_ns, batch.interfaces,
                                          batch.link_types, done, batch.count, 0, 0, sieve.address, ring, 0, len(ring), tally)
            chain.process(ring[:written])
        chain.flush(int(batch.times_ns[batch.count - 1]) - SECOND)
    chain.finish()
    return Measured(dict(zip(counts.NAMES, tally.tolist(), strict=True)), {k: np.concatenate(v) for k, v in rows.items()},
                    source.warnings(), chain)
