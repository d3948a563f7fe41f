"""Mutated fragments through dissection and reassembly: nothing crashes, nothing is read that is not there (with
NUMBA_BOUNDSCHECK=1), no record is lost, and the tables are whole at the end."""

import os

import numpy as np
import pytest

from tests.conftest import OWN_CAPTURES, SHARED_CAPTURES
from tests.fuzz.mutate import Mutator, corpus_of
from tests.pipeline_in_process import frames_from
from tests.unit.child.reassembly.fragments import ALL, DNS, EVERY, FIRST, WHOLE, Datagram, Path, empty, udp
from tmon_probe import records as r
from tmon_probe.child.reassembly.layout import DATA_PAGES, MAX_IP, PAGE
from tmon_probe.child.reassembly.reassembly import Reassembly
from tmon_probe.demand import fragment_masks
from tmon_probe.father import counts
from tmon_probe.father.capture.batch import BATCH_PACKETS
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.dissection import Dissection, Room, Viewpoint
from tmon_probe.father.plan import plan_of
from tmon_probe.father.sieve import compile_sieve
from tmon_probe.records import PACKET

PACKETS = int(os.environ.get("FUZZ_PACKETS") or (1_000_000 if os.environ.get("NUMBA_BOUNDSCHECK") else 200_000))
AREA, SLOTS = 1 << 24, 8192
FRAGMENTS_IN = ("frag4_dns_rawip", "frag6_evasion", "lab_misc", "lab_netflow_v5_v9_ipfix", "tunnels_mixed", "malformed_tcpdump_a")
CLASSES = {
    "early ones wait": [(ALL, EVERY), (DNS, WHOLE), (ALL, WHOLE), (DNS, FIRST)],
    "none waits": [(ALL, WHOLE)],
}


def fragment_frames() -> list:
    """Frames of fragments, each capture's own, and whatever else is odd with them."""
    shared = [SHARED_CAPTURES / f"{name}.pcap" for name in FRAGMENTS_IN]
    paths = [p for p in (*shared, *sorted(OWN_CAPTURES.glob("demo/*.pcap"))) if p.exists()]
    dissect, ring = Dissection(compile_sieve([ALL], {}), plan_of([ALL], [[WHOLE]])), np.zeros(BATCH_PACKETS * 2, PACKET)
    area, tally, found = np.zeros(1 << 24, np.uint8), np.zeros(counts.COUNT, np.int64), []
    for path in paths:
        source = Replay((path,))
        frames = frames_from(source)
        source = Replay((path,))
        number = 0
        while (batch := source.next_batch()) is not None:
            _, written, _ = dissect(batch, 0, Viewpoint(0, tally), Room(ring, 0, len(ring), area, 0, len(area)))
            times = set(ring["time_ns"][:written][ring["flags"][:written] & r.FRAGMENT != 0].tolist())
            found += [f for f in frames[number : number + batch.count] if f.time_ns in times]
            number += batch.count
    return found


class Check:
    """Every record comes out once, but those that belong to no class; datagrams are whole packets, where the record says."""

    def __init__(self, classes, datagrams: int) -> None:
        filters, demands = [f for f, _ in classes], [[d] for _, d in classes]
        self._dissect = Dissection(compile_sieve(filters, {}), plan_of(filters, demands))
        self.reassembly = Reassembly(fragment_masks(filters, demands), datagrams, 2 * DATA_PAGES + 2 + datagrams, datagrams)
        self._ring, self._area, self._at = np.zeros(SLOTS, PACKET), np.zeros(AREA, np.uint8), 0
        self.tally = np.zeros(counts.COUNT, np.int64)
        self.came = self.went = self.whole = 0

    def __call__(self, batch) -> None:
        done = 0
        while done < batch.count:
            room = Room(self._ring, 0, SLOTS, self._area, self._at, AREA)
            done, written, self._at = self._dissect(batch, done, Viewpoint(0, self.tally), room)
            records = self._ring[:written]
            self.came += written
            given, lanes, datagrams = self.reassembly.process(records, np.zeros(written, np.int16), self._area.reshape(1, -1))
            assert len(given) == len(lanes)
            self._look_at(given, datagrams)
        self._look_at(self.reassembly.expired(int(batch.times_ns[batch.count - 1])), None)

    def finish(self) -> None:
        self._look_at(self.reassembly.rest(), None)
        assert empty(self.reassembly)

    def _look_at(self, records: np.ndarray, datagrams: np.ndarray | None) -> None:
        flags = records["flags"]
        assert not np.any(flags & r.EARLY_FRAGMENT)
        assert np.all(records["class_mask"][flags & (r.FRAGMENT | r.QUOTED) == r.FRAGMENT] != 0)
        quoted = np.flatnonzero(flags & r.QUOTED)
        assert not len(quoted) or np.all(records["quoted_mask"][quoted - 1] != 0)
        whole = records[flags & r.REASSEMBLED != 0]
        self.went += len(records) - len(whole)
        self.whole += len(whole)
        if not len(whole):
            return
        starts, lengths = whole["bytes_offset"].astype(np.int64), whole["bytes_length"].astype(np.int64)
        assert np.all(starts[1:] == starts[:-1] + lengths[:-1])
        assert starts[-1] + lengths[-1] <= datagrams.shape[1]
        assert np.all(lengths == whole["ip_octets"])
        assert np.all(lengths <= MAX_IP + PAGE)
        assert np.all(whole["transport_at"] <= whole["payload_at"])
        assert np.all(whole["payload_at"] <= lengths)
        assert not np.any(whole["flags"] & (r.FRAGMENT | r.LATER_FRAGMENT | r.MORE_FRAGMENTS | r.SNAPPED))
        assert np.all(whole["wire_octets"] >= 2)
        assert np.all(whole["signature"].astype(np.int64) <= whole["time_ns"])
        assert np.all(datagrams[0, starts] >> 4 == whole["ip_version"])


@pytest.mark.parametrize("datagrams", [2, 4096])
@pytest.mark.parametrize("classes", CLASSES.values(), ids=CLASSES)
def test_mutated_fragments(classes, datagrams):
    """Whatever is wrong with them: lengths, offsets, identifications, extension headers, captures cut short."""
    frames = fragment_frames()
    mutator, check, done = Mutator(corpus_of(frames), seed=2027), Check(classes, datagrams), 0
    while done < PACKETS / 4:
        batch = mutator.batch()
        check(batch)
        done += batch.count
    check.finish()
    assert check.came == check.went
    counters = check.reassembly.counters()
    assert check.whole == counters["datagrams_reassembled"] > 0
    names = ("incomplete", "duplicate", "overlap", "malformed", "cut") if datagrams > 2 else ("evicted", "malformed", "cut")
    assert all(counters[f"{'datagrams' if n in ('incomplete', 'evicted') else 'fragments'}_{n}"] for n in names)


@pytest.mark.parametrize("version", [4, 6])
def test_every_octet_of_a_header_changed(version):
    """Each octet of the headers of a fragment takes each of some values, in turn; the other fragments are as they were."""
    datagram = Datagram(udp(60), version, extension=bytes(8) if version == 6 else b"", kind=60)
    first, *others = datagram.parts(16, 32)
    corpus = [first, *others]
    path = Path((DNS, WHOLE), (ALL, EVERY))
    for number, part in enumerate(corpus):
        for at in range(len(part) - 8):
            for value in (0, 1, 7, 8, 44, 60, 0x20, 0x80, 0xFF):
                changed = part[:at] + bytes((value,)) + part[at + 1 :]
                path(*((p if n != number else changed, n) for n, p in enumerate(corpus)))
                path.reassembly.rest()
                assert empty(path.reassembly)
