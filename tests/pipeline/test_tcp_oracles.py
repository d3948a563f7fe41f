"""TCP connections of every real capture against tcptrace and tshark; every difference is named, with its reason."""

import subprocess
from collections import Counter, defaultdict
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.oracles import tcptrace, tshark
from tests.oracles.tcp_twin import echoes, near
from tests.oracles.tcptrace import ends_of, of_sender
from tests.pipeline.tcp_records import tracked
from tests.pipeline_in_process import FIVE_TUPLE, measure
from tmon_common.config.model import Analysis, Filter, FlowClass
from tmon_probe.child.round_trips.sample import ERROR, TCP_DATA, TCP_TIMESTAMPS

pytestmark = pytest.mark.oracle
needs_tcptrace = pytest.mark.skipif(not (tcptrace.AVAILABLE and tshark.AVAILABLE), reason=f"{tcptrace.WHY_NOT}, {tshark.WHY_NOT}")
needs_tshark = pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
CLASS = FlowClass("all", Filter(), (FIVE_TUPLE,), (Analysis("tcp_connection"),))
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

FIRST_FRAMES = {"ftp_bruteforce_dups.pcap": 9865}
"""Captures of which only so many frames are compared: what follows is the same recording once more, two hours earlier or later."""
NOT_READ = {
    "malformed_tcpdump_a.pcap": "tcptrace stops at the first frame that is none of Ethernet, IP or TCP to its liking",
    "qinq_pppoe.pcap": "tcptrace knows no PPPoE",
    "format_pcapng_two_linktypes.pcapng": "tcptrace stops at the second kind of link",
}
COLUMNS = {
    "segments": "total_packets", "data_segments": "actual_data_pkts", "octets": "actual_data_bytes",
    "unique_octets": "unique_bytes_sent", "retransmitted_segments": "rexmt_data_pkts", "retransmitted_octets": "rexmt_data_bytes",
    "out_of_order_segments": "outoforder_pkts",
}  # fmt: skip
_FIN_FIRST = "FIN passed before data below it: these, with the FIN again, are a retransmission to tcptrace and new octets to us"
_FUZZED = "altered on purpose: FIN in the midst of data that passed, one octet to tcptrace"
_PARTLY_NEW = "new octets and old ones in one segment: only a retransmission to tcptrace, also out of order to us"
_LATE_FIN = ("mixed_many_protocols.pcap", ("10.0.0.1", 55241), ("172.224.37.171", 443), 0)
_LATE_FIN_2 = ("mixed_many_protocols.pcap", ("10.0.0.1", 55282), ("77.72.118.213", 80), 0)
_FORGED = ("malformed_fuzz_2006.pcap", ("147.234.1.253", 21), ("192.168.1.2", 2720), 0)
DIFFERENT = {
    (*_LATE_FIN, "retransmitted_segments_rev"): _FIN_FIRST, (*_LATE_FIN, "out_of_order_segments_rev"): _FIN_FIRST,
    (*_LATE_FIN_2, "retransmitted_segments_rev"): _FIN_FIRST, (*_LATE_FIN_2, "out_of_order_segments_rev"): _FIN_FIRST,
    (*_FORGED, "retransmitted_segments"): _FUZZED, (*_FORGED, "retransmitted_octets"): _FUZZED,
    (*_FORGED, "out_of_order_segments_rev"): _FUZZED,
    ("tcp_first_seg_ooo.pcap", ("132.235.67.19", 80), ("132.235.67.34", 1150), 0, "out_of_order_segments"): _PARTLY_NEW,
}
"""(capture, ends, number of the connection between them, column) -> why we do not say what tcptrace says."""
_TWO_SYN_ACKS = "SYN-ACK seen twice: our first half ends at its first copy, the second begins at its last; tshark has the whole"
_FAR_TIMES = "time stamps below zero, 46 years before the next segment"
OTHER_HANDSHAKES = {
    ("tcp_hardware_dups.pcap", ("144.16.64.141", 1644), ("144.16.64.215", 20)): _TWO_SYN_ACKS,
    ("malformed_tcpdump_a.pcap", ("10.1.1.10", 1723), ("10.1.1.11", 3025)): _TWO_SYN_ACKS,
    ("format_pcapng_two_linktypes.pcapng", ("127.0.0.1", 3306), ("127.0.0.1", 40304)): _FAR_TIMES,
}
"""(capture, ends) -> why the halves of our handshake are not tshark's whole."""
_LONE = "picked up in the middle: more segments than we time (timing.MAX_ALONE) passed before the other side was seen"
NOT_TIMED = {("vlan_dot1q.pcap", 1162, 1309990461): _LONE, ("vlan_dot1q.pcap", 1162, 1309990741): _LONE}
"""(capture, port that sent the data, acknowledgement) -> why tshark tells a round trip and we do not."""
CARRIED = {"tunnels_mixed.pcap": "GRE, ERSPAN, GTP-U, VXLAN, Teredo, 6in4, AYIYA",
           "malformed_tcpdump_a.pcap": "Geneve, VXLAN, ERSPAN"}
"""Captures with packets in packets: tshark lists the inner connections, we measure the outermost packets."""
NO_LENGTHS = {"tcp_fast_reuse_wscale.pcap": "its original frame lengths were lost: tshark knows of no payload beyond 128 octets"}
"""Captures where tshark cannot know the ends of segments."""


@lru_cache(maxsize=64)
def rows_of(path: Path) -> dict[tuple, list[dict]]:
    """tcp_connection rows by ends, in order of their beginning."""
    found = defaultdict(list)
    for row in sorted(measure(path, (CLASS,)).records("tcp_connection"), key=lambda r: r["start"]):
        found[ends_of(row["client_addr"], row["client_port"], row["server_addr"], row["server_port"])].append(row)
    return dict(found)


@pytest.fixture
def compared(capture, tmp_path_factory) -> Path:
    """The capture, or the part of it that is compared."""
    if capture.name not in FIRST_FRAMES:
        return capture
    path = tmp_path_factory.getbasetemp() / capture.name
    if not path.exists():
        subprocess.run(["editcap", "-r", str(capture), str(path), f"1-{FIRST_FRAMES[capture.name]}"], check=True)
    return path


@lru_cache(maxsize=64)
def segments_of(path: Path) -> list[dict]:
    """TCP segments as tshark reads them, the outermost ones."""
    names = ("tcp.stream", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.flags", "tcp.seq",
             "tcp.ack",
             "tcp.len", "tcp.analysis.keep_alive", "tcp.analysis.initial_rtt", "tcp.analysis.ack_rtt",
             "tcp.analysis.acks_frame", "frame.number", "frame.time_epoch", "tcp.options.timestamp.tsval",
             "tcp.options.timestamp.tsecr")
    found = []
    for frame in tshark.occurrences(path, names):
        if "tcp.stream" not in frame or "tcp.len" not in frame:
            continue
        one = {name: values[0] for name, values in frame.items()}
        source, destination = (one.get(f"ip.{s}", one.get(f"ipv6.{s}")) for s in ("src", "dst"))
        found.append({
            "stream": int(one["tcp.stream"]), "src": ip_address(source), "dst": ip_address(destination),
            "src_port": int(one["tcp.srcport"]), "dst_port": int(one["tcp.dstport"]), "flags": int(one["tcp.flags"], 16),
            "seq": int(one["tcp.seq"]), "ack": int(one.get("tcp.ack", 0)), "octets": int(one["tcp.len"]),
            "keep_alive": "tcp.analysis.keep_alive" in one, "initial_rtt": one.get("tcp.analysis.initial_rtt"),
            "ack_rtt": one.get("tcp.analysis.ack_rtt"), "acks_frame": int(one.get("tcp.analysis.acks_frame", 0)),
            "number": int(one["frame.number"]), "time_ns": nanoseconds(one["frame.time_epoch"]),
            "tsval": one.get("tcp.options.timestamp.tsval"), "tsecr": one.get("tcp.options.timestamp.tsecr")})  # fmt: skip
    return found


def nanoseconds(text: str) -> int:
    """Of seconds. tshark takes time stamps of pcapng, in microseconds, for unsigned numbers where they are below zero."""
    whole, _, fraction = text.partition(".")
    value = int(whole) * 10**9 + int((fraction + "000000000")[:9])
    return value if value < 1 << 63 else value - (1 << 64) * 1000


def repeated_marks(path: Path) -> dict[tuple, Counter]:
    """What tcptrace takes for retransmitted data and we do not, by (ends, number of the connection, sender's address and port):
    SYN and FIN sent again are one octet to it, and so is that of a keep-alive."""
    found, seen, order = defaultdict(Counter), set(), defaultdict(list)
    for s in segments_of(path):
        ends = ends_of(s["src"], s["src_port"], s["dst"], s["dst_port"])
        if s["stream"] not in order[ends]:
            order[ends].append(s["stream"])
        count = found[ends, order[ends].index(s["stream"]), str(s["src"]), s["src_port"]]
        for mark in (SYN, FIN):
            if s["flags"] & mark:
                key = s["stream"], s["src"], s["src_port"], mark, s["seq"] + (s["octets"] if mark == FIN else 0)
                count["octets"] += key in seen
                count["segments"] += key in seen and not s["octets"]
                seen.add(key)
        if s["keep_alive"] and s["octets"]:
            count["keep_alives"] += 1
    return found


@needs_tcptrace
def test_connections_are_those_of_tcptrace(compared):
    """As many connections between any two ends, and of each direction segments, octets, unique octets, retransmissions,
    disorder."""
    if compared.name in NOT_READ:
        return
    ours, theirs, marks = rows_of(compared), tcptrace.connections(compared), repeated_marks(compared)
    assert {k: len(v) for k, v in theirs.items()} == {k: len(v) for k, v in ours.items()}
    found = {}
    for ends, rows in ours.items():
        for n, (row, other) in enumerate(zip(rows, theirs[ends], strict=True)):
            for side, suffix in (("client", ""), ("server", "_rev")):
                address, port = row[f"{side}_addr"], row[f"{side}_port"]
                mark = marks[ends, n, str(address), port]
                more = {"retransmitted_octets": mark["octets"] + mark["keep_alives"], "octets": mark["keep_alives"],
                        "retransmitted_segments": mark["segments"] + mark["keep_alives"], "data_segments": mark["keep_alives"]}
                for name, column in COLUMNS.items():
                    expected, got = int(of_sender(other, column, address, port)), row[name + suffix] + more.get(name, 0)
                    if expected != got:
                        found[compared.name, *ends, n, name + suffix] = got, expected
    assert {k for k in DIFFERENT if k[0] == compared.name} == set(found), found


@needs_tshark
def test_handshakes_are_those_of_tshark(compared):
    """The initial round trip of tshark is the sum of both halves, and where it has one and we do not, there was no SYN-ACK: the
    SYN was refused, and it is our sample of that, or the SYN-ACK was not captured."""
    refused = {int(s["time_ns"]): int(s["round_trip_ns"]) for s in tracked(compared).samples if s["outcome"] == ERROR}
    rows = {(ends, row["start"]): row for ends, found in rows_of(compared).items() for row in found}
    different = {}
    for segments in streams_of(compared).values():
        first = segments[0]
        ends, start = ends_of(first["src"], first["src_port"], first["dst"], first["dst_port"]), min(s["time_ns"] for s in segments)
        told = next((nanoseconds(s["initial_rtt"]) for s in segments if s["initial_rtt"]), None)
        row = rows.get((ends, start))
        if row is None or not row["from_start"]:
            continue
        if any(s["flags"] & (SYN | ACK) == SYN | ACK for s in segments):
            halves = row["handshake_server_rtt"], row["handshake_client_rtt"]
            ours = None if None in halves else sum(halves)
        else:
            ours = refused.get(start) if segments[1:] and segments[1]["flags"] & RST else told
        if ours != told:
            different[compared.name, *ends] = ours, told
    assert {k for k in OTHER_HANDSHAKES if k[0] == compared.name} == set(different), different


@needs_tshark
def test_round_trips_of_data_are_those_of_tshark(compared):
    """Every sample of data to its acknowledgement is tshark's ack_rtt of that segment, and every ack_rtt of a segment with data,
    in a direction where nothing was sent again or overtaken, is a sample of ours."""
    if compared.name in NO_LENGTHS:
        return
    told, segments = {}, {s["number"]: s for s in segments_of(compared)}
    plain = set()
    for ends, rows in rows_of(compared).items():
        for side, suffix in (("client", ""), ("server", "_rev")):
            odd = any(rows[0][n + suffix] for n in ("retransmitted_segments", "out_of_order_segments", "keep_alives"))
            if len(rows) == 1 and not odd:
                plain.add((ends, rows[0][f"{side}_addr"], rows[0][f"{side}_port"]))
    required = set()
    for s in segments.values():
        if s["ack_rtt"]:
            key = str(s["src"]), s["src_port"], str(s["dst"]), s["dst_port"], s["ack"], s["time_ns"]
            told[key] = nanoseconds(s["ack_rtt"])
            ends = ends_of(s["src"], s["src_port"], s["dst"], s["dst_port"])
            if segments[s["acks_frame"]]["octets"] and (ends, s["dst"], s["dst_port"]) in plain and not s["flags"] & RST:
                required.add(key)
    ours = {}
    for s in tracked(compared).samples:
        if s["metric"] == TCP_DATA and s["round_trip_ns"] > 0:  # tshark tells no round trip of 0
            ends = (_text(s["responder_hi"], s["responder_lo"]), int(s["responder_port"]),
                    _text(s["requester_hi"], s["requester_lo"]), int(s["requester_port"]))
            key = (*ends, int(s["identifier"]), int(s["time_ns"] + s["round_trip_ns"]))
            ours[key] = int(s["round_trip_ns"])
    assert {k: told.get(k) for k in ours} == ours
    lacking = required - set(ours)
    assert {k[1:] for k in NOT_TIMED if k[0] == compared.name} == {(k[3], k[4]) for k in lacking}


@needs_tshark
def test_timestamps_are_those_of_pping(compared):
    """Round trips by the timestamps option: those of a literal pping over what tshark reads, but where an echo was overtaken by
    that of a later TSval: an echo gives up those before it, which is what keeps them few."""
    known, expected = rows_of(compared), Counter()
    for segments in streams_of(compared).values():
        stamped = [s for s in segments if s["tsval"]]
        if not stamped or ends_of(*(stamped[0][n] for n in ("src", "src_port", "dst", "dst_port"))) not in known:
            continue  # without the option, or carried in a tunnel
        senders = list(dict.fromkeys((s["src"], s["src_port"]) for s in stamped))
        numbered = [(s["time_ns"], senders.index((s["src"], s["src_port"])), bool(s["flags"] & ACK), int(s["tsval"]),
                     int(s["tsecr"]))
                    for s in stamped]
        latest: dict[int, int] = {}
        for side, tsval, took in echoes(numbered):
            if took >= 0 and (side not in latest or near(tsval, latest[side]) > latest[side]):
                expected[senders[side][1], tsval, took] += 1
                latest[side] = tsval
    ours = Counter((int(s["requester_port"]), int(s["identifier"]), int(s["round_trip_ns"])) for s in tracked(compared).samples
                   if s["metric"] == TCP_TIMESTAMPS)
    assert (Counter(), Counter()) == (ours - expected, expected - ours)


@needs_tshark
def test_segments_are_those_of_tshark(compared):
    """As many segments between any two ends; those that another packet carries are not measured."""
    expected = Counter(ends_of(s["src"], s["src_port"], s["dst"], s["dst_port"]) for s in segments_of(compared))
    got = Counter({ends: sum(row["segments"] + row["segments_rev"] for row in rows) for ends, rows in rows_of(compared).items()})
    if compared.name in CARRIED:
        assert set() < expected.keys() - got.keys()
        expected = Counter({ends: n for ends, n in expected.items() if ends in got})
    assert expected == got


def streams_of(path: Path) -> dict[int, list[dict]]:
    """Segments by tshark's number of the connection."""
    found = defaultdict(list)
    for s in segments_of(path):
        found[s["stream"]].append(s)
    return dict(found)


def _text(hi: int, lo: int) -> str:
    address = ip_address((int(hi) << 64 | int(lo)).to_bytes(16, "big"))
    return str(address.ipv4_mapped or address)
