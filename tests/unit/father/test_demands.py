"""What classes demand of the father: payload of services, packets of FTP data connections, fragments, octets of options."""

import struct

import dpkt
import numpy as np
import pytest

from tests.oracles import tshark
from tests.oracles.header_walk import network_of
from tests.oracles.signature_twin import sign
from tests.oracles.tshark_payloads import payloads
from tests.pipeline_in_process import Dissector, frames_from
from tests.unit.father.table_packets import SECOND, START
from tmon_common.config.model import Filter, Predicate
from tmon_probe import records as r
from tmon_probe.demand import DNS, FTP_CONTROL, NTP, SNMP, Demand, Fragments, Service, Signature
from tmon_probe.father import counts
from tmon_probe.father.capture.batch import Batch
from tmon_probe.father.capture.linktypes import IPV4, IPV6
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.dissection import Dissection, Room, Viewpoint
from tmon_probe.father.plan import plan_of
from tmon_probe.father.sieve import compile_sieve
from tmon_probe.records import PACKET

A, B, C = b"\x0a\0\0\1", b"\x0a\0\0\2", b"\x0a\0\0\3"
FIN, SYN, RST, ACK = 1, 2, 4, 16
UDP_53 = Predicate("port", ((53, 53),))
UDP_ONLY = Predicate("protocol", ((17, 17),))


def dissector(*classes: tuple[Filter, list[Demand]], **options) -> Dissector:
    """Of classes with these filters and demands."""
    filters = [f for f, _ in classes]
    plan = plan_of(filters, [d for _, d in classes])
    return Dissector(sieve=compile_sieve(filters, {}), plan=plan, remembers=True, **options)


def udp(src: bytes, dst: bytes, sport: int, dport: int, payload: bytes, **fields) -> bytes:
    datagram = dpkt.udp.UDP(sport=sport, dport=dport, ulen=8 + len(payload), data=payload)
    return bytes(dpkt.ip.IP(src=src, dst=dst, p=17, len=28 + len(payload), data=datagram, **fields))


def tcp(src: bytes, dst: bytes, sport: int, dport: int, flags: int = ACK, payload: bytes = b"", opts: bytes = b"") -> bytes:
    segment = dpkt.tcp.TCP(sport=sport, dport=dport, flags=flags, data=payload, opts=opts, off=5 + len(opts) // 4)
    return bytes(dpkt.ip.IP(src=src, dst=dst, p=6, len=40 + len(opts) + len(payload), data=segment))


def fragments(packet: bytes, size: int, identification: int = 7) -> list[bytes]:
    """An IPv4 packet cut into fragments of `size` octets (a multiple of 8)."""
    header, body, cut = packet[:20], packet[20:], []
    for at in range(0, len(body), size):
        piece, more = body[at : at + size], at + size < len(body)
        word = (0x2000 if more else 0) | at // 8
        cut.append(header[:2] + struct.pack(">HHH", 20 + len(piece), identification, word) + header[8:] + piece)
    return cut


# Services


def test_payload_of_a_service_travels_up_to_its_length():
    """From the IP header on; positions tell where transport header and payload begin."""
    dissect = dissector((Filter(), [Demand(services=(Service("dns", 17, frozenset({53}), 16),))]))
    packet = udp(A, B, 5000, 53, b"0123456789abcdef-and-more")
    record = dissect(packet, IPV4).record
    assert packet[:44] == dissect.octets_of(record)
    assert (20, 28) == (record["transport_at"], record["payload_at"])
    assert (r.SERVICE, 1) == (record["flags"] & r.SERVICE, record["service"])
    assert packet[:33] == dissect.octets_of(dissect(packet[:33], IPV4, len(packet)).record)


@pytest.mark.parametrize(("sport", "dport"), [(53, 5000), (5000, 53), (53, 53)])
def test_either_port_will_do(sport, dport):
    dissect = dissector((Filter(), [Demand(services=(DNS,))]))
    record = dissect(udp(A, B, sport, dport, b"x"), IPV4).record
    assert 29 == record["bytes_length"]


def test_other_ports_and_protocols_bring_no_octets():
    dissect = dissector((Filter(), [Demand(services=(DNS, SNMP, NTP))]))
    for packet in (udp(A, B, 5000, 54, b"x"), tcp(A, B, 5000, 53, payload=b"x")):
        record = dissect(packet, IPV4).record
        assert (0, 0) == (record["bytes_length"], record["flags"] & r.SERVICE)


def test_only_classes_that_ask_get_payload():
    """A packet on the port that is in another class only brings none; of two classes the keener one decides."""
    short, long = Service("dns", 17, frozenset({53}), 4), Service("dns-whole", 17, frozenset({53}), 400)
    to_b = Filter((Predicate("dst_addr", ((0xFFFF0A000002, 0xFFFF0A000002),)),))
    to_c = Filter((Predicate("dst_addr", ((0xFFFF0A000003, 0xFFFF0A000003),)),))
    dissect = dissector((Filter(), [Demand()]), (to_b, [Demand(services=(short,))]), (to_c, [Demand(services=(short, long))]))
    lengths = [int(dissect(udp(A, dst, 5000, 53, bytes(50)), IPV4).record["bytes_length"]) for dst in (A, B, C)]
    assert [0, 32, 78] == lengths


def test_payload_over_ipv6_with_options_of_tcp():
    dissect = dissector((Filter(), [Demand(services=(FTP_CONTROL,))]))
    segment = dpkt.tcp.TCP(sport=40000, dport=21, data=b"USER me\r\n", opts=b"\1\1\x08\x0a" + bytes(8), off=8)
    packet = bytes(dpkt.ip6.IP6(src=bytes(16), dst=bytes(15) + b"\1", nxt=6, plen=41, data=segment))
    record = dissect(packet, IPV6).record
    assert packet == dissect.octets_of(record)
    assert (40, 72) == (record["transport_at"], record["payload_at"])


def test_a_segment_without_payload_brings_no_octets():
    dissect = dissector((Filter(), [Demand(services=(FTP_CONTROL,))]))
    record = dissect(tcp(A, B, 40000, 21, SYN), IPV4).record
    assert (0, r.SERVICE) == (record["bytes_length"], record["flags"] & r.SERVICE)


@pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
def test_payloads_are_those_of_tshark(capture):
    """Of every whole DNS, SNMP, NTP and FTP control packet of a capture, the octets that tshark calls its payload."""
    everything = tuple(Service(s.name, s.protocol, s.ports) for s in (DNS, SNMP, NTP, FTP_CONTROL))
    dissect = dissector((Filter(), [Demand(services=everything)]))
    wanted = payloads(capture, frozenset({21}), frozenset({53, 161, 162, 123}))
    found = {}
    for frame in frames_from(Replay((capture,))):
        dissection = dissect(frame.octets, frame.link_type, frame.wire, frame.time_ns)
        record = dissection.record
        if record is None or frame.number not in wanted or record["flags"] & (r.FRAGMENT | r.SNAPPED):
            continue
        if not record["flags"] & (r.HAS_TCP | r.HAS_UDP):
            continue  # the ports are those of a packet that an ICMP error quotes or a tunnel carries
        octets = dissect.octets_of(record)
        found[frame.number] = octets[int(record["payload_at"]) :] if octets else b""
    assert {n: wanted[n] for n in found} == found


# FTP data connections

FTP = Filter((Predicate("port", ((21, 21),)),))


def test_packets_between_ftp_peers_are_passed_on():
    """Though no filter wants them, in either direction; what the class wants of other packets does not change."""
    dissect = dissector((FTP, [Demand(services=(FTP_CONTROL,), ftp_data="all")]))
    data = tcp(B, A, 20, 50000, ACK, b"file")
    assert dissect(data, IPV4).record is None
    dissect(tcp(A, B, 40000, 21, ACK, b"PORT"), IPV4)
    for packet in (data, tcp(A, B, 50001, 60000, SYN)):
        found = dissect(packet, IPV4)
        assert (0, 1, r.FTP_PEERS) == (found.record["class_mask"], found.record["ftp_mask"], found.record["flags"] & r.FTP_PEERS)
        assert (1, 1) == (found.tally["relevant"], found.tally["ftp_data"])
    assert dissect(tcp(C, A, 20, 50000), IPV4).record is None
    assert dissect(udp(A, B, 20, 50000, b""), IPV4).record is None


@pytest.mark.parametrize("ftp_data", ["all", "boundaries"])
def test_long_transfers_are_passed_on_to_their_end(ftp_data):
    """A data connection that goes on for hours while the control connection is silent; without packets the hosts are forgotten."""
    dissect = dissector((FTP, [Demand(services=(FTP_CONTROL,), ftp_data=ftp_data)]))
    dissect(tcp(A, B, 40000, 21), IPV4, time_ns=START)
    for minute in range(1, 300):
        found = dissect(tcp(B, A, 20, 50000), IPV4, time_ns=START + minute * 60 * SECOND)
        assert (ftp_data == "all") == (found.record is not None)
    assert dissect(tcp(B, A, 20, 50000, FIN | ACK), IPV4, time_ns=START + 310 * 60 * SECOND).record is not None
    assert dissect(tcp(B, A, 20, 50001, SYN), IPV4, time_ns=START + 330 * 60 * SECOND).record is None


def test_boundaries_only():
    """SYN, FIN and RST of data connections; unless another class wants all."""
    dissect = dissector((FTP, [Demand(services=(FTP_CONTROL,), ftp_data="boundaries")]))
    dissect(tcp(A, B, 40000, 21), IPV4)
    passed = [dissect(tcp(B, A, 20, 50000, flags, b"x"), IPV4).record is not None for flags in (SYN, ACK, FIN | ACK, RST, 8 | ACK)]
    assert [True, False, True, True, False] == passed
    both = dissector((FTP, [Demand(services=(FTP_CONTROL,), ftp_data="boundaries")]),
                     (FTP, [Demand(services=(FTP_CONTROL,), ftp_data="all")]))
    both(tcp(A, B, 40000, 21), IPV4)
    assert [3, 2] == [both(tcp(B, A, 20, 50000, flags), IPV4).record["ftp_mask"] for flags in (SYN, ACK)]


def test_sessions_of_classes_that_do_not_ask_are_not_remembered():
    dissect = dissector((FTP, [Demand(services=(FTP_CONTROL,))]), (Filter((UDP_ONLY,)), [Demand(ftp_data="all")]))
    dissect(tcp(A, B, 40000, 21), IPV4)
    assert dissect(tcp(B, A, 20, 50000), IPV4).record is None


# Fragments

BIG = udp(A, B, 5000, 53, bytes(range(256)) * 8)


def test_fragments_of_an_irrelevant_datagram_are_skipped():
    """Once the first has told; the filter looks at ports, which later fragments do not have, and at the negated ports."""
    for predicate in (Predicate("port", ((54, 54),)), Predicate("port", ((53, 53),), negated=True)):
        dissect = dissector((Filter((predicate, UDP_ONLY)), [Demand(Fragments.WHOLE)]))
        found = [dissect(piece, IPV4) for piece in fragments(BIG, 512)]
        assert [None] * len(found) == [f.record for f in found]
        assert [0, 1, 1, 1, 1] == [f.tally["fragments_skipped"] for f in found]
        assert all(f.tally["irrelevant"] == 1 for f in found)


def test_fragments_of_a_datagram_of_which_headers_are_enough_are_skipped():
    dissect = dissector((Filter((UDP_53,)), [Demand(Fragments.FIRST)]), (Filter(), [Demand(Fragments.FIRST)]))
    found = [dissect(piece, IPV4) for piece in fragments(BIG, 512)]
    assert [3] == [int(f.record["class_mask"]) for f in found if f.record is not None]
    assert 4 == sum(f.tally["fragments_skipped"] for f in found)


def test_later_fragments_belong_to_the_classes_and_ports_of_their_first():
    """Where a class wants every fragment; without their octets."""
    dissect = dissector((Filter((UDP_53,)), [Demand(Fragments.FIRST), Demand(Fragments.EVERY)]),
                        (Filter(), [Demand(Fragments.FIRST)]))
    found = [dissect(piece, IPV4).record for piece in fragments(BIG, 512)]
    assert [3, 1, 1, 1, 1] == [int(f["class_mask"]) for f in found]
    assert {(5000, 53, r.HAS_PORTS, 0)} == {(int(f["src_port"]), int(f["dst_port"]), int(f["flags"]) & r.HAS_PORTS,
                                             int(f["bytes_length"])) for f in found}


def test_whole_fragments_travel_with_their_octets():
    dissect = dissector((Filter((UDP_53,)), [Demand(Fragments.WHOLE)]))
    pieces = fragments(BIG, 512)
    for piece in pieces:
        record = dissect(piece, IPV4).record
        assert (1, piece) == (record["class_mask"], dissect.octets_of(record))


def test_fragments_that_come_before_their_first_are_passed_on():
    """With their octets and no class of their own, where a class that looks at ports wants whole datagrams; else they are not."""
    pieces = fragments(BIG, 512)
    dissect = dissector((Filter((UDP_53,)), [Demand(Fragments.WHOLE)]))
    found = dissect(pieces[-1], IPV4)
    assert (0, r.EARLY_FRAGMENT, pieces[-1]) == (found.record["class_mask"], found.record["flags"] & r.EARLY_FRAGMENT,
                                                 dissect.octets_of(found.record))
    assert (1, 1) == (found.tally["relevant"], found.tally["fragments_early"])
    assert 1 == dissect(pieces[0], IPV4).record["class_mask"]
    assert 1 == dissect(pieces[1], IPV4).record["class_mask"]
    dissect = dissector((Filter((UDP_53,)), [Demand(Fragments.EVERY)]))
    assert dissect(pieces[-1], IPV4).record is None


def test_other_datagrams_are_not_touched():
    """Another identification, direction or source; the same identification used again."""
    dissect = dissector((Filter((Predicate("port", ((54, 54),)),)), [Demand(Fragments.WHOLE)]))
    dissect(fragments(BIG, 512)[0], IPV4)
    for piece in (fragments(BIG, 512, 8)[1], fragments(udp(B, A, 1, 2, bytes(2048)), 512)[1],
                  fragments(udp(C, B, 1, 2, bytes(2048)), 512)[1]):
        assert dissect(piece, IPV4).record["flags"] & r.EARLY_FRAGMENT
    again = fragments(udp(A, B, 5000, 54, bytes(2048)), 512)
    assert [1] * 5 == [int(dissect(piece, IPV4).record["class_mask"]) for piece in again]


# Options, room, links

def test_the_header_travels_with_its_timestamps():
    """IPv4 Timestamp and Record Route options; only of packets that a class wants."""
    options = bytes([68, 12, 13, 1]) + bytes(8)
    datagram = dpkt.udp.UDP(sport=1, dport=2, ulen=13, data=b"12345")
    packet = dpkt.ip.IP(src=A, dst=B, p=17, hl=8, len=32 + 8 + 5, opts=options, data=datagram)
    dissect = dissector((Filter((UDP_ONLY,)), [Demand()]))
    record = dissect(bytes(packet), IPV4).record
    assert bytes(packet)[:32] == dissect.octets_of(record)
    assert r.IP_TIMESTAMP == record["flags"] & r.IP_TIMESTAMP
    assert dissector((FTP, [Demand()]))(bytes(packet), IPV4).record is None


def test_no_packet_is_lost_or_doubled_when_the_area_is_full():
    """The kernel stops before the packet that does not fit, and goes on with it when there is room, never around the end."""
    filter_, size, count = Filter(), 1 << 12, 60
    packets = [udp(A, B, number, 53, bytes([number]) * (number * 37 % 900)) for number in range(count)]
    batch, tally = Batch.empty(np.frombuffer(b"".join(packets), np.uint8), (IPV4,)), np.zeros(counts.COUNT, np.int64)
    batch.captured[:count] = batch.wire[:count] = [len(p) for p in packets]
    batch.offsets[:count] = np.cumsum(batch.captured[:count]) - batch.captured[:count]
    batch.count = count
    whole = Demand(services=(Service("all", 17, frozenset({53})),))
    dissect = Dissection(compile_sieve([filter_], {}), plan_of([filter_], [[whole]]))
    ring, area, at, done, seen = np.zeros(8, PACKET), np.zeros(size, np.uint8), 0, 0, []
    while done < count:
        before = done
        done, written, at = dissect(batch, done, Viewpoint(0, tally), Room(ring, 0, 8, area, at, size))
        assert done > before
        for record in ring[:written]:
            start = int(record["bytes_offset"]) % size
            assert start + int(record["bytes_length"]) <= size
            seen.append(area[start : start + int(record["bytes_length"])].tobytes())
    assert [p if len(p) > 28 else b"" for p in packets] == seen
    assert count == tally[counts.SEEN] == tally[counts.RELEVANT]
    nothing = dissect(batch, 0, Viewpoint(0, tally), Room(ring, 0, 8, area, at, 10))
    assert (1, 1, at) == nothing, "the first packet has no payload, the second does not fit"


def test_merged_packets_are_told():
    """Longer than the device could have sent."""
    dissect = dissector((Filter(), [Demand()]), longest=1000)
    for wire, merged in ((1000, 0), (1001, r.MERGED)):
        found = dissect(udp(A, B, 1, 2, b""), IPV4, wire)
        assert (merged, merged != 0) == (found.record["flags"] & r.MERGED, found.tally["merged"])


# Signatures


@pytest.mark.parametrize("algorithm", ["fast64", "md5"])
def test_packets_of_one_way_classes_are_signed(capture, algorithm):
    """Those that are no fragments, in the class that asks, by the twin of the hash; with and without what translators change."""
    plain, translated = Signature(algorithm=algorithm, octets=200), Signature(nat=True, algorithm=algorithm, octets=90)
    dissect = dissector((Filter((UDP_ONLY,)), [Demand(signature=plain)]), (Filter(), [Demand(signature=translated)]))
    for frame in frames_from(Replay((capture,)))[:400]:
        record = dissect(frame.octets, frame.link_type, frame.wire, frame.time_ns).record
        if record is None:
            continue
        flags = int(record["flags"])
        whole, udp_packet = not flags & r.FRAGMENT, int(record["protocol"]) == 17
        assert (whole and udp_packet, whole) == (flags & r.SIGNED != 0, flags & r.SIGNED_NAT != 0), f"packet {frame.number}"
        if not whole:
            continue
        packet = network_of(frame.octets, frame.link_type)[: int(record["ip_octets"])]
        if udp_packet:
            assert sign(packet, False, algorithm == "md5", 200) == int(record["signature"]), f"packet {frame.number}"
        assert sign(packet, True, algorithm == "md5", 90) == int(record["signature_nat"]), f"packet {frame.number}"


@pytest.mark.parametrize("nat", [False, True])
def test_fragments_are_signed_where_a_class_follows_packets(nat):
    """Each by the twin, in the classes that want that only; early ones too, as nobody knows yet whose they are."""
    ports = Filter((Predicate("dst_port", ((53, 53),)),))
    flag, field = (r.SIGNED_NAT, "signature_nat") if nat else (r.SIGNED, "signature")
    wanted, unwanted = (Demand(Fragments.WHOLE, signature=Signature(nat, fragments=f)) for f in (True, False))
    pieces = fragments(udp(A, B, 1000, 53, bytes(64)), 24)
    dissect = dissector((ports, [wanted]), (Filter(), [unwanted]))
    early = dissect(pieces[2], IPV4).record
    assert flag | r.EARLY_FRAGMENT == early["flags"] & (flag | r.EARLY_FRAGMENT)
    assert sign(pieces[2], nat) == early[field]
    records = [dissect(p, IPV4).record for p in pieces]
    assert [sign(p, nat) for p in pieces] == [int(found[field]) for found in records]
    assert all(found["flags"] & flag for found in records)
    alone = dissector((Filter(), [unwanted]))
    assert not any(alone(p, IPV4).record["flags"] & flag for p in pieces)
    elsewhere = dissector((ports, [wanted]), (Filter(), [unwanted]))
    others = [elsewhere(p, IPV4).record for p in fragments(udp(A, B, 1000, 54, bytes(64)), 24)]
    assert not any(found["flags"] & flag for found in others), "the class that wants them does not have these"
