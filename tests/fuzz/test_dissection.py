"""Millions of mutated packets through the whole of the father's kernel: nothing crashes, everything is counted, nothing is read
that is not there (with NUMBA_BOUNDSCHECK=1, as scripts/test runs this the first time).

A packet that fails is written to tests/captures/fuzz, to be kept there: every recording of that folder is tried by itself.
"""

import os
from pathlib import Path

import dpkt
import numpy as np
import pytest

from tests.conftest import OWN_CAPTURES, real_captures
from tests.fuzz.mutate import Mutator, corpus_of
from tests.pipeline_in_process import frames_from
from tmon_common.config.model import Conjunction, Disjunction, Filter, Predicate
from tmon_probe import records as r
from tmon_probe.demand import DNS, FTP_CONTROL, NTP, SNMP, Demand, Fragments, Signature
from tmon_probe.father import counts
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.dissection import Dissection, Room, Viewpoint
from tmon_probe.father.plan import plan_of
from tmon_probe.father.sieve import compile_sieve
from tmon_probe.records import PACKET

PACKETS = int(os.environ.get("FUZZ_PACKETS") or (5_000_000 if os.environ.get("NUMBA_BOUNDSCHECK") else 500_000))
KEPT = OWN_CAPTURES / "fuzz"
AREA, SLOTS = 1 << 20, 8192
PORTS = Predicate("port", ((53, 53), (21, 21), (123, 123), (161, 162)))
FILTERS = [Filter(), Filter((PORTS,)), Filter((Predicate("protocol", ((6, 6),)),)),
           Filter((Disjunction((PORTS, Conjunction((Predicate("fragment", ((1, 15),)), Predicate("length", ((0, 600),)))))),)),
           Filter((Predicate("protocol", ((1, 1), (58, 58))),), negated=True)]
DEMANDS = [
    [Demand(Fragments.FIRST)],
    [Demand(Fragments.WHOLE, services=(DNS, SNMP, NTP))],
    [Demand(services=(FTP_CONTROL,), ftp_data="boundaries"), Demand(ftp_data="all")],
    [Demand(Fragments.WHOLE, signature=Signature(octets=200))],
    [Demand(signature=Signature(nat=True))],
]


class Kernel:
    """Everything on, with room of its own."""

    def __init__(self, inner: bool, algorithm: str = "fast64") -> None:
        demands = [[Demand(d.fragments, d.services, d.ftp_data, Signature(d.signature.nat, algorithm, d.signature.octets)
                           if d.signature else None) for d in of_class] for of_class in DEMANDS]
        self.tally = np.zeros(counts.COUNT, np.int64)
        self.ring, self.area, self._at = np.zeros(SLOTS, PACKET), np.zeros(AREA, np.uint8), 0
        self._dissect = Dissection(compile_sieve(FILTERS, {}), plan_of(FILTERS, demands))
        self._viewpoint = Viewpoint(0, self.tally, inner, 1522)

    def __call__(self, batch) -> None:
        done = 0
        while done < batch.count:
            before, at = done, self._at
            room = Room(self.ring, 0, SLOTS, self.area, at, AREA)
            done, written, self._at = self._dissect(batch, done, self._viewpoint, room)
            assert done > before, "no progress with an empty ring"
            self._check(self.ring[:written], at)

    def _check(self, records: np.ndarray, at: int) -> None:
        """Octets lie in the area, where positions say; every record is wanted by somebody."""
        starts, lengths = records["bytes_offset"].astype(np.int64), records["bytes_length"].astype(np.int64)
        assert np.all(np.diff(starts) >= lengths[:-1])
        if len(records):
            assert at <= starts[0]
            assert self._at == starts[-1] + lengths[-1]
        kept = records[lengths > 0]
        assert np.all(starts % AREA + lengths <= AREA)
        assert np.all(kept["transport_at"] <= kept["bytes_length"])
        assert np.all(kept["payload_at"] <= kept["bytes_length"])
        flags = records["flags"]
        wanted = (records["class_mask"] != 0) | (flags & (r.FTP_PEERS | r.EARLY_FRAGMENT) != 0) | (records["quoted_mask"] != 0)
        assert wanted.all()
        assert not np.any(records["class_mask"] >> np.uint64(len(FILTERS)))
        assert np.all(records["sack_blocks"][flags & r.HAS_SACK != 0] <= 4)

    def all_counted(self, packets: int) -> None:
        tally = dict(zip(counts.NAMES, self.tally.tolist(), strict=True))
        assert packets == tally["seen"] == tally["relevant"] + tally["irrelevant"] + tally["malformed"] + tally["other"]
        assert tally["malformed"] == sum(n for name, n in tally.items() if name.startswith("malformed_"))


def keep_failure(batch, kernel_of) -> str:
    """Write the first packet that fails by itself into a recording; its name."""
    for i in range(batch.count):
        at = int(batch.offsets[i])
        octets = batch.data[at : at + int(batch.captured[i])].tobytes()
        single = type(batch).empty(np.frombuffer(octets, np.uint8), tuple(batch.link_types.tolist()))
        single.captured[0], single.wire[0], single.interfaces[0] = len(octets), batch.wire[i], batch.interfaces[i]
        single.times_ns[0], single.count = batch.times_ns[i], 1
        try:
            kernel_of()(single)
        except (AssertionError, IndexError):
            KEPT.mkdir(exist_ok=True)
            path = KEPT / f"failure-{hash(octets) & 0xFFFFFFFF:08x}.pcap"
            with path.open("wb") as file:
                writer = dpkt.pcap.Writer(file, snaplen=262144, linktype=int(batch.link_types[batch.interfaces[i]]))
                writer.writepkt(octets, int(batch.times_ns[i]) / 1e9)
            return str(path)
    return "none by itself; it takes those before it"


@pytest.mark.parametrize(("inner", "algorithm", "share"), [(False, "fast64", 0.4), (True, "fast64", 0.4), (True, "md5", 0.2)])
def test_mutated_packets(inner, algorithm, share):
    frames = [f for path in real_captures() for f in frames_from(Replay((path,)))]
    mutator, kernel, done = Mutator(corpus_of(frames), seed=2026), Kernel(inner, algorithm), 0
    while done < PACKETS * share:
        batch = mutator.batch()
        try:
            kernel(batch)
        except (AssertionError, IndexError) as error:
            kept = keep_failure(batch, lambda: Kernel(inner, algorithm))
            raise AssertionError(f"after {done} packets: {error!r}; kept: {kept}") from error
        done += batch.count
    kernel.all_counted(done)
    tally = dict(zip(counts.NAMES, kernel.tally.tolist(), strict=True))
    assert all(tally[name] for name in ("relevant", "malformed", "other", "transport_cut", "fragments_early", "ftp_data"))
    assert bool(tally["tunnelled"]) == inner


def test_the_same_seed_gives_the_same_packets():
    corpus = corpus_of([f for path in sorted(OWN_CAPTURES.glob("**/*.pcap"))[:1] for f in frames_from(Replay((path,)))])
    first, second, other = (Mutator(corpus, seed).batch() for seed in (1, 1, 2))
    assert np.array_equal(first.data, second.data)
    assert not np.array_equal(first.data, other.data)


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.pcap")) or [None], ids=lambda p: p.name if p else "none yet")
def test_packets_that_once_failed(path: Path | None):
    if path is None:
        pytest.skip("no packet has ever failed: there is none in tests/captures/fuzz")
    for inner in (False, True):
        kernel, source, seen = Kernel(inner), Replay((path,)), 0
        while (batch := source.next_batch()) is not None:
            kernel(batch)
            seen += batch.count
        kernel.all_counted(seen)
