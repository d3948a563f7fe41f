"""The block ring on real devices: frames as they were on the wire, every one seen or told as dropped."""

import errno
import fcntl
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import SHARED_CAPTURES
from tests.linkemu import Namespace
from tests.linkemu.netns import inside
from tests.network.conftest import DEVICE
from tests.network.sent_and_seen import LIMIT_S, WEST, frames_of, open_in, read_until, send_all, sent_by, start_sending
from tests.network.test_probe_live import udp_frame
from tests.pipeline.probe_process import until
from tmon_probe.father.capture.afpacket.block_ring import BlockRing
from tmon_probe.father.capture.afpacket.source import RETRY_NS, AfpacketDevice
from tmon_probe.father.capture.batch import CaptureError, Notice

pytestmark = pytest.mark.network
SHARED = ("vlan_dot1q.pcap", "qinq_pppoe.pcap", "lab_ftp_abort_vlan77.pcap", "mixed_many_protocols.pcap")
MAX_SENDABLE = 9014
LOOPS = 50
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


@pytest.fixture(scope="module")
def jumbo_cable(cable):
    """The same cable for frames of 9000 octets and their headers."""
    for host in cable:
        host.ip(f"link set {DEVICE} mtu 9000")
    return cable


@pytest.fixture(autouse=True)
def tcpreplay():
    if not shutil.which("tcpreplay"):
        pytest.skip("the program tcpreplay is not installed")


@pytest.fixture
def opened():
    """Opens sources that are closed at the end."""
    sources = []

    def open_one(*args, **options):
        sources.append(open_in(*args, **options))
        return sources[-1]

    yield open_one
    for source in sources:
        source.close()


def recordings() -> list:
    names = [SHARED_CAPTURES / name for name in SHARED]
    return [pytest.param(p, id=p.name) for p in [WEST, *(p for p in names if p.exists())]]


@pytest.mark.parametrize("speed", [("--pps", "20000"), ("--topspeed",)], ids=["gently", "topspeed"])
@pytest.mark.parametrize("path", recordings())
def test_frames_are_those_of_the_recording(jumbo_cable, opened, path, speed):
    """Octet by octet and in their order, tags included (the kernel had taken the outer ones off); nothing is dropped."""
    sender, watcher = jumbo_cable
    frames = frames_of(path)
    if max(map(len, frames)) > MAX_SENDABLE:
        pytest.skip("it has frames that no device sends")
    source = opened(watcher)
    assert isinstance(source, AfpacketDevice)
    process = start_sending(sender, path, *speed)
    [seen] = read_until([source], lambda s: s[0].packets + source.dropped() >= len(frames))
    assert len(frames) == sent_by(process)
    assert 0 == source.dropped()
    assert frames == seen.octets
    assert [len(f) for f in frames] == seen.wire


def test_times_are_the_host_s_and_do_not_go_back(cable, opened):
    """Between before and after the sending, in nanoseconds."""
    sender, watcher = cable
    source = opened(watcher)
    before = time.time_ns()
    process = start_sending(sender, WEST, "--topspeed")
    [seen] = read_until([source], lambda s: s[0].packets >= 4527)
    sent_by(process)
    times = seen.times_ns
    assert before <= times[0]
    assert times[-1] <= time.time_ns()
    assert sorted(times) == times
    assert any(t % 1000 for t in times)


def test_at_the_fastest_rate_all_are_seen_or_told_as_dropped(cable, opened):
    """Of a recording sent over and over; two sources on the device, of which the small one may well lose some."""
    sender, watcher = cable
    large = opened(watcher, buffer_octets=64 << 20)
    small = opened(watcher, buffer_octets=64 << 10, block_octets=4096)
    process = start_sending(sender, WEST, "--topspeed", "--loop", str(LOOPS))
    sources, sent = [large, small], LOOPS * 4527
    seen = read_until(sources, lambda s: all(p.packets + x.dropped() >= sent for p, x in zip(s, sources, strict=True)), keep=False)
    assert sent == sent_by(process)
    assert [sent, sent] == [p.packets + x.dropped() for p, x in zip(seen, sources, strict=True)]


def test_what_finds_no_room_is_dropped_and_told(cable, opened):
    """Nobody reads while they come; the first are there afterwards, and later ones find room again."""
    sender, watcher = cable
    source = opened(watcher, buffer_octets=64 << 10, block_octets=16 << 10)
    assert 4527 == sent_by(start_sending(sender, WEST, "--topspeed"))
    [seen] = read_until([source], lambda s: s[0].packets + source.dropped() >= 4527)
    assert 4527 == seen.packets + source.dropped()
    assert 0 < seen.packets < 2000
    assert frames_of(WEST)[: seen.packets] == seen.octets
    send_all(sender, [udp_frame(77)] * 5)
    [seen] = read_until([source], lambda s: s[0].packets >= 5)
    assert [udp_frame(77)] * 5 == seen.octets


class Tcpdump:
    """tcpdump in a namespace, writing what passes a filter to `path`."""

    def __init__(self, host: Namespace, path: Path, *arguments: str) -> None:
        self.path = path
        self._process = host.start(["tcpdump", "-Z", "root", "-B", "32768", "-U", "-w", str(path), "-i", DEVICE, *arguments],
                                   stderr=subprocess.PIPE, text=True)
        assert "listening on" in self._process.stderr.readline()

    def has_all(self) -> bool:
        """Whatever its filter has let pass is written. It tells when it is asked."""
        self._process.send_signal(signal.SIGUSR1)
        told = self._process.stderr.readline()
        captured, received, lost = map(int, re.findall(r"(\d+) packets?", told))
        assert 0 == lost
        return captured == received

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=LIMIT_S)


@pytest.fixture
def tcpdump(cable, tmp_path):
    """Starts one on the watcher that is ended with the test."""
    started = []

    def start(*arguments: str) -> Tcpdump:
        started.append(Tcpdump(cable[1], tmp_path / f"oracle{len(started)}.pcap", *arguments))
        return started[-1]

    yield start
    for program in started:
        program.close()


@pytest.mark.parametrize("expression", [
    "udp", "vlan", "vlan 120", "vlan 120 and udp", "not vlan", "vlan 30 and vlan 130", "ip6 and tcp",
    "tcp[tcpflags] & tcp-syn != 0", "vlan and icmp", "ether proto 0x88a8 or udp port 53", "greater 1000",
])
def test_filters_let_the_same_frames_pass_as_those_of_tcpdump(cable, opened, tcpdump, expression):
    """On the same device at the same time: filters see the tag that the kernel has put aside, and only as far as libpcap's do."""
    sender, watcher = cable
    oracle = tcpdump(expression)
    source, everything = opened(watcher, bpf=expression), opened(watcher)
    process = start_sending(sender, WEST, "--pps", "50000")
    read_until([everything], lambda s: s[0].packets >= 4527, keep=False)
    sent_by(process)
    until(oracle.has_all, "tcpdump has written all")
    expected = frames_of(oracle.path)
    [seen] = read_until([source], lambda s: s[0].packets >= len(expected))
    assert [] == select.select([source.fileno()], [], [], 0.1)[0]
    assert 0 == source.dropped()
    assert 0 < len(expected) < 4527
    assert expected == seen.octets


def test_a_filter_that_is_too_much_for_a_kernel(cable, opened):
    """libpcap would filter with a loop in its own process; here it is refused with the reason."""
    with pytest.raises(CaptureError, match=r"interface watched: the BPF filter 'ip6 protochain 17' cannot be used: .*loop"):
        opened(cable[1], bpf="ip6 protochain 17")


def test_a_filter_of_the_process_s_own_sees_the_tag(cable, opened, monkeypatch):
    """When libpcap has put no program on its socket, batches are filtered with the tag in place."""
    sender, watcher = cable
    monkeypatch.setattr("tmon_probe.father.capture.afpacket.libpcap_filter.read_back", lambda _descriptor: ())
    source = opened(watcher, bpf="vlan 77 and udp", snaplen=64)
    send_all(sender, [udp_frame()] * 3)
    send_all(sender, [udp_frame(77)] * 4)
    [seen] = read_until([source], lambda s: s[0].packets >= 4)
    assert [udp_frame(77)[:64]] * 4 == seen.octets


@pytest.mark.parametrize("options", [{}, {"bpf": "not port 1"}], ids=["alone", "with a filter"])
def test_snap_length(cable, opened, options):
    """So many octets of a frame are kept at most, its tag among them; its length on the wire is known."""
    sender, watcher = cable
    frames = frames_of(WEST)
    source = opened(watcher, snaplen=100, **options)
    process = start_sending(sender, WEST, "--pps", "50000")
    [seen] = read_until([source], lambda s: s[0].packets >= len(frames))
    sent_by(process)
    assert [f[:100] for f in frames] == seen.octets
    assert [len(f) for f in frames] == seen.wire


def test_frames_longer_than_a_block_are_cut(jumbo_cable, opened):
    """At what the block holds; the wire length is told. They are whole in larger blocks."""
    sender, watcher = jumbo_cable
    frame = udp_frame(77) + bytes(8900)
    small, large = opened(watcher, block_octets=4096), opened(watcher)
    send_all(sender, [frame] * 20)
    cut, whole = read_until([small, large], lambda s: all(p.packets >= 20 for p in s))
    assert [frame] * 20 == whole.octets
    assert [len(frame)] * 20 == cut.wire == whole.wire
    assert all(3000 < len(o) < 4096 and frame.startswith(o) for o in cut.octets)
    assert 9000 + 14 + 8 == large.longest_frame


def test_a_silent_link_wakes_nobody(cable, opened):
    """There is nothing to be read, before the first packet and after the last."""
    sender, watcher = cable
    source = opened(watcher)
    for _ in range(2):
        assert source.next_batch() is None
        assert [] == select.select([source.fileno()], [], [], 0.3)[0]
        send_all(sender, [udp_frame()] * 3)
        read_until([source], lambda s: s[0].packets >= 3)


def test_loopback_shows_each_packet_once(cable, opened):
    """As libpcap: the copy that goes out is left out. It is so framed as Ethernet."""
    watcher = cable[1]
    sources = [opened(watcher, "lo", bpf="udp port 7001"), opened(watcher, "lo", bpf="udp port 7001", capture="libpcap")]
    with inside(watcher.name):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        for number in range(10):
            sender.sendto(bytes([number]), ("127.0.0.1", 7001))
    ours, theirs = read_until(sources, lambda s: all(p.packets >= 10 for p in s))
    assert 10 == ours.packets
    assert theirs.octets == ours.octets


def test_what_a_device_sends_is_seen_too(cable, opened):
    """Both directions of an ordinary device; tags that are still to be put on by the device are in the frames."""
    sender, watcher = cable
    source = opened(sender)
    send_all(sender, [udp_frame(77)] * 4)
    send_all(watcher, [udp_frame(88, 77)] * 4)
    [seen] = read_until([source], lambda s: s[0].packets >= 8)
    assert [udp_frame(77)] * 4 + [udp_frame(88, 77)] * 4 == sorted(seen.octets, key=len)


def test_tun_devices_carry_raw_ip(cable, opened):
    """No Ethernet header; filters fit that; longest_frame is the MTU."""
    watcher = cable[1]
    with inside(watcher.name):
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun7", IFF_TUN | IFF_NO_PI))
    try:
        watcher.ip("link set tun7 up mtu 1400")
        source, filtered = opened(watcher, "tun7"), opened(watcher, "tun7", bpf="udp port 6000")
        packets = [udp_frame(port=port)[14:] for port in (6000, 6001, 6000)]
        for packet in packets:
            os.write(tun, packet)
        seen, some = read_until([source, filtered], lambda s: s[0].packets >= 3 and s[1].packets >= 2)
        assert packets == seen.octets
        assert [packets[0], packets[2]] == some.octets
        assert 1400 == source.longest_frame
    finally:
        os.close(tun)


def test_hardware_timestamps_where_there_are_none(cable, opened):
    """Said once; the kernel's are used."""
    sender, watcher = cable
    source = opened(watcher, timestamps="hardware")
    [notice] = source.notices()
    assert "timestamps_not_hardware" == notice.code
    assert notice.values["why"].startswith("the device has none")
    assert [] == source.notices()
    send_all(sender, [udp_frame()] * 1)
    [seen] = read_until([source], lambda s: s[0].packets >= 1)
    assert abs(time.time_ns() - seen.times_ns[0]) < LIMIT_S * 10**9


@pytest.mark.parametrize(("device", "options", "told"), [
    ("none0", {"capture": "afpacket"}, "interface watched: device none0 does not exist; `trafmon interfaces`"),
    ("none0", {}, "interface watched: device none0 does not exist; `trafmon interfaces`"),
    (DEVICE, {"bpf": "udp prt 9"}, "interface watched: the BPF filter 'udp prt 9' is not valid: .*syntax error"),
    ("any", {"capture": "afpacket"}, "reads one device; leave capture= out"),
])
def test_what_cannot_be_opened_is_explained(cable, opened, device, options, told):
    """One sentence with interface, device, reason and cure."""
    with pytest.raises(CaptureError, match=told):
        opened(cable[1], device, **options)


def test_no_memory_for_the_ring(cable, opened, monkeypatch):
    """Which attribute of the configuration says how large it is."""
    def no_memory(ring) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(BlockRing, "_make_ring", no_memory)
    with pytest.raises(CaptureError, match="there is no memory for its ring of 16777216 octets; take a smaller buffer="):
        opened(cable[1])


def test_a_device_made_anew_is_captured_from_anew(cable, opened):
    """It went away, with its name, and comes back as another device: told once each; drops and packets before are not forgotten."""
    watcher = cable[1]
    now = count(0, RETRY_NS)

    def make() -> None:
        watcher.ip("link add back0 type veth peer name back1")
        for name in ("back0", "back1"):
            watcher.ip(f"link set {name} up")

    make()
    source = opened(watcher, "back0", opener=lambda interface: AfpacketDevice(interface, clock=lambda: next(now)))
    watcher.ip("link delete back0")
    told = []
    with inside(watcher.name):
        wait_for_notice(source, told)
        assert [Notice("device_lost", {"device": "back0", "why": "it disappeared"})] == told
        assert source.gone
        for _ in range(3):
            assert source.next_batch() is None
        assert [] == source.notices()
        assert -1 == source.fileno()
        make()
        wait_for_notice(source, told)
    assert "device_back" == told[1].code
    assert not source.gone
    send_all(watcher, [udp_frame(77)], "back1")
    read_until([source], lambda s: udp_frame(77) in s[0].octets)
    assert 0 == source.dropped()


def wait_for_notice(source: AfpacketDevice, told: list[Notice]) -> None:
    end, before = time.monotonic() + LIMIT_S, len(told)
    while len(told) == before:
        assert time.monotonic() < end
        source.next_batch()
        told += source.notices()


def test_closing_leaves_nothing_behind(cable, opened):
    """No socket, and the device is not promiscuous any more."""
    watcher = cable[1]
    source = opened(watcher)
    assert 1 == promiscuity(watcher)
    source.close()
    source.close()
    with inside(watcher.name):
        assert 1 == len(Path("/proc/thread-self/net/packet").read_text().splitlines())
    assert 0 == promiscuity(watcher)
    assert -1 == source.fileno()
    assert 0 == source.dropped()


def promiscuity(host: Namespace) -> int:
    told = host.run(["ip", "-d", "link", "show", DEVICE]).stdout
    return int(told.partition("promiscuity ")[2].split()[0])
