"""The emulated link between two real network stacks."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dpkt
import pytest

from tests.linkemu import (
    Direction,
    Fate,
    Impairment,
    LinkConfig,
    LinkProcess,
    Namespace,
    Network,
    VlanRule,
    read_frame_log,
    why_unavailable,
)
from tests.linkemu.netns import inside

pytestmark = pytest.mark.network
MS = 1_000_000
ROUND_TRIP = re.compile(r"time=([\d.]+) ms")


@pytest.fixture
def ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Two hosts, 192.0.2.1 and 192.0.2.2, and between them the namespace where a link can be put."""
    reason = why_unavailable()
    if reason:
        pytest.skip(reason)
    with Network() as network:
        host, peer = network.namespace("host"), network.namespace("peer")
        middle = network.link_namespace((host, "eth0"), (peer, "eth0"))
        host.ip("addr add 192.0.2.1/24 dev eth0")
        peer.ip("addr add 192.0.2.2/24 dev eth0")
        yield host, middle


def ping(host: Namespace, count: int, octets: int = 56) -> list[float]:
    """Round-trip times in ms of the answers."""
    done = host.run(["ping", "-n", "-c", str(count), "-i", "0.05", "-W", "1", "-s", str(octets), "192.0.2.2"], timeout=30)
    return [float(text) for text in ROUND_TRIP.findall(done.stdout)]


def frames_in(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [octets for _, octets in dpkt.pcap.Reader(file)]


def test_delay_adds_up_over_both_directions_and_all_frames_are_logged(ends, tmp_path: Path):
    host, middle = ends
    delay = Impairment(delay_ns=20 * MS)
    rule = VlanRule(42, network="192.0.2.0/24")
    with LinkProcess(middle, LinkConfig(tmp_path, west_to_east=delay, east_to_west=delay, vlan_rules=(rule,))) as link:
        times_ms = ping(host, 5, octets=3_000)
        link.drain()

    assert len(times_ms) == 5
    assert min(times_ms) >= 40
    rows = read_frame_log(link.frame_log)
    for tap, side in ((link.west_pcap, "west_frame"), (link.east_pcap, "east_frame")):
        frames = frames_in(tap)
        assert list(range(1, len(frames) + 1)) == sorted(getattr(row, side) for row in rows if getattr(row, side))
        echoes = [octets for octets in frames if octets[16:18] == b"\x08\x00"]
        assert len(echoes) >= 30  # five echoes of three fragments each way
        assert {42} == {dpkt.ethernet.Ethernet(octets).vlan_tags[0].id for octets in echoes}
    for direction in Direction:
        assert link.totals[direction]["received"] == len([row for row in rows if row.direction is direction])
    assert [link.totals[name] for name in ("send_failed", "partial_checksums", "kernel_drops")] == [0, 0, 0]


def test_total_loss_loses_everything_that_enters(ends, tmp_path: Path):
    host, middle = ends
    with LinkProcess(middle, LinkConfig(tmp_path)) as link:
        assert len(ping(host, 1)) == 1
        link.drain()
        phase = link.impair(Impairment(loss=1.0))["phase"]
        assert ping(host, 3) == []

    lost = [row for row in read_frame_log(link.frame_log) if row.phase == phase]
    assert len(lost) >= 3
    assert {Fate.LOST} == {row.fate for row in lost}
    assert sum(link.totals[direction]["lost"] for direction in Direction) == len(lost)
    assert len(frames_in(link.east_pcap)) + len([row for row in lost if row.direction is Direction.WEST_TO_EAST]) == (
        len(frames_in(link.west_pcap)) + len([row for row in lost if row.direction is Direction.EAST_TO_WEST])
    )


def test_a_frame_that_is_already_tagged_keeps_its_tag(ends, tmp_path: Path):
    """The kernel puts the tag of a received frame aside (PACKET_AUXDATA); the link puts it back."""
    host, middle = ends
    tagged = bytes.fromhex("020000000002 020000000001 8100 a02a 88b5") + b"already tagged".ljust(46, b".")
    with LinkProcess(middle, LinkConfig(tmp_path)) as link:
        with inside(host.name), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth0", 0))
            raw.send(tagged)
        end = time.monotonic() + 10
        while link.read_totals()[Direction.WEST_TO_EAST]["received"] == 0 and time.monotonic() < end:
            pass
        link.drain()

    assert tagged in frames_in(link.west_pcap)
    assert tagged in frames_in(link.east_pcap)


def test_the_command_line_link_ends_in_good_order_at_sigint(ends, tmp_path: Path):
    host, middle = ends
    argv = [sys.executable, "-m", "tests.linkemu", "--out", str(tmp_path), "--delay", "5ms", "--vlan", "7.8"]
    process = middle.start(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        printed_by_ping = host.run(["ping", "-c", "1", "-w", "10", "192.0.2.2"], timeout=20).stdout
    finally:
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=10)[0]

    assert float(ROUND_TRIP.search(printed_by_ping)[1]) >= 10
    totals = json.loads(printed)
    assert process.returncode == 0
    assert len(frames_in(tmp_path / "west.pcap")) >= 4
    assert len(read_frame_log(tmp_path / "frames.csv.gz")) == sum(totals[way]["received"] for way in Direction)
