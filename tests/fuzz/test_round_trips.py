"""Mutated packets of DNS, SNMP, NTP and echo through dissection, reassembly and the analysis of round trips: nothing crashes, and
what comes out adds up (with NUMBA_BOUNDSCHECK=1, as scripts/test runs this the first time: nothing is read that is not there)."""

import os
from collections import Counter

import numpy as np
import pytest

from tests.conftest import real_captures
from tests.fuzz.mutate import Mutator, corpus_of
from tests.pipeline_in_process import AREA_OCTETS, DELAYS, FIVE_TUPLE, chain_of, frames_from
from tmon_common.config.model import SECOND, Analysis, Filter, FlowClass
from tmon_probe import records as r
from tmon_probe.child.analysers.load import factories_of
from tmon_probe.child.chain import MAX_BATCH
from tmon_probe.demand import demands_of
from tmon_probe.father import counts
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.dissection import Dissection, Room, Viewpoint
from tmon_probe.father.plan import plan_of
from tmon_probe.father.sieve import trivial_sieve
from tmon_probe.records import PACKET

pytest.importorskip("tmon_probe.child.reassembly.reassembly", reason="no reassembly in this tree")
PACKETS = int(os.environ.get("FUZZ_PACKETS") or 200_000)
PORTS = (53, 123, 161, 162)
MAX_REQUESTS = 1024
OPTIONS = (("metrics", "icmp_echo dns snmp ntp"), ("records", "yes"), ("max_requests", str(MAX_REQUESTS)))
CLASSES = (FlowClass("all", Filter(), (FIVE_TUPLE,), (Analysis("round_trip", SECOND, DELAYS.name, OPTIONS),)),)


class Kernel:
    """Dissection into records with the octets that the analysis asks for."""

    def __init__(self) -> None:
        self._dissect = Dissection(trivial_sieve(1), plan_of([Filter()], demands_of(CLASSES, factories_of(CLASSES))))
        self._viewpoint = Viewpoint(0, np.zeros(counts.COUNT, np.int64))
        self.ring, self.area, self._at = np.zeros(MAX_BATCH, PACKET), np.zeros(AREA_OCTETS, np.uint8), 0

    def portions(self, batch):
        """Records of the batch, a ring at a time."""
        done = 0
        while done < batch.count:
            room = Room(self.ring, 0, len(self.ring), self.area, self._at, AREA_OCTETS)
            done, written, self._at = self._dissect(batch, done, self._viewpoint, room)
            yield self.ring[:written]


def interesting(frames: list) -> list:
    """Those that ask or answer, and fragments."""
    kernel = Kernel()
    mutator = Mutator(corpus_of(frames), seed=1)
    kept = []
    batch = mutator.batch()
    for frame in frames:
        batch.data = np.frombuffer(frame.octets, np.uint8)
        batch.offsets[0], batch.captured[0], batch.wire[0], batch.count = 0, len(frame.octets), frame.wire, 1
        batch.interfaces[0] = batch.link_types.tolist().index(frame.link_type)
        kept += [frame for records in kernel.portions(batch)
                 if np.any(records["flags"] & (r.SERVICE | r.HAS_ECHO | r.FRAGMENT))]
    return kept


def test_mutated_requests_and_answers():
    frames = interesting([f for path in real_captures() for f in frames_from(Replay((path,)))])
    found: Counter[str] = Counter()

    def emit(rows) -> None:
        values = rows.values
        if rows.kind.name == "round_trip":
            answered = values["round_trip"][values["round_trip"] >= 0]
            assert np.all(answered <= 10 * SECOND)
            found["singles"] += len(answered)
            found["single_unanswered"] += len(values) - len(answered)
        elif rows.kind.name == "round_trip_histogram":
            found["population"] += int(values["population"].sum() + values["population_rev"].sum())
            found["unanswered"] += int(values["unanswered"].sum() + values["unanswered_rev"].sum())
        elif rows.kind.name == "round_trip_bucket":
            found["buckets"] += int(values["count"].sum() + values["count_rev"].sum())

    chain, kernel, mutator, done = chain_of(CLASSES, emit, 1 << 12), Kernel(), Mutator(corpus_of(frames), seed=7), 0
    while done < PACKETS:
        batch = mutator.batch()
        for records in kernel.portions(batch):
            chain.process(records, np.zeros(len(records), np.int16), kernel.area.reshape(1, -1))
            assert chain.counters()["requests_pending"] <= MAX_REQUESTS
        done += batch.count
        chain.flush(int(batch.times_ns[batch.count - 1]) + done * 1000)
    chain.finish()
    told = chain.counters()
    assert found["singles"] == found["population"] == found["buckets"] > 0
    assert found["single_unanswered"] == found["unanswered"] == told["requests_unanswered"]
    assert all(told[name] for name in ("dns_malformed", "snmp_malformed", "ntp_malformed", "payloads_cut", "requests_repeated",
                                       "requests_evicted", "answers_unmatched"))
