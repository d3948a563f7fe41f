"""The one-way lab judged by tcpdump in place of probes: it sees everywhere what the links' logs say, when they say."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from contextlib import ExitStack

import dpkt
import pytest

from tests.linkemu import Impairment
from tests.one_way_lab.taps import Sighting, whole
from tests.one_way_lab.topology import lab, why_unavailable
from tests.one_way_lab.traffic import Exchange, Times, settle, transfer
from tests.one_way_lab.truth import CLOCKS_NS, truth
from tests.oracles.signature_twin import sign

pytestmark = pytest.mark.network
PLACES = (("a", "eth0"), ("b", "to_a"), ("b", "to_c"), ("c", "eth0"))
BAD = Impairment(delay_ns=3_000_000, jitter_ns=1_000_000, loss=0.03, duplicate=0.03, reorder=0.05, reorder_extra_ns=8_000_000)
STOP_LIMIT_S = 20


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """(truth, what tcpdump saw at each place)."""
    if reason := why_unavailable():
        pytest.skip(reason)
    place, times = tmp_path_factory.mktemp("lab"), Times()
    with ExitStack() as exits:
        at = exits.enter_context(lab(place))
        recorders = [_record(exits, at.host(host), device, place / f"{n}.pcap") for n, (host, device) in enumerate(PLACES)]
        at.impair(BAD)
        exchange = exits.enter_context(Exchange(at, 1, times))
        exchange.send(udp=200, long=40, ping=40)
        transfer(at, 2, 30_000)
        settle(at, exchange)
        for recorder in recorders:
            recorder.send_signal(signal.SIGINT)
            told = recorder.communicate(timeout=STOP_LIMIT_S)[1]
            assert "0 packets dropped by kernel" in told, told
    return truth(place, times), [_seen(place / f"{n}.pcap") for n in range(len(PLACES))]


def _record(exits: ExitStack, host, device: str, path) -> subprocess.Popen:
    command = ["tcpdump", "-Z", "root", "-B", "32768", "-U", "--time-stamp-precision=nano", "--immediate-mode", "-w", str(path),
               "-i", device, "ip"]
    recorder = host.start(command, stderr=subprocess.PIPE, text=True)
    exits.callback(recorder.wait)
    exits.callback(recorder.kill)
    assert "listening on" in recorder.stderr.readline()
    return recorder


def _seen(path) -> list[Sighting]:
    with path.open("rb") as file:
        reader = dpkt.pcap.Reader(file)
        times = [(octets[14 : 14 + int.from_bytes(octets[16:18], "big")], round(at * 10**9)) for at, octets in reader]
    return [Sighting(packet, at_ns, at_ns) for packet, at_ns in times]


def test_all_fates_are_there(played):
    """Lost on either link, both ways; copies; datagrams in fragments; and most packets arrive."""
    packets = [p for of_one in played[0].all.values() for p in of_one]
    fates = Counter((p.verdict(), p.back) for p in packets)
    assert {(("lost", 1), False), (("lost", 3), False), (("lost", 4), True), (("lost", 2), True)} <= set(fates)
    assert fates[("complete", 0), False] > 150
    assert fates[("complete", 0), True] > 150
    assert any(s and s.copies > 1 for p in packets for s in p.seen)
    assert any(not p.whole and p.verdict() == ("complete", 0) for p in packets)
    assert all(p.case in (1, 2) for p in packets)


def test_tcpdump_sees_the_same_within_the_bounds(played):
    """Every packet as often, its first copy and its last fragment at a time that is possible."""
    expected, seen = played
    for place, of_place in enumerate(seen):
        found: dict[int, list[Sighting]] = {}
        for one in whole(of_place):
            found.setdefault(sign(one.packet, nat=True) & 0xFFFFFFFF, []).append(one)
        wanted = {s: p for s, of_one in expected.all.items() if any((p := one).seen[place] for one in of_one)}
        assert set(wanted) == set(found)
        for signature, packet in wanted.items():
            if packet.alone:
                bounds = packet.seen[place]
                assert bounds.copies == len(found[signature])
                first, last = (min(times) for times in zip(*((s.first_ns, s.last_ns) for s in found[signature]), strict=True))
                assert bounds.first_ns[0] - CLOCKS_NS <= first <= bounds.first_ns[1] + CLOCKS_NS
                assert bounds.last_ns[0] - CLOCKS_NS <= last <= bounds.last_ns[1] + CLOCKS_NS
