"""Round trips measured at both ends of an emulated link differ by what the emulator's log says that the link took."""

from collections import defaultdict
from statistics import median

import pytest

from tests.conftest import NOT_THERE, OWN_CAPTURES, SHARED_CAPTURES
from tests.linkemu.framelog import read_frame_log
from tests.pipeline.test_round_trips_tshark import measured

pytest.importorskip("tmon_probe.child.reassembly.reassembly", reason="no reassembly in this tree")
DEMO = OWN_CAPTURES / "demo"
LAB_MISC = SHARED_CAPTURES / "lab_misc.pcap"
MS = 1_000_000


def answered(name: str) -> dict[tuple, tuple[int, int]]:
    """What ties a round trip -> (time of the request, round trip), as seen at that end; of a request that the link duplicated, and
    that was answered twice, the first."""
    found = {}
    for row in measured(DEMO / f"{name}.pcap").records("round_trip"):
        if row["round_trip"] is not None:
            key = tuple(row[n] for n in ("metric", "requester_addr", "requester_port", "responder_addr", "responder_port",
                                         "identifier", "code"))
            found[key] = min(found.get(key, (row["time"], row["round_trip"])), (row["time"], row["round_trip"]))
    return found


@pytest.fixture(scope="module")
def crossings() -> dict[int, list[int]]:
    """Arrival of each frame at the tap where it entered the link -> when it, and its copies, left at the other."""
    found = defaultdict(list)
    for row in read_frame_log(DEMO / "frames.csv.gz"):
        if row.delivered_ns:
            found[row.arrival_ns].append(row.delivered_ns)
    return found


def test_the_link_is_between_both_ends(crossings):
    """A transaction that both ends saw: the request and the answer are at both ends when the log says so, to the nanosecond, and so
    the round trip is longer at the requester's end by what their crossings took. Every single one."""
    west, east = answered("west"), answered("east")
    common = west.keys() & east.keys()
    assert len(common) > 800
    explained = 0
    for key in common:
        (west_ns, west_took), (east_ns, east_took) = west[key], east[key]
        near, far = ((west_ns, west_took), (east_ns, east_took))
        if west_ns > east_ns:  # asked from the east
            near, far = far, near
        request, answer = near[0], far[0] + far[1]
        explained += far[0] in crossings[request] and near[0] + near[1] in crossings[answer]
        assert near[1] > far[1]
    assert explained == len(common)


@pytest.mark.skipif(not LAB_MISC.exists(), reason=NOT_THERE)
def test_round_trips_to_the_lab_server_take_what_the_emulator_was_told():
    """Twice 9 ms, jitter, and a few ms for two programs to be scheduled: no round trip less, half of them not much more."""
    times = defaultdict(list)
    for row in measured(LAB_MISC).records("round_trip"):
        if row["round_trip"] is not None:
            times[row["metric"]].append(row["round_trip"])
    assert {"icmp_echo", "dns", "snmp", "ntp"} == times.keys()
    for found in times.values():
        assert min(found) >= 18 * MS
        assert median(found) <= 23 * MS
