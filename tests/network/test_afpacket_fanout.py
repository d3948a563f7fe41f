"""Several sources that share a device: each packet is seen by one of them, a flow's packets by the same one."""

import os
import select
import socket
import struct
from collections import defaultdict
from itertools import count

import dpkt
import pytest

from tests.linkemu.netns import inside
from tests.network.conftest import WATCHER
from tests.network.sent_and_seen import WEST, frames_of, open_in, read_until, send_all, sent_by, start_sending
from tests.network.test_afpacket_live import tcpreplay, wait_for_warning
from tests.network.test_probe_live import udp_frame
from tmon_common.config.model import Interface
from tmon_probe.father.capture.afpacket.block_ring import NEW_GROUP
from tmon_probe.father.capture.afpacket.source import RETRY_NS, AfpacketDevice
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.open import open_sources

pytestmark = [pytest.mark.network, pytest.mark.usefixtures(tcpreplay.__name__)]
MEMBERS = 3
FLOWS = 60


@pytest.fixture
def members(cable):
    opened = open_in(cable[1], opener=open_sources, fathers=MEMBERS)
    yield opened
    for source in opened:
        source.close()


def flow_of(frame: bytes):
    """(protocol, the two ends in order) of TCP and UDP over IP, without fragments; else None."""
    packet = dpkt.ethernet.Ethernet(frame).data
    if not isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6) or not isinstance(packet.data, dpkt.tcp.TCP | dpkt.udp.UDP):
        return None
    ports = packet.data.sport, packet.data.dport
    return packet.p, *sorted(zip((packet.src, packet.dst), ports, strict=True))


def test_both_directions_of_a_flow_reach_the_same_member(cable, members):
    """Of a recording with both directions, tags and all; every packet reaches exactly one member, and each has work to do."""
    frames = frames_of(WEST)
    process = start_sending(cable[0], WEST, "--pps", "50000")
    seen = read_until(members, lambda s: sum(p.packets for p in s) >= len(frames))
    sent_by(process)
    assert not select.select([m.fileno() for m in members], [], [], 0.1)[0]
    assert sorted(frames) == sorted(f for part in seen for f in part.octets)
    assert all(part.packets > 0 for part in seen)
    found = defaultdict(set)
    directions = defaultdict(set)
    for number, part in enumerate(seen):
        for frame in part.octets:
            if (flow := flow_of(frame)) is not None:
                found[flow].add(number)
                directions[flow].add(dpkt.ethernet.Ethernet(frame).data.src)
    assert [] == [flow for flow, numbers in found.items() if len(numbers) > 1]
    assert sum(len(sources) == 2 for sources in directions.values()) > 20


def fragments(identification: int, host: int) -> list[bytes]:
    """A UDP datagram of three fragments from 192.0.2.`host`, as Ethernet frames, the last one first."""
    payload = struct.pack("!HHHH", 5000 + host, 53, 8 + 3000, 0) + bytes(3000)
    found = []
    for offset in (2432, 1216, 0):
        part = payload[offset : offset + 1216]
        more = 0x2000 if offset < 2432 else 0
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), identification, more | offset // 8, 64, 17, 0,
                         bytes((192, 0, 2, host)), socket.inet_aton(WATCHER))
        found.append(bytes.fromhex("020000000002 020000000001 0800") + ip + part)
    return found


def test_all_fragments_of_a_datagram_reach_the_same_member(cable, members):
    """Also those without ports."""
    send_all(cable[0], [frame for host in range(10, 10 + FLOWS) for frame in fragments(host, host)])
    seen = read_until(members, lambda s: sum(p.packets for p in s) >= 3 * FLOWS)
    found = defaultdict(set)
    for number, part in enumerate(seen):
        for frame in part.octets:
            found[frame[26:30]].add(number)
    assert FLOWS == len(found)
    assert {1} == {len(numbers) for numbers in found.values()}
    assert len(set().union(*found.values())) > 1


def test_a_filter_holds_for_every_member(cable):
    """Together they see what passes, each packet once."""
    sources = open_in(cable[1], opener=open_sources, fathers=2, bpf="udp portrange 7000-7999")
    try:
        send_all(cable[0], [udp_frame(port=port) for port in (*range(7000, 7000 + FLOWS), 8000)])
        seen = read_until(sources, lambda s: sum(p.packets for p in s) >= FLOWS)
        assert sorted(udp_frame(port=p) for p in range(7000, 7000 + FLOWS)) == sorted(f for p in seen for f in p.octets)
    finally:
        for source in sources:
            source.close()


def test_each_forked_process_reads_its_own(cable):
    """Opened before the fork; what a child does not read it closes, and the others go on."""
    sources = open_in(cable[1], opener=open_sources, fathers=2)
    results, children = os.pipe(), []
    for number, own in enumerate(sources):
        child = os.fork()
        if not child:
            status = 1
            try:
                sources[1 - number].close()
                seen = read_until([own], lambda s: any(f[34:36] == b"\xff\xff" for f in s[0].octets) )
                os.write(results[1], struct.pack("=III", number, seen[0].packets, own.dropped()))
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    for source in sources:
        source.close()
    os.close(results[1])
    try:
        # every flow twice, then packets of enough other flows with port 65535 for each of the two to see one of them
        last = udp_frame(port=65535)
        send_all(cable[0], [udp_frame(port=port) for port in [*range(7000, 7000 + FLOWS)] * 2]
                 + [last[:29] + bytes((host,)) + last[30:] for host in range(64)])
        told = [struct.unpack("=III", os.read(results[0], 12)) for _ in children]
    finally:
        for child in children:
            assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(results[0])
    assert {0, 1} == {number for number, _, _ in told}
    assert 2 * FLOWS <= sum(packets for _, packets, _ in told) <= 2 * FLOWS + 64
    assert all(packets > 1 for _, packets, _ in told)
    assert [0, 0] == [dropped for _, _, dropped in told]


def test_a_group_survives_that_its_device_is_made_anew(cable):
    """Each member opens the new device by itself; they share its packets again."""
    watcher, now = cable[1], count(0, RETRY_NS)

    def make() -> None:
        watcher.ip("link add group0 type veth peer name group1")
        for name in ("group0", "group1"):
            watcher.ip(f"link set {name} up")

    make()
    sources: list[AfpacketDevice] = []
    try:
        with inside(watcher.name):
            for _ in range(2):
                sources.append(AfpacketDevice(Interface("watched", device="group0"), sources[0].group if sources else NEW_GROUP,
                                              clock=lambda: next(now)))
            for source in sources:
                source.start()
            watcher.ip("link delete group0")
            told: list[str] = []
            for source in sources:
                wait_for_warning(source, told)
            make()
            for _ in range(3):  # the first cannot while the second holds the group of the old device
                for source in sources:
                    source.next_batch()
                    told += source.warnings()
        assert ["watched: device group0 is back"] * 2 == [t.partition(" ")[2] for t in told[2:]]
        send_all(watcher, [udp_frame(port=port) for port in range(7000, 7000 + FLOWS)], "group1")
        seen = read_until(sources, lambda s: sum(udp_frame()[:12] == f[:12] for p in s for f in p.octets) >= FLOWS)
        frames = [f for part in seen for f in part.octets if f[:12] == udp_frame()[:12]]
        assert FLOWS == len(frames) == len(set(frames))
        assert all(part.packets > 0 for part in seen)
    finally:
        for source in sources:
            source.close()


def test_libpcap_cannot_share(cable):
    """What says so names interface, device and attribute."""
    told = "interface watched: device any is captured from by libpcap, which cannot share its packets among 2 fathers; leave"
    with pytest.raises(CaptureError, match=told):
        open_in(cable[1], "any", opener=open_sources, fathers=2)


def test_one_father_has_one_source(cable):
    [source] = open_in(cable[1], opener=open_sources)
    source.close()
    assert isinstance(source, AfpacketDevice)
