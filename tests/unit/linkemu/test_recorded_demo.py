"""The recorded demo traffic is what its log and its truth say. Read with dpkt only; nothing is emulated here."""

import json
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import dpkt
import pytest

from tests.lab import topology
from tests.linkemu import Direction, Fate, FrameRecord, read_frame_log

DEMO = Path(__file__).parents[2] / "captures" / "demo"
MS = 1_000_000
SIDES = ("west", "east")
ENTRY_SIDE = {Direction.WEST_TO_EAST: "west", Direction.EAST_TO_WEST: "east"}


@cache
def frames(side: str) -> list[tuple[int, bytes]]:
    """Time in ns and octets of each frame of one tap."""
    with (DEMO / f"{side}.pcap").open("rb") as file:
        return [(int(time * 10**9), octets) for time, octets in dpkt.pcap.Reader(file)]


@cache
def rows() -> list[FrameRecord]:
    return read_frame_log(DEMO / "frames.csv.gz")


@cache
def truth() -> dict[str, Any]:
    return json.loads((DEMO / "truth.json").read_text())


@cache
def packets(side: str) -> list[tuple[int, Any]]:
    """Time and IP packet (dpkt IP or IP6) of each frame that has one."""
    parsed = [(time_ns, dpkt.ethernet.Ethernet(octets).data) for time_ns, octets in frames(side)]
    return [(time_ns, packet) for time_ns, packet in parsed if isinstance(packet, (dpkt.ip.IP, dpkt.ip6.IP6))]


def operations(**wanted: object) -> list[dict[str, Any]]:
    return [one for one in truth()["operations"] if all(one.get(name) == value for name, value in wanted.items())]


def entry_octets(row: FrameRecord) -> bytes:
    return frames(ENTRY_SIDE[row.direction])[row.entry_frame - 1][1]


def exit_octets(row: FrameRecord) -> bytes:
    return frames(ENTRY_SIDE[row.direction.reverse])[row.exit_frame - 1][1]


# The pcaps


@pytest.mark.parametrize("side", SIDES)
def test_times_never_run_backwards(side):
    times_ns = [time_ns for time_ns, _ in frames(side)]
    assert all(earlier <= later for earlier, later in pairwise(times_ns))


def test_the_recording_stays_small():
    sizes = {path.name: path.stat().st_size for path in DEMO.iterdir()}
    assert max(sizes["west.pcap"], sizes["east.pcap"]) < 2_000_000
    assert sum(sizes.values()) < 4_500_000


@pytest.mark.parametrize("side", SIDES)
def test_every_transport_checksum_is_right(side):
    checked = 0
    for _, packet in packets(side):
        segment = packet.data
        if isinstance(segment, (dpkt.tcp.TCP, dpkt.udp.UDP)) and not is_fragment(packet):
            number = 6 if isinstance(segment, dpkt.tcp.TCP) else 17
            octets = bytes(segment)
            pseudo_header = packet.src + packet.dst + len(octets).to_bytes(4) + number.to_bytes(4)
            assert dpkt.in_cksum(pseudo_header + octets) == 0
            checked += 1
    assert checked > 2_000


# The frame log against the pcaps


@pytest.mark.parametrize("side", SIDES)
def test_every_frame_is_in_the_log_once(side):
    numbers = [getattr(row, f"{side}_frame") for row in rows()]
    assert sorted(number for number in numbers if number) == list(range(1, len(frames(side)) + 1))


@pytest.mark.parametrize("direction", list(Direction))
def test_sequence_numbers_follow_the_order_of_entry_without_a_gap(direction):
    originals = sorted((row.seq, row.entry_frame) for row in rows() if row.direction is direction and row.copy == 0)
    assert [seq for seq, _ in originals] == list(range(len(originals)))
    assert all(earlier < later for (_, earlier), (_, later) in pairwise(originals))


def test_times_and_lengths_of_the_log_are_those_of_the_pcaps():
    for row in rows():
        if row.entry_frame:
            assert frames(ENTRY_SIDE[row.direction])[row.entry_frame - 1][0] == row.arrival_ns
            assert len(entry_octets(row)) == row.octets
        if row.exit_frame:
            assert frames(ENTRY_SIDE[row.direction.reverse])[row.exit_frame - 1][0] == row.delivered_ns
            assert len(exit_octets(row)) == row.octets


def test_forwarded_frames_arrive_octet_by_octet_and_duplicates_equal_their_original():
    originals = {(row.direction, row.seq): row for row in rows() if row.copy == 0}
    for row in rows():
        if row.fate is Fate.FORWARDED:
            assert exit_octets(row) == entry_octets(originals[row.direction, row.seq])


@pytest.mark.parametrize("direction", list(Direction))
def test_lost_and_dropped_frames_are_absent_from_the_far_end(direction):
    mine = [row for row in rows() if row.direction is direction]
    arrived = Counter(exit_octets(row) for row in mine if row.exit_frame)
    entered = {row.seq: entry_octets(row) for row in mine if row.copy == 0}
    assert arrived == Counter(entered[row.seq] for row in mine if row.fate is Fate.FORWARDED)

    gone = [row for row in mine if row.fate in (Fate.LOST, Fate.QUEUE_DROP)]
    assert gone
    assert all(row.exit_frame is None and row.delivered_ns is None for row in gone)
    at_the_far_end = {octets for _, octets in frames(ENTRY_SIDE[direction.reverse])}
    assert not at_the_far_end & {entered[row.seq] for row in gone} - set(arrived)


def test_delays_are_what_the_phase_asked_for_and_were_kept():
    phases = {phase["number"]: phase for phase in truth()["phases"]}
    late_ns = []
    for row in rows():
        if row.fate is Fate.FORWARDED:
            asked = phases[row.phase][row.direction]
            assert row.delay_ns >= asked["delay_ns"]
            late_ns.append(row.delivered_ns - row.arrival_ns - row.delay_ns)
    assert min(late_ns) >= 0
    assert median(late_ns) < 2 * MS


def test_order_is_kept_except_by_frames_held_back():
    for direction in Direction:
        straight = [row for row in rows() if row.direction is direction and row.exit_frame and not row.held_back]
        order = [row.seq for row in sorted(straight, key=lambda row: row.exit_frame)]
        assert sorted(order) == order
    assert [row for row in rows() if row.held_back]


def test_totals_of_the_phases_are_those_of_the_log():
    assert len(truth()["phases"]) == 3
    for phase in truth()["phases"]:
        for direction in Direction:
            mine = [row for row in rows() if row.phase == phase["number"] and row.direction is direction]
            fates = Counter(str(row.fate) for row in mine if row.copy == 0)
            totals = phase["totals"][direction]
            assert {name: totals[name] for name in fates} == fates
            assert totals["received"] == fates.total()
            assert totals["duplicated"] == sum(row.copy for row in mine)
    edge = [truth()["totals"][name] for name in ("send_failed", "partial_checksums", "truncated", "kernel_drops")]
    assert edge == [0, 0, 0, 0]


# What the recording promises to contain


def is_fragment(packet: Any) -> bool:
    if isinstance(packet, dpkt.ip.IP):
        return bool(packet.mf or packet.offset)
    return dpkt.ip.IP_PROTO_FRAGMENT in packet.extension_hdrs


@pytest.mark.parametrize("side", SIDES)
def test_branch_is_tagged_once_metro_twice_and_client_never(side):
    tags = {}
    for _, octets in frames(side):
        ethernet = dpkt.ethernet.Ethernet(octets)
        if isinstance(ethernet.data, (dpkt.ip.IP, dpkt.ip6.IP6)):
            for lan in topology.WEST_LANS:
                addresses = {dpkt.utils.inet_to_str(address) for address in (ethernet.data.src, ethernet.data.dst)}
                if addresses & {lan.host4, lan.host6}:
                    ids = tuple(tag.id for tag in getattr(ethernet, "vlan_tags", []))
                    tags.setdefault(lan.label, set()).add(ids)
    assert tags == {"client": {()}, "branch": {(topology.BRANCH_VLAN,)}, "metro": {topology.METRO_VLANS}}


@pytest.mark.parametrize("side", SIDES)
def test_both_families_have_fragments(side):
    fragments = Counter(type(packet).__name__ for _, packet in packets(side) if is_fragment(packet))
    assert fragments["IP"] > 50
    assert fragments["IP6"] > 50


def test_icmp_errors_are_there():
    seen = {
        (type(packet).__name__, packet.data.type, packet.data.code)
        for _, packet in packets("west")
        if isinstance(packet.data, (dpkt.icmp.ICMP, dpkt.icmp6.ICMP6))
    }
    # Time exceeded; net, host, port unreachable; fragmentation needed; prohibited (RFC 792, RFC 1812)
    assert {("IP", 11, 0), ("IP", 3, 1), ("IP", 3, 3), ("IP", 3, 4), ("IP", 3, 13)} <= seen
    # Time exceeded; port unreachable; packet too big; prohibited (RFC 4443)
    assert {("IP6", 3, 0), ("IP6", 1, 4), ("IP6", 2, 0), ("IP6", 1, 1)} <= seen


def test_ftp_commands_of_all_modes_are_there():
    said = b"".join(
        bytes(packet.data.data)
        for _, packet in packets("west")
        if isinstance(packet.data, dpkt.tcp.TCP) and packet.data.dport == 21
    )
    for command in (b"PORT ", b"EPRT |1|", b"EPRT |2|", b"PASV\r\n", b"EPSV\r\n", b"REST ", b"STOR ", b"LIST", b"ABOR"):
        assert command in said


def test_the_kinds_of_operation_are_there():
    kinds = Counter(one["kind"] for one in truth()["operations"])
    expected = {
        *("ftp_get", "ftp_put", "ftp_list", "ftp_abort", "ftp_resume", "ftp_login", "ftp_session"),
        *("dns", "ping", "traceroute", "ntp", "snmp", "http", "udp_big"),
    }
    assert expected == set(kinds)
    assert {"NOERROR", "NXDOMAIN"} <= {one.get("rcode") for one in operations(kind="dns")}
    assert operations(kind="dns", result="no_answer")
    assert operations(kind="ftp_login", reply=530)
    assert operations(kind="ftp_get", reply=550)
    assert operations(kind="ftp_abort", result="aborted")


# The truth against the pcaps


def test_no_round_trip_at_the_tap_is_longer_than_the_one_ping_printed():
    requests, replies = {}, {}
    for time_ns, packet in packets("west"):
        message = packet.data
        if isinstance(message, (dpkt.icmp.ICMP, dpkt.icmp6.ICMP6)) and not is_fragment(packet):
            kind = {8: requests, 128: requests, 0: replies, 129: replies}.get(message.type)
            if kind is not None:
                echo = bytes(message)[4:8]
                kind.setdefault((int.from_bytes(echo[:2]), int.from_bytes(echo[2:])), time_ns)
    compared = 0
    for one in operations(kind="ping"):
        for answer in one["answers"]:
            key = (one["id"], answer["seq"])
            if key in requests and not answer.get("dup"):
                assert replies[key] - requests[key] <= answer["rtt_ms"] * MS + MS
                compared += 1
    assert compared > 400


def test_operations_lie_in_their_phase():
    phases = {phase["number"]: phase for phase in truth()["phases"]}
    for one in truth()["operations"]:
        phase = phases[one["phase"]]
        assert phase["start_ns"] <= one["start_ns"] < one["end_ns"] <= phase["end_ns"]


@pytest.mark.parametrize("kind", ["ftp_get", "ftp_resume", "ftp_put"])
def test_octets_of_ftp_transfers_crossed_the_link(kind):
    """Distinct TCP sequence space of the data connection equals the octets the client reports."""
    for one in operations(kind=kind, result="ok"):
        mode, port = one["data_connections"][0]["mode"], one["data_connections"][0]["port"]
        side, seen = ("west" if kind == "ftp_put" else "east"), {}
        ends = {dpkt.utils.inet_to_str(packet.src) for _, packet in packets(side)} & {one["src_addr"], one["dst_addr"]}
        assert len(ends) == 2
        for time_ns, packet in packets(side):
            if not isinstance(packet.data, dpkt.tcp.TCP) or not one["start_ns"] <= time_ns <= one["end_ns"]:
                continue
            segment = packet.data
            if port in (segment.sport, segment.dport) and segment.data:
                seen[segment.seq] = max(seen.get(segment.seq, 0), len(segment.data))
        assert covered(seen) == one["octets"], (mode, port)


def covered(segments: dict[int, int]) -> int:
    """Octets covered by segments (sequence number: length), overlaps counted once; wraps of the sequence are unfolded."""
    if not segments:
        return 0
    base = next(iter(segments))
    intervals = sorted((((seq - base + (1 << 31)) % (1 << 32)) - (1 << 31), length) for seq, length in segments.items())
    octets, reached = 0, intervals[0][0]
    for start, length in intervals:
        octets += max(0, start + length - max(reached, start))
        reached = max(reached, start + length)
    return octets


def test_nothing_of_the_recording_machine_is_in_the_truth():
    text = (DEMO / "truth.json").read_text()
    assert not [name for name in ("/tmp", "/root", "/home", "/work", "lab-") if name in text]
