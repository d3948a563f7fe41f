"""The whole packet path on every real capture: what tshark counts, exactly."""

from collections import Counter, defaultdict
from dataclasses import replace
from functools import lru_cache

import pytest

from tests.oracles import tshark
from tests.pipeline_in_process import SIZES, frames_from, measure
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.fragments import FRAGMENT_LIFETIME_NS

pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)]

SOURCE_ROUTE = "strict source route: tshark shows the last hop of the route, we count the address in the header"
DIFFERENT_DESTINATION = {"ipv4_options_timestamp.pcap": {6: SOURCE_ROUTE, 7: SOURCE_ROUTE}}
"""Capture -> packet -> why our destination address is not ip.dst."""
HEADER_DESTINATION = {"ipv4_options_timestamp.pcap": (0xFFFF << 32) + 0x0A00008A}  # 10.0.0.138, `Current Route` in tshark -V

SIGNED = "time stamps below zero: tshark takes the 64-bit count of units for unsigned, we for signed"
DIFFERENT_FRAMES = {
    "format_pcapng_two_linktypes.pcapng": dict.fromkeys(range(60, 160), SIGNED),
    "malformed_tcpdump_a.pcap": {1778: "original length 0, captured 47: we never take less than was captured"},
}
"""Capture -> packet -> why time or length is not tshark's."""
BAD_HEADER = "tshark gives up the transport header for its length field and leaves the frame out of its table; we count the packet"
NOT_IN_TABLE = {
    "malformed_tcpdump_a.pcap": dict.fromkeys((1285, 1331, 1863), BAD_HEADER),
    "malformed_fuzz_2006.pcap": {86: BAD_HEADER},
}
"""Capture -> packet -> why `-z conv` does not show it."""
TCP_BY_HEADER = {
    "malformed_fuzz_2006.pcap": {62, 65, 83},
    "malformed_tcpdump_a.pcap": {777, 778, 1392, 1751},
    "tcp_fast_reuse_wscale.pcap": 202,  # its original frame lengths were lost: all are at most 128, the snap length
    "qinq_pppoe.pcap": {19, 33, 41, 47, 63, 81},  # IP length 46 in a PPPoE payload for 40
}
"""Capture -> segments (or how many) whose payload we count by the IP and TCP headers, where tcp.len is missing (first fragments) or
cut down to a frame or PPPoE length below the IP length."""
UDP_BY_HEADER = {
    "malformed_fuzz_2006.pcap": {7, 21, 29, 126, 127, 140, 154, 190, 195, 213, 253, 269, 311, 328, 423, 448, 468, 480, 508, 522,
                                 528, 530, 565, 603, 689},
    "malformed_tcpdump_a.pcap": {412, 416, 418, 420, 436, 443, 451, 461, 469, 471, 487, 494, 502, 512, 1286, 1295, 1307, 1324, 1405,
                                 1406, 1412, 1418, 1450, 1464, 1465, 1525, 1526, 1629},
}
"""Capture -> datagrams whose udp.length reaches beyond the IP packet: we count to its end, tshark believes the field."""
CARRIED = {
    "tunnels_mixed.pcap": "GRE, ERSPAN, GTP-U, VXLAN, Teredo, 6in4, AYIYA",
    "malformed_tcpdump_a.pcap": "Geneve, VXLAN, ERSPAN, NSH, sFlow samples",
}
"""Capture -> what carries other packets in it. Their conversations are in tshark's table; we measure the outermost packet."""


@pytest.fixture
def dumped(capture) -> tshark.Dump:
    return tshark.dump(capture)


@pytest.fixture
def packets(capture, dumped) -> list[tshark.Outer]:
    """The outermost IP packets, as tshark reads them but for the named differences."""
    found = [p for p in map(tshark.outer, dumped.frames) if p is not None]
    for number in DIFFERENT_DESTINATION.get(capture.name, ()):
        at = next(i for i, p in enumerate(found) if p.number == number)
        found[at] = replace(found[at], dst=HEADER_DESTINATION[capture.name])
    return tshark.with_ports_of_first(found, FRAGMENT_LIFETIME_NS / 1e9)


measured = lru_cache(maxsize=128)(measure)


def ours(capture, kind: str) -> dict[tuple, Counter]:
    """Bidirectional 5-tuple -> counters, both directions added."""
    totals = defaultdict(Counter)
    for identity, row in measured(capture).per_flow(kind).items():
        total = totals[tshark.conversation(*identity)]
        for name, value in row.items():
            total[name.removesuffix("_rev")] += value
    return totals


def test_frames(capture, dumped):
    """Time stamp, captured and original length of every frame: frame.time_epoch, frame.cap_len, frame.len."""
    known = DIFFERENT_FRAMES.get(capture.name, {})
    differing = set()
    for frame, shown in zip(frames_from(Replay((capture,))), dumped.frames, strict=True):
        expected = shown["frame.time_epoch"], int(shown["frame.cap_len"]), int(shown["frame.len"])
        actual = f"{frame.time_ns // 10**9}.{frame.time_ns % 10**9:09d}", len(frame.octets), frame.wire
        if expected != actual:
            differing.add(frame.number)
            assert expected[1] == actual[1]
            assert known[frame.number] is not SIGNED or (int(expected[0].replace(".", "")) - frame.time_ns) % (1000 << 64) == 0
    assert known.keys() == differing


def test_packets_and_octets_of_conversations(capture, packets):
    """Packets and octets (ip.len; 40 + ipv6.plen) per bidirectional 5-tuple."""
    expected = tshark.totals(packets)
    assert expected == {key: (row["packets"], row["octets"]) for key, row in ours(capture, "ip_counters").items()}


def test_frames_of_conversations(capture, dumped, packets):
    """Frames per conversation are those of `-z conv,tcp -z conv,udp`, but for those that are carried within others."""
    expected = dict(dumped.conversations)
    for packet in packets:
        if packet.number in NOT_IN_TABLE.get(capture.name, ()):
            assert packet.conversation not in expected
            expected[packet.conversation] = 1
        elif packet.later_fragment and packet.ports:  # of a datagram whose first fragment is in the table
            expected[packet.conversation] += 1
    actual = {key: row["packets"] for key, row in ours(capture, "ip_counters").items() if key[0] in (6, 17) and key[1][1] >= 0}
    carried = expected.keys() - actual.keys()
    assert (capture.name in CARRIED) == bool(carried)
    assert {key: n for key, n in expected.items() if key not in carried} == actual


def test_directions(capture, packets):
    """Forward is the direction of the flow's first packet: packets each way, per flow."""
    first, expected = {}, defaultdict(lambda: [0, 0])
    for p in packets:
        ends = (p.src, p.dst, *(p.ports or (None, None)))
        way = first.setdefault((p.conversation), ends) != ends
        expected[p.conversation][way] += 1
    actual = defaultdict(lambda: [0, 0])
    for identity, row in measured(capture).per_flow("ip_counters").items():
        key = tshark.conversation(*identity)
        assert first[key] == (identity[0], identity[1], *identity[3:])
        actual[key][0] += row["packets"]
        actual[key][1] += row["packets_rev"]
    assert expected == actual


def test_sizes(capture, packets):
    """The histogram and moments of the packet sizes: those of ip.len."""
    expected = defaultdict(list)
    for p in packets:
        expected[p.conversation].append(p.octets)
    actual = ours(capture, "ip_sizes")
    assert expected.keys() == actual.keys()
    for key, sizes in expected.items():
        row = actual[key]
        assert [len(sizes), sum(sizes), sum(s * s for s in sizes)] == [row["population"], row["sum"], row["sum_of_squares"]]
        slices = Counter(sum(s > bound for bound in SIZES.bounds) for s in sizes)
        assert [slices[i] for i in range(16)] == [row[f"slice_{i:02d}"] for i in range(1, 17)]


def test_tcp(capture, packets):
    """Segments, SYN, FIN, RST, PSH, URG, ECE, CWR by tcp.flags, payload octets by tcp.len, per flow."""
    bits = {"fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "urg": 0x20, "ece": 0x40, "cwr": 0x80}
    expected, beyond, known = defaultdict(Counter), set(), TCP_BY_HEADER.get(capture.name, set())
    for p in packets:
        if p.transport != "tcp" or "tcp.flags" not in p.fields:
            continue
        flags, payload = int(p.fields["tcp.flags"], 0), int(p.fields.get("tcp.len", 0))
        if p.beyond_frame or "tcp.len" not in p.fields or (isinstance(known, set) and p.number in known):
            beyond.add(p.number)
            header = int(p.fields["tcp.hdr_len"])
            payload = max(p.transport_octets - header, 0) if header >= 20 else 0
        expected[p.conversation].update(segments=1, payload_octets=payload, **{n: flags & b > 0 for n, b in bits.items()})
    actual = ours(capture, "tcp_counters")
    assert expected == {key: Counter({n: row[n] for n in expected[key]}) for key, row in actual.items()}
    assert known == (beyond if isinstance(known, set) else len(beyond))


def test_udp(capture, packets):
    """Datagrams, and payload octets by udp.length, per flow."""
    expected, lies = defaultdict(Counter), set()
    for p in packets:
        if p.transport != "udp" or "udp.length" not in p.fields:
            continue
        length = int(p.fields["udp.length"])
        if length > p.transport_octets and not p.fragment:
            lies.add(p.number)
            length = p.transport_octets
        expected[p.conversation].update(datagrams=1, payload_octets=max(length - 8, 0))
    actual = ours(capture, "udp_counters")
    assert expected == {key: Counter({n: row[n] for n in ("datagrams", "payload_octets")}) for key, row in actual.items()}
    assert UDP_BY_HEADER.get(capture.name, set()) == lies


def test_icmp(capture, packets):
    """Messages of the whole capture by type: icmp.type and icmpv6.type."""
    expected = Counter()
    for p in packets:
        if p.transport in ("icmp", "icmpv6"):
            expected["messages"] += 1
            expected[_icmp_column(p)] += 1
    assert expected == sum(ours(capture, "icmp_counters").values(), Counter())


def _icmp_column(p: tshark.Outer) -> str:
    kind, code = (int(p.fields.get(f"{p.transport}.{n}", -1)) for n in ("type", "code"))
    if p.transport == "icmp":
        if (kind, code) == (3, 4):
            return "packet_too_big"
        names = {0: "echo_replies", 3: "destination_unreachable", 4: "source_quench", 5: "redirect", 8: "echo_requests",
                 9: "neighbor_discovery", 10: "neighbor_discovery", 11: "time_exceeded", 12: "parameter_problem"}
    else:
        names = {1: "destination_unreachable", 2: "packet_too_big", 3: "time_exceeded", 4: "parameter_problem",
                 128: "echo_requests", 129: "echo_replies", 137: "redirect",
                 **dict.fromkeys((133, 134, 135, 136), "neighbor_discovery")}  # fmt: skip
    return names.get(kind, "other")
