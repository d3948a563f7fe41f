"""The probe on a real device: everything the kernel saw is measured or told as dropped."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import dpkt
import pytest

from tests.linkemu.netns import inside
from tests.network.conftest import DEVICE, SENDER, WATCHER
from tests.pipeline.probe_process import START_LIMIT_S, Probe, configure, rows, start_collector, until

pytestmark = pytest.mark.network
PORT = 9777  # of the collector, on loopback of a namespace
ECHOES, PAYLOAD = 5, 1200
DATAGRAMS, FILTERED = 2000, 700
TAGGED, DOUBLY_TAGGED = 40, 9
OBJECT_OCTETS = 3_000_000
KINDS = ("afpacket", "libpcap")
NOBODY = "65534"


def interface(kind: str, name: str = "all", device: str = DEVICE, attributes: str = "") -> str:
    return f'<interface name="{name}" device="{device}" capture="{kind}" {attributes}/>'


def send_datagrams(host, port: int, count: int) -> None:
    """UDP to the watcher from inside the sender's namespace."""
    with inside(host.name):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        sender.bind((SENDER, port))
        for number in range(count):
            sender.sendto(number.to_bytes(4, "big") + bytes(PAYLOAD - 4), (WATCHER, port))


def send_frames(host, frame: bytes, count: int) -> None:
    with inside(host.name):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with raw:
        raw.bind((DEVICE, 0))
        for _ in range(count):
            raw.send(frame)


def udp_frame(*tags: int, port: int = 6000) -> bytes:
    """Ethernet with VLAN tags (802.1ad outside, if there are two), IPv4, UDP with 20 octets."""
    kinds = [0x88A8] * (len(tags) - 1) + [0x8100] if tags else []
    shim = b"".join(struct.pack("!HH", kind, tag) for kind, tag in zip(kinds, tags, strict=True))
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 48, 1, 0, 64, 17, 0, socket.inet_aton(SENDER), socket.inet_aton(WATCHER))
    udp = struct.pack("!HHHH", port, port, 28, 0) + bytes(20)
    return bytes.fromhex("020000000002 020000000001") + shim + b"\x08\x00" + ip + udp


def kernel_packets(host) -> int:
    """Frames that the device has received and sent since it was made."""
    with inside(host.name):
        line = next(x for x in Path("/proc/thread-self/net/dev").read_text().splitlines() if x.strip().startswith(DEVICE))
    counts = line.partition(":")[2].split()
    return int(counts[1]) + int(counts[9])


def recorded(path: Path) -> int:
    """Whole packets in a recording that is still being written."""
    octets, at, count = path.read_bytes(), 24, 0
    while at + 16 <= len(octets):
        at += 16 + struct.unpack_from("<I", octets, at + 8)[0]
        count += at <= len(octets)
    return count


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    """How the probe captures."""
    return request.param


@pytest.fixture(scope="module", params=KINDS)
def measured(request, cable, tmp_path_factory):
    """All kinds of traffic over the cable, seen by the probe and by tcpdump; both ended, files complete."""
    sender, watcher = cable
    for program in ("tcpdump", "curl", "ping"):
        if not shutil.which(program):
            pytest.skip(f"the program {program} is not installed")
    place = tmp_path_factory.mktemp("live")
    (place / "object").write_bytes(os.urandom(OBJECT_OCTETS))
    kind = request.param
    configuration = configure(place, "\n".join([
        interface(kind), interface(kind, "some", attributes='filter="udp dst port 5002"'),
        interface(kind, "tagged", attributes='filter="vlan 77 and udp"')]), port=PORT)
    web = watcher.start([sys.executable, "-u", "-m", "http.server", "8000", "--bind", WATCHER], cwd=place, stderr=subprocess.PIPE,
                        stdout=subprocess.PIPE, text=True)
    before = kernel_packets(watcher)
    recorder = watcher.start(["tcpdump", "-Z", "root", "-B", "32768", "-U", "-w", str(place / "oracle.pcap"), "-i", DEVICE],
                             stderr=subprocess.PIPE, text=True)
    try:
        assert "HTTP on" in web.stdout.readline()
        assert "listening on" in recorder.stderr.readline()
        with (start_collector(place, command=watcher.command) as collector,
              Probe(place, configuration, command=watcher.command) as probe):
            probe.until_capturing()
            echoes = sender.run(["ping", "-n", "-c", str(ECHOES), "-i", "0.02", "-s", str(PAYLOAD), WATCHER], timeout=30)
            send_datagrams(sender, 5001, DATAGRAMS)
            send_datagrams(sender, 5002, FILTERED)
            send_frames(sender, udp_frame(77), TAGGED)
            send_frames(sender, udp_frame(88, 77), DOUBLY_TAGGED)
            fetched = sender.run(["curl", "-sS", "-o", str(place / "fetched"), f"http://{WATCHER}:8000/object"], timeout=30)
            passed, counted = 0, 0

            def accounted() -> bool:
                """The last words of a connection, or ARP, may still come by while this is asked."""
                nonlocal passed, counted
                passed, numbers = kernel_packets(watcher) - before, probe.numbers()
                counted = numbers["packets_seen"] + numbers["kernel_drops"]
                return counted == passed + FILTERED + TAGGED

            until(accounted, "the probe has seen everything or told what it dropped")
            probe.process.terminate()
            status = probe.wait()
            until(probe.gone, "nothing is left of the probe", 2)
            collector.process.terminate()
            assert collector.wait() == 0
            result = SimpleNamespace(place=place, status=status, numbers=probe.numbers(), messages=probe.messages, passed=passed,
                                     counted=counted, echoes=echoes.stdout, fetched=fetched, watcher=watcher)
        until(lambda: recorded(place / "oracle.pcap") >= passed, "tcpdump has written what it saw")
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=20)
    finally:
        for process in (web, recorder):
            process.kill()
            process.wait()
    return result


def packets_by_flow(place: Path, interface: str) -> Counter:
    """(protocol, vlan, the two ends in order) -> [packets, octets], from the collector's files, both directions together."""
    flows = {r["flow"]: r for r in rows(place, "flow_definition") if r["interface"] == interface}
    found = Counter()
    for r in rows(place, "ip_counters"):
        if (f := flows.get(r["flow"])) is not None:
            ends = sorted([(f["src_addr"], f["src_port"]), (f["dst_addr"], f["dst_port"])])
            key = int(f["protocol"]), int(f["vlan"] or 0), *ends
            found[key, "packets"] += int(r["packets"]) + int(r["packets_rev"])
            found[key, "octets"] += int(r["octets"]) + int(r["octets_rev"])
    return found


def packets_of_tcpdump(path: Path) -> Counter:
    """The same from a recording, by dpkt."""
    found = Counter()
    with path.open("rb") as file:
        for _, octets in dpkt.pcap.Reader(file):
            frame = dpkt.ethernet.Ethernet(octets)
            ip = frame.data
            if not isinstance(ip, dpkt.ip.IP):
                continue
            ports = [str(getattr(ip.data, name)) if ip.p in (6, 17) else "" for name in ("sport", "dport")]
            ends = sorted(zip((str(ip_address(ip.src)), str(ip_address(ip.dst))), ports, strict=True))
            tags = getattr(frame, "vlan_tags", [])
            key = ip.p, tags[0].id if tags else 0, *ends
            found[key, "packets"] += 1
            found[key, "octets"] += ip.len
    return found


def test_everything_that_passed_was_seen_or_told_as_dropped(measured):
    """Counted by the kernel on the device; three interfaces of the probe watch it, two of them through filters."""
    assert measured.status == 0, measured.messages
    numbers = measured.numbers
    assert measured.passed + FILTERED + TAGGED == measured.counted <= numbers["packets_seen"] + numbers["kernel_drops"]
    assert numbers["packets_seen"] == sum(numbers[f"packets_{n}"] for n in ("relevant", "irrelevant", "malformed", "other"))
    assert numbers["rows_given_up"] == numbers["pdus_waiting"] == 0
    assert "Traceback" not in measured.messages


def test_every_flow_has_the_packets_and_octets_of_tcpdump(measured):
    """ICMP, UDP, TCP, tagged once and twice; exactly, where neither program lost a packet."""
    lost = max(measured.passed - recorded(measured.place / "oracle.pcap"), 0)
    if measured.numbers["kernel_drops"] or lost:
        pytest.skip(f"packets were lost on this machine: {measured.numbers['kernel_drops']} here, {lost} by tcpdump")
    ours = packets_by_flow(measured.place, "all")
    assert packets_of_tcpdump(measured.place / "oracle.pcap") == ours
    ends = (SENDER, "5001"), (WATCHER, "5001")
    assert DATAGRAMS == ours[(17, 0, *ends), "packets"]
    assert DATAGRAMS * (28 + PAYLOAD) == ours[(17, 0, *ends), "octets"]
    ends = (SENDER, "6000"), (WATCHER, "6000")
    assert (TAGGED, DOUBLY_TAGGED) == (ours[(17, 77, *ends), "packets"], ours[(17, 88, *ends), "packets"])
    assert f"{ECHOES} received" in measured.echoes
    assert ours[(1, 0, (SENDER, ""), (WATCHER, "")), "packets"] >= 2 * ECHOES
    assert sum(n for (flow, what), n in ours.items() if flow[0] == 6 and what == "octets") > OBJECT_OCTETS
    assert measured.fetched.returncode == 0


def test_bpf_filters_work_in_the_kernel(measured):
    """Each interface has its own; the tag that the device takes off a frame is there for the filter and in the flow."""
    for interface, vlan, port, count in (("some", 0, "5002", FILTERED), ("tagged", 77, "6000", TAGGED)):
        ours = packets_by_flow(measured.place, interface)
        packets = {flow: n for (flow, what), n in ours.items() if what == "packets"}
        assert {(17, vlan, (SENDER, port), (WATCHER, port)): count} == packets


def test_no_socket_is_left_in_the_namespace(measured):
    """Neither of the capture nor of UDP."""
    with inside(measured.watcher.name):
        for table in ("packet", "udp"):
            assert len(Path("/proc/thread-self/net", table).read_text().splitlines()) == 1  # the heading


def test_what_the_kernel_drops_is_told(cable, tmp_path, kind):
    """A probe that cannot keep up (it is stopped) with a small buffer: sent = seen + dropped."""
    sender, watcher = cable
    count = 4000
    configuration = configure(tmp_path, interface(kind, attributes='buffer="64k" snaplen="128"'), port=PORT)
    with (start_collector(tmp_path, command=watcher.command) as collector,
          Probe(tmp_path, configuration, command=watcher.command) as probe):
        probe.until_capturing()
        os.kill(probe.process.pid, signal.SIGSTOP)
        try:
            send_frames(sender, udp_frame(port=6001), count)
        finally:
            os.kill(probe.process.pid, signal.SIGCONT)
        until(lambda: sum(probe.numbers()[n] for n in ("packets_seen", "kernel_drops")) >= count, "all are seen or told as dropped")
        probe.process.terminate()
        assert probe.wait() == 0, probe.messages
        numbers = probe.numbers()
        collector.process.terminate()
        assert collector.wait() == 0
    assert numbers["packets_seen"] + numbers["kernel_drops"] == count
    assert 0 < numbers["kernel_drops"] < count
    assert sum(int(r["packets"]) for r in rows(tmp_path, "ip_counters")) == numbers["packets_relevant"]


def test_without_a_collector_a_stopped_probe_gives_up(cable, tmp_path):
    """After a few seconds, exit status 1, and it says what was not delivered and where to look."""
    sender, watcher = cable
    configuration = configure(tmp_path, f'<interface name="all" device="{DEVICE}"/>', port=PORT)
    with Probe(tmp_path, configuration, command=watcher.command) as probe:
        probe.until_capturing()
        send_frames(sender, udp_frame(), 10)
        until(lambda: probe.numbers()["packets_seen"] == 10, "all are seen")
        probe.process.send_signal(signal.SIGINT)
        assert probe.wait() == 1
        until(probe.gone, "nothing is left of the probe", 2)
        assert f"collector collector at 127.0.0.1 port {PORT}: " in probe.messages
        assert "not acknowledged" in probe.messages
        assert "is the collector running" in probe.messages


def test_offloads_that_may_not_be_switched_off(cable, tmp_path):
    """Told in full, with the cure; the probe captures all the same."""
    if not shutil.which("setpriv"):
        pytest.skip("the program setpriv (package util-linux) is missing")
    drop = ["setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin"]
    configuration = configure(tmp_path, f'<interface name="all" device="{DEVICE}" offloads="off"/>', port=PORT)
    with Probe(tmp_path, configuration, command=lambda argv: cable[1].command([*drop, *argv])) as probe:
        probe.until_capturing()
        probe.process.terminate()
        probe.wait()
        [told] = [line for line in probe.messages.splitlines() if "cannot be switched off" in line]
        assert f"device {DEVICE}: " in told
        assert "capability CAP_NET_ADMIN is missing. Run as root, or grant it: setcap cap_net_raw,cap_net_admin+ep" in told
        assert told.endswith("in the systemd unit")


def test_interfaces_lists_addresses_as_they_are(cable):
    """A terminal library may take the :cd: of an address for a picture."""
    watcher = cable[1]
    address = json.loads(watcher.run(["ip", "-j", "link", "show", DEVICE]).stdout)[0]["address"]
    watcher.ip(f"link set {DEVICE} address 02:cd:0b:87:43:01")
    try:
        listed = watcher.run([sys.executable, "-m", "trafmon", "interfaces"], timeout=60)
    finally:
        watcher.ip(f"link set {DEVICE} address {address}")
    [line] = [x.split() for x in listed.stdout.splitlines() if x.startswith(DEVICE)]
    assert [DEVICE, "up", "1500", "02:cd:0b:87:43:01", "yes", "afpacket"] == line


def test_a_device_that_may_not_be_opened(cable, tmp_path, kind):
    """Without privileges: which one is missing and how to grant it. Exit status 2, one line."""
    if not shutil.which("setpriv"):
        pytest.skip("the program setpriv (package util-linux) is missing")
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    drop = ["env", "-u", "NUMBA_CACHE_DIR",  # a directory of ours that it may not use
            "setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    configuration = configure(tmp_path, interface(kind), port=PORT)
    with Probe(tmp_path, configuration, command=lambda argv: cable[1].command([*drop, *argv])) as probe:
        assert probe.wait(START_LIMIT_S) == 2, probe.messages
        assert f"tmon_probe: interface all: device {DEVICE} may not be opened: capability CAP_NET_RAW is missing" in probe.messages
        assert "setcap cap_net_raw" in probe.messages
        assert probe.messages.count("\n") == 1


@pytest.mark.parametrize(("device", "told"), [
    ("off0", "device off0 is down; bring it up: ip link set off0 up"),
    ("none0", "device none0 does not exist; `trafmon interfaces` lists those of this machine"),
])
def test_a_device_that_cannot_be_opened(cable, tmp_path, kind, device, told):
    """Exit status 2, one line."""
    if device == "off0" and kind == KINDS[0]:
        cable[1].ip("link add off0 type veth peer name off1")
    configuration = configure(tmp_path, interface(kind, device=device))
    with Probe(tmp_path, configuration, command=cable[1].command) as probe:
        assert probe.wait(START_LIMIT_S) == 2, probe.messages
        assert told in probe.messages
        assert probe.messages.count("\n") == 1


def test_a_device_that_goes_away_and_comes_back(cable, tmp_path, kind):
    """The probe says so, lives on, and measures again when the device is back."""
    sender, watcher = cable
    device = f"gone-{kind}"
    watcher.ip(f"link add {device} type veth peer name peer-{kind}")
    watcher.ip(f"link set {device} up")
    watcher.ip(f"link set peer-{kind} up")
    configuration = configure(tmp_path, interface(kind, "lost", device) + interface(kind), port=PORT)
    with (start_collector(tmp_path, command=watcher.command) as collector,
          Probe(tmp_path, configuration, command=watcher.command) as probe):
        probe.until_capturing()
        watcher.ip(f"link set {device} down")
        until(lambda: f"device {device} is gone: " in probe.messages, "the loss is told")
        before = probe.numbers()["packets_seen"]
        send_frames(sender, udp_frame(), 10)
        until(lambda: probe.numbers()["packets_seen"] >= before + 10, "the other device is still measured")
        watcher.ip(f"link set {device} up")
        until(lambda: f"device {device} is back" in probe.messages, "it is back")
        probe.process.terminate()
        assert 0 == probe.wait(), probe.messages
        collector.process.terminate()
        assert 0 == collector.wait()
    assert "Traceback" not in probe.messages


@pytest.mark.parametrize(("kind", "anew"), [("afpacket", False), ("libpcap", False), ("afpacket", True)], indirect=["kind"])
def test_a_device_that_comes_back_with_longer_frames(cable, tmp_path, kind, anew):
    """They are not taken for merged ones. (One that is made anew libpcap cannot open: test_privileges.py.)"""
    watcher = cable[1]

    def make(mtu: int) -> None:
        watcher.ip(f"link add long0 mtu {mtu} type veth peer name long1 mtu {mtu}")
        for end in ("long0", "long1"):
            watcher.ip(f"link set {end} up")

    make(1500)
    configuration = configure(tmp_path, interface(kind, "long", "long0", 'filter="udp"'), port=PORT)
    with (start_collector(tmp_path, command=watcher.command),
          Probe(tmp_path, configuration, command=watcher.command) as probe):
        probe.until_capturing()
        watcher.ip("link delete long0" if anew else "link set long0 down")
        until(lambda: "device long0 is gone: " in probe.messages, "the loss is told")
        if anew:
            make(4000)
        else:
            for end in ("long0", "long1"):
                watcher.ip(f"link set {end} mtu 4000 up")
        until(lambda: "device long0 is back" in probe.messages, "it is back")
        with inside(watcher.name):
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with raw:
            raw.bind(("long1", 0))
            raw.send(udp_frame().ljust(3000, b"\0"))
        until(lambda: probe.numbers()["packets_seen"] == 1, "it is seen")
        assert 0 == probe.numbers()["packets_merged"]
        probe.process.terminate()
        assert 0 == probe.wait(), probe.messages
    watcher.ip("link delete long0")
