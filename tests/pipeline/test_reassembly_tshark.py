"""Datagrams that an analyser gets whole, through dissection and chain, are those that tshark puts together: on every capture that
has fragments. Where it does otherwise, the frame is named with the reason."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import NOT_THERE, OWN_CAPTURES, SHARED_CAPTURES
from tests.oracles import tshark
from tests.oracles.tshark_datagrams import left_over, reassembled
from tests.pipeline_in_process import AREA_OCTETS, FIVE_TUPLE, Kernel
from tmon_common.config.model import Analysis, Configuration, Filter, FlowClass, Interface, Probe
from tmon_probe import records as r
from tmon_probe.child.chain import MAX_BATCH, Chain
from tmon_probe.child.reassembly.layout import LIFETIME_NS
from tmon_probe.demand import Demand, Fragments, demands_of
from tmon_probe.father import counts
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.dissection import Room, Viewpoint
from tmon_probe.father.plan import plan_of
from tmon_probe.father.sieve import trivial_sieve
from tmon_probe.records import PACKET

SHARED = ("frag4_dns_rawip", "frag4_bad_overlap", "frag6_evasion", "lab_misc", "lab_netflow_v5_v9_ipfix", "tunnels_mixed",
          "malformed_fuzz_2006", "malformed_tcpdump_a", "vlan_dot1q")
CAPTURES = [*(SHARED_CAPTURES / f"{name}.pcap" for name in SHARED), *sorted(OWN_CAPTURES.glob("demo/*.pcap"))]
OTHER_FRAGMENTS = {
    "lab_misc": {493: (45, 44, "one fragment was duplicated by the network: tshark counts it twice")},
}
"""Capture -> {frame that makes a datagram complete: (fragments by tshark, by us, why)}"""
OTHER_LEFT_OVER = {
    "east": {3733: "a fragment once more after its datagram was complete: a duplicate here, for tshark the beginning of another"},
}
"""Capture -> {frame that tshark leaves over: why it is no incomplete datagram here}"""
pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)]


class Listener:
    """Keeps every datagram: (newest time, oldest time, fragments, protocol, octets of the packet, what its transport carries)."""

    heard: list[tuple[int, int, int, int, bytes, bytes]]

    def __init__(self, tasks, context) -> None:
        Listener.heard = []
        self._tasks = tasks

    @staticmethod
    def demand(analysis: Analysis) -> Demand:
        return Demand(Fragments.WHOLE)

    def process(self, batch) -> None:
        for i in np.flatnonzero(batch.records["flags"][batch.first : batch.count] & r.REASSEMBLED) + batch.first:
            record = batch.records[i]
            assert batch.flow[self._tasks[0].number][i] >= 0
            numbers = (int(record[n]) for n in ("time_ns", "signature", "wire_octets", "protocol"))
            Listener.heard.append((*numbers, batch.octets_of(i), batch.payload_of(i)))

    flush = retire = finish = lambda self, *_: None


def heard(path: Path) -> tuple[list[tuple], dict[str, int]]:
    """(datagrams, counters) of a capture."""
    flow_class = FlowClass("all", Filter(), (FIVE_TUPLE,), (Analysis("listener"),))
    probe = Probe("p", (Interface("i"),), (), classes=("all",))
    factories = {"listener": Listener}
    chain = Chain(Configuration(Path("none"), (probe,), classes=(flow_class,)), probe, factories, lambda rows: None)
    dissect = Kernel(trivial_sieve(1), plan_of([flow_class.filter], demands_of([flow_class], factories)))
    source, ring, tally = Replay((path,)), np.zeros(MAX_BATCH, PACKET), np.zeros(counts.COUNT, np.int64)
    area, area_at = np.zeros(AREA_OCTETS, np.uint8), 0
    while (batch := source.next_batch()) is not None:
        done = 0
        while done < batch.count:
            done, written, area_at = dissect(batch, done, Viewpoint(0, tally), Room(ring, 0, len(ring), area, area_at, AREA_OCTETS))
            chain.process(ring[:written], np.zeros(written, np.int16), area.reshape(1, -1))
        chain.flush(int(batch.times_ns[batch.count - 1]) - 1_000_000_000)
    chain.finish()
    return Listener.heard, chain.counters()


def carried(packet: bytes) -> bytes:
    """What the IP header carries, behind an extension header if there is one."""
    if packet[0] >> 4 == 4:
        return packet[(packet[0] & 15) * 4 :]
    return packet[40 + (8 * (packet[41] + 1) if packet[6] in (0, 43, 60) else 0) :]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.stem)
def test_datagrams_are_those_of_tshark(path):
    """Each with its octets, its first and last time, and its number of fragments; so many are incomplete as tshark leaves over."""
    if not path.exists():
        pytest.skip(NOT_THERE)
    datagrams, counters = heard(path)
    expected = reassembled(path)
    told = {d.frame: (d.fragments, by_us) for d in expected for newest, oldest, by_us, _, packet, _ in datagrams
            if (newest, oldest, carried(packet)) == (d.newest_ns, d.oldest_ns, d.payload)}
    assert (Counter((d.newest_ns, d.oldest_ns, d.payload) for d in expected)
            == Counter((newest, oldest, carried(packet)) for newest, oldest, _, _, packet, _ in datagrams))
    assert ({f: why[:2] for f, why in OTHER_FRAGMENTS.get(path.stem, {}).items()}
            == {f: numbers for f, numbers in told.items() if numbers[0] != numbers[1]})
    assert len(expected) == counters["datagrams_reassembled"]
    left = left_over(path, LIFETIME_NS)
    others = OTHER_LEFT_OVER.get(path.stem, {})
    assert others.keys() <= left.keys()
    assert len(left) - len(others) == counters["datagrams_incomplete"]
    for _, _, _, protocol, packet, payload in datagrams:
        assert payload == carried(packet)[8:] or protocol not in (1, 17, 58)
    assert ({"datagrams_evicted": 0, "fragments_not_held": 0, "datagrams_waiting": 0, "fragments_held": 0}.items()
            <= counters.items())
