"""Reassembly case by case: what the records say, order in the stream, time, room, and what is wrong with fragments."""

import struct

import numpy as np
import pytest

from tests.unit.child.reassembly.fragments import (
    ALL,
    DNS,
    DONT_FRAGMENT,
    EVERY,
    FIRST,
    MS,
    SECOND,
    START,
    WHOLE,
    Datagram,
    Path,
    Seen,
    empty,
    udp,
)
from tmon_common.config.model import Filter, Predicate
from tmon_common.events import CATALOGUE
from tmon_probe import records as r
from tmon_probe.child.reassembly import layout
from tmon_probe.child.reassembly.reassembly import FIRST_OCTETS, Reassembly
from tmon_probe.demand import FragmentMasks

TCP_OPTIONS = bytes((1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6, 5, 2, 4, 2, 1, 1, 1, 1))
TCP_HEADER = struct.pack(">HHIIHHHH", 21, 40000, 7, 9, 0xA018, 512, 0, 0) + TCP_OPTIONS
WHOLE_DATAGRAMS = {
    "UDP": Datagram(udp(100)),
    "UDP, IPv6": Datagram(udp(100), 6),
    "UDP behind destination options": Datagram(udp(100), 6, extension=bytes(8), kind=60),
    "IPv4 options": Datagram(udp(100), options=b"\x94\4\0\0"),
    "TCP with options": Datagram(TCP_HEADER + b"220 ready\r\n" * 4, protocol=6),
    "TCP, IPv6": Datagram(TCP_HEADER + b"220 ready\r\n" * 4, 6, protocol=6),
    "echo request": Datagram(struct.pack(">BBHHH", 8, 0, 0, 77, 3) + bytes(90), protocol=1),
    "ICMPv6 echo reply": Datagram(struct.pack(">BBHHH", 129, 0, 0, 77, 3) + bytes(90), 6, protocol=58),
    "another protocol": Datagram(bytes(100), protocol=89),
    "destination options in the fragmented part": Datagram(bytes((17, 1)) + bytes(14) + udp(60), 6, protocol=60),
}  # fmt: skip


def in_order(*packets: bytes, start_ns: int = 0) -> list[tuple[bytes, int]]:
    return [(p, start_ns + i * MS) for i, p in enumerate(packets)]


def kinds(records: np.ndarray) -> list[str]:
    """What the records are, for a person."""
    return ["whole" if f & r.REASSEMBLED else "quoted" if f & r.QUOTED else "later" if f & r.LATER_FRAGMENT else
            "first" if f & r.FRAGMENT else "packet" for f in records["flags"]]


@pytest.mark.parametrize("datagram", WHOLE_DATAGRAMS.values(), ids=WHOLE_DATAGRAMS)
@pytest.mark.parametrize("cut", [8, 16, 24, 32, 48])
def test_record_says_what_that_of_the_packet_would_have_said(datagram, cut):
    """Header fields and flags are those that the father finds in the packet before it was fragmented, even if the first fragment
    holds only 8 octets of them."""
    path = Path()
    records = path(*in_order(*datagram.parts(*range(cut, len(datagram.payload), cut))))
    assert "whole" == kinds(records)[-1]
    record, packet = records[-1], Path().dissected([(datagram.whole, 0)])[0][0]
    assert packet["flags"] | r.REASSEMBLED == record["flags"]
    names = ["src_hi", "src_lo", "dst_hi", "dst_lo", "interface", "vlan", "protocol", "ip_version", "tos", "ttl", "ip_octets",
             "payload_octets", "fragment_offset", "tcp_flags", "tcp_window", "icmp_type", "icmp_code", "tcp_seq", "tcp_ack",
             "tcp_tsval", "tcp_tsecr", "src_port", "dst_port", "class_mask", "quoted_mask"]
    if packet["flags"] & r.HAS_ECHO:
        names += ["icmp_id", "icmp_seq"]
    assert {n: packet[n] for n in names} == {n: record[n] for n in names}
    assert (datagram.identification, -(-len(datagram.payload) // cut)) == (record["fragment_id"], record["wire_octets"])
    assert (START, START + (int(record["wire_octets"]) - 1) * MS) == (record["signature"], record["time_ns"])
    header = len(datagram.whole) - len(datagram.payload)
    transport, payload = {1: (0, 8), 6: (0, 40), 17: (0, 8), 58: (0, 8), 60: (16, 24), 89: (-header, -header)}[datagram.protocol]
    assert (header + transport, header + payload) == (record["transport_at"], record["payload_at"])
    assert datagram.whole == path.seen[-1].octets


def test_nothing_to_do_costs_no_copy():
    """Without fragments, and with some that complete nothing, records and lanes are those given."""
    path = Path()
    for packets in (in_order(Datagram(udp(30)).whole, Datagram(udp(30), 6).whole), in_order(Datagram(udp(30)).parts(16)[0])):
        records, lanes, areas = path.dissected(packets)
        given_records, given_lanes, datagrams = path.reassembly.process(records, lanes, areas)
        assert records is given_records
        assert lanes is given_lanes
        assert (1, FIRST_OCTETS) == datagrams.shape
    assert {"datagrams_waiting": 1} == path.counted


def test_datagrams_come_after_what_the_last_fragment_sets_free():
    """The first fragment, coming last, is an ICMP error: its record, the one that it quotes, those that waited, the datagram."""
    quoted = Datagram(udp(40), src=2, dst=1).whole
    error = Datagram(struct.pack(">BBHI", 3, 3, 0, 0) + quoted, protocol=1)
    first, second, third = error.parts(48, 56)
    is_error = Filter((Predicate("icmp_type", ((3, 3),)),))
    path = Path((is_error, WHOLE), (ALL, EVERY))
    plain = Datagram(udp(20)).whole
    assert ["packet", "packet"] == kinds(path(*in_order(plain, third, second, plain)))
    records = path(*in_order(plain, first, plain, start_ns=10 * MS))
    assert ["packet", "first", "quoted", "later", "later", "whole", "packet"] == kinds(records)
    assert [0b10, 0b11, 0b10, 0b11, 0b11, 0b01, 0b10] == records["class_mask"].tolist()
    assert [10, 11, 11, 1, 2, 11, 12] == [(t - START) // MS for t in records["time_ns"].tolist()]
    assert [Seen(error.whole, MS, 11 * MS, 3)] == path.seen


def test_early_fragments_are_held_until_nobody_wants_them():
    """The first fragment is of no class that wants the datagram whole: what waited goes on at once, nothing is put together."""
    datagram = Datagram(udp(60, dst_port=80))
    first, second, third = datagram.parts(16, 32)
    path = Path((DNS, WHOLE), (ALL, EVERY))
    assert [] == kinds(path((third, 0), (second, MS)))
    assert {"datagrams_waiting": 1, "fragments_held": 2} == path.counted
    records = path((first, 2 * MS))
    assert ["first", "later", "later"] == kinds(records)
    assert [80, 80, 80] == records["dst_port"].tolist()
    assert [0b10, 0b10, 0b10] == records["class_mask"].tolist()
    assert {} == path.counted
    assert empty(path.reassembly)


def test_early_fragments_whose_first_one_never_comes():
    """After the lifetime they go on at IP level, with the classes that they had; those that have none are gone."""
    path = Path((DNS, WHOLE), (Filter((Predicate("src_addr", ((0xFFFF00000001, 0xFFFF00000001),)),)), EVERY))
    known, foreign = (Datagram(udp(60), src=src).parts(16, 32) for src in (1, 7))
    path(*in_order(*known[1:], *foreign[1:]))
    assert {"datagrams_waiting": 2, "fragments_held": 4} == path.counted
    assert 0 == len(path.reassembly.expired(START + 15 * SECOND))
    records = path.reassembly.expired(START + 16 * SECOND)
    assert ["later", "later"] == kinds(records)
    assert [(0b10, 0, 0)] * 2 == [(x["class_mask"], x["bytes_length"], x["flags"] & r.EARLY_FRAGMENT) for x in records]
    assert [0, MS] == (records["time_ns"] - START).tolist()
    assert {"datagrams_unclaimed": 2} == path.counted
    assert empty(path.reassembly)


def test_a_filter_that_looks_at_ports_claims_nothing_before_they_are_known():
    """`not port 53` is true of what has no ports; the datagram is missed by nobody all the same."""
    path = Path((Filter((Predicate("port", ((53, 53),)),), negated=True), WHOLE))
    path((Datagram(udp(60)).part(16, 32), 0))
    assert [0b1] == path.reassembly.rest()["class_mask"].tolist()
    assert {"datagrams_unclaimed": 1} == path.counted


def test_dont_fragment_stays():
    """Of a packet that was fragmented all the same, as Linux does for sockets that probe the path MTU."""
    datagram, dont = Datagram(udp(60)), lambda packet: packet[:6] + bytes((packet[6] | DONT_FRAGMENT,)) + packet[7:]
    path = Path()
    records = path(*in_order(*map(dont, datagram.parts(16, 32))))
    assert records[-1]["flags"] & r.DONT_FRAGMENT
    assert [dont(datagram.whole)] == [s.octets for s in path.seen]


def test_incomplete_datagrams_are_given_up_after_their_lifetime():
    """By packet time that passes, by a fragment that comes too late, and at the end."""
    datagram = Datagram(udp(60))
    path = Path()
    path((datagram.part(0, 16), 0), (datagram.part(16, 32), 10 * SECOND))
    path((datagram.part(32, 60), 15 * SECOND + 1))
    assert {"datagrams_incomplete": 1, "datagrams_waiting": 1} == path.counted
    path.reassembly.expired(START + 31 * SECOND)
    assert {"datagrams_incomplete": 2} == path.counted
    path((datagram.part(0, 16), 40 * SECOND), (datagram.part(0, 16), -40 * SECOND))
    assert 0 == len(path.reassembly.rest())
    assert {"datagrams_incomplete": 4} == path.counted
    path(*in_order(*datagram.parts(16), start_ns=50 * SECOND))
    assert datagram.whole == path.seen[-1].octets


def test_duplicates_of_what_is_complete_are_swallowed_for_a_while():
    one, other = Datagram(udp(60)), Datagram(udp(60, seed=1))
    path = Path()
    path(*in_order(*one.parts(16, 32)))
    path((one.part(16, 32), 50 * MS), (one.part(0, 16), 60 * MS))
    assert {"datagrams_reassembled": 1, "fragments_duplicate": 2, "datagrams_waiting": 1} == path.counted
    path((one.part(16, 32), 103 * MS))
    assert {"datagrams_reassembled": 1, "fragments_duplicate": 2, "datagrams_waiting": 1} == path.counted
    path(*in_order(*one.parts(16, 32), start_ns=104 * MS))  # of which one fragment has come
    path(*in_order(*other.parts(16, 32), start_ns=110 * MS))  # the same identification at once
    assert [one.whole, one.whole, other.whole] == [s.octets for s in path.seen]
    path.reassembly.expired(START + 300 * MS)
    assert {"datagrams_reassembled": 3, "fragments_duplicate": 3} == path.counted
    assert empty(path.reassembly)


WRONG = {
    "more, but no multiple of 8, IPv6": (Datagram(udp(64), 6), (16, 29, True)),
    "nothing in it": (Datagram(udp(64)), (16, 16, True)),
    "fewer than 8 octets and more": (Datagram(udp(64)), (16, 20, True)),
    "nothing in it, IPv6": (Datagram(udp(64), 6), (16, 16, True)),
    "last, but others reach beyond": (Datagram(udp(64)), (16, 28, False)),
    "beyond the end": (Datagram(udp(64)), (64, 80, True)),
    "another end": (Datagram(udp(64)), (64, 80, False)),
    "more than a datagram holds": (Datagram(udp(64)), (65528, 65536, False)),
    "more than a datagram holds, IPv6": (Datagram(udp(64), 6), (65528, 65536, False)),
}


@pytest.mark.parametrize(("datagram", "wrong"), WRONG.values(), ids=WRONG)
def test_impossible_fragments_are_passed_over(datagram, wrong):
    """They are counted, and the datagram is put together out of the others."""
    start, end, more = wrong
    first, last = datagram.parts(32)
    path = Path()
    before = (last,) if start >= 64 and end < 65000 else (datagram.part(32, 48),)
    after = () if start >= 64 and end < 65000 else (datagram.part(48, 64),)
    path(*in_order(*before, datagram.part(start, end, more, bytes(end - start)), first, *after))
    assert [datagram.whole] == [s.octets for s in path.seen]
    assert {"datagrams_reassembled": 1, "fragments_malformed": 1, "datagrams_waiting": 1} == path.counted


def test_impossible_fragments_begin_no_datagram():
    path = Path()
    path((Datagram(udp(64), 6).part(16, 29, True), 0), (Datagram(udp(64)).part(16, 16, True), 0))
    assert {"fragments_malformed": 2} == path.counted


def test_ipv4_fragment_that_is_no_multiple_of_8_counts_up_to_one():
    """As in the Linux kernel, which cuts it."""
    datagram = Datagram(udp(64))
    path = Path()
    path(*in_order(datagram.part(0, 37, True), datagram.part(32, 64)))
    assert [datagram.whole] == [s.octets for s in path.seen]


@pytest.mark.parametrize("version", [4, 6])
def test_first_data_wins(version):
    """Of octets that come twice, and differ, the first count; of those that come again with others, the others are new."""
    datagram, other = Datagram(udp(64), version), Datagram(bytes(64), version)
    path = Path()
    path(*in_order(datagram.part(16, 40), other.part(0, 24, True, datagram.payload[:16] + bytes(8)), other.part(32, 64, False)))
    assert [datagram.whole[: -24] + bytes(24)] == [s.octets for s in path.seen]
    assert {"datagrams_reassembled": 1, "fragments_overlap": 2, "datagrams_waiting": 1} == path.counted


@pytest.mark.parametrize("version", [4, 6])
def test_longest_datagram(version):
    """65,535 octets, with the header if that is of IPv4: in fragments of 8 pages and in tiny ones at its end."""
    datagram = Datagram(udp(65515 if version == 4 else 65535), version)
    path = Path()
    path(*in_order(*datagram.parts(16384, 32768, 49152, 65496, 65504, 65512)))
    assert [datagram.whole] == [s.octets for s in path.seen]


def test_longer_header_of_the_first_fragment_makes_it_too_long():
    datagram = Datagram(udp(65515))
    long_header = Datagram(datagram.payload, options=bytes(4))
    path = Path()
    path((datagram.part(16, 65515), 0), (long_header.part(0, 16), 0))
    assert {"fragments_malformed": 1} == path.counted
    assert empty(path.reassembly)


def test_what_was_not_captured_whole_is_not_put_together():
    """Their records tell ports and classes all the same."""
    datagram = Datagram(udp(600))
    path = Path((DNS, WHOLE), captured=100)
    records = path(*in_order(*datagram.parts(80, 560)[::-1]))
    assert ["first", "later", "later"] == kinds(records)
    assert {"fragments_cut": 1, "datagrams_waiting": 1} == path.counted
    path.reassembly.rest()
    assert {"fragments_cut": 1, "datagrams_incomplete": 1} == path.counted


def test_ipv6_atomic_fragments_are_packets():
    """A fragment header with offset 0 and nothing to come (RFC 6946): the father gives it as any packet, alone."""
    datagram = Datagram(udp(60), 6)
    path = Path()
    records = path((datagram.part(0, 60, False), 0), (datagram.part(0, 16), 1))
    assert ["packet", "first"] == kinds(records)
    assert {"datagrams_waiting": 1} == path.counted


def test_fragment_within_a_fragment_is_not_looked_into():
    inner = Datagram(udp(60), 6, identification=9).part(0, 16)[40:]
    path = Path()
    path((Datagram(inner + bytes(24), 6, protocol=44).part(0, 32), 0))
    assert {"fragments_malformed": 1} == path.counted


def test_identification_is_of_addresses_protocol_interface_and_vlan():
    """Fragments that differ in one of them are of different datagrams; in IPv6 the protocol is not asked."""
    path = Path()
    datagrams = [Datagram(udp(60), identification=1), Datagram(udp(60), identification=2), Datagram(udp(60), src=9),
                 Datagram(udp(60), dst=9), Datagram(udp(60), protocol=136), Datagram(udp(60), 6)]
    path(*in_order(*(d.part(0, 16) for d in datagrams)))
    records, lanes, areas = path.dissected(in_order(datagrams[0].part(0, 16), datagrams[0].part(0, 16)))
    records["interface"][0], records["vlan"][1] = 1, 5
    path.reassembly.process(records, lanes, areas)
    assert {"datagrams_waiting": 8} == path.counted
    first, last = Datagram(udp(60), 6, protocol=136).part(0, 16), Datagram(udp(60), 6).part(16, 60)
    path = Path()
    path((first, 0), (last, 0))
    assert 1 == len(path.seen)


def test_oldest_datagrams_give_way():
    """First those that only linger, then those that wait longest."""
    path = Path(datagrams=2)
    datagrams = [Datagram(udp(60), identification=n) for n in range(4)]
    path(*in_order(*datagrams[0].parts(16), datagrams[1].part(0, 16), datagrams[2].part(0, 16)))
    assert {"datagrams_reassembled": 1, "datagrams_waiting": 2} == path.counted
    path(*in_order(datagrams[3].part(0, 16), datagrams[2].part(16, 60), datagrams[1].part(16, 60)))
    assert [datagrams[0].whole, datagrams[2].whole] == [s.octets for s in path.seen]
    assert 1 == path.counted["datagrams_evicted"]


def test_pages_give_out_before_contexts_do():
    """The oldest datagram loses its pages to the newest; its early fragments go on."""
    path = Path((DNS, WHOLE), (ALL, EVERY), datagrams=16, pages=2 * layout.DATA_PAGES + 2)
    datagrams = [Datagram(udp(60000, seed=n), identification=n) for n in range(3)]
    assert [] == kinds(path((datagrams[0].part(8, 30000, True), 0)))
    for datagram in datagrams[1:]:
        records = path(*in_order(datagram.part(0, 59992), start_ns=MS))
    assert ["first", "later"] == kinds(records)
    assert {"datagrams_waiting": 2, "datagrams_evicted": 1} == path.counted
    for datagram in datagrams[1:]:
        path(*in_order(datagram.part(59992, 60000), start_ns=MS))
    assert [d.whole for d in datagrams[1:]] == [s.octets for s in path.seen]
    path.reassembly.rest()
    assert empty(path.reassembly)


def test_datagram_that_needs_pages_does_not_give_way_itself():
    """It is the oldest, and the second oldest goes."""
    path = Path(datagrams=16, pages=2 * layout.DATA_PAGES + 2)
    oldest, second, third = (Datagram(udp(60000, seed=n), identification=n) for n in range(3))
    for datagram, end in ((oldest, 16), (second, 59992), (third, 59992)):
        path((datagram.part(0, end), 0))
    path((oldest.part(16, 60000), MS))
    path((third.part(59992, 60000), MS))
    assert [oldest.whole, third.whole] == [s.octets for s in path.seen]
    assert 1 == path.counted["datagrams_evicted"]
    path.reassembly.rest()
    assert empty(path.reassembly)


def test_early_fragments_beyond_what_can_wait_go_on_at_once():
    path = Path((DNS, WHOLE), (ALL, EVERY), held=2)
    records = path(*in_order(*Datagram(udp(64)).parts(*range(16, 64, 8))[1:]))
    assert ["later"] * 4 == kinds(records)
    assert {"fragments_held": 2, "fragments_not_held": 4, "datagrams_waiting": 1} == path.counted


def test_room_for_what_a_batch_brings_forth_grows_and_is_given_back():
    """More octets than the first room, and more records."""
    path = Path((DNS, WHOLE), (ALL, EVERY), held=4)
    datagrams = [Datagram(udp(60000, seed=n), identification=n) for n in range(40)]
    path(*in_order(*(p for d in datagrams for p in d.parts(16, 32)[::-1])))
    assert [d.whole for d in datagrams] == [s.octets for s in path.seen]
    assert path.reassembly._out.octets.size > FIRST_OCTETS
    path((datagrams[0].part(0, 16), SECOND))
    assert FIRST_OCTETS == path.reassembly._out.octets.size


def test_since_when_something_waits():
    """The time of the oldest fragment of a datagram that is not complete."""
    path = Path()
    assert path.reassembly.waiting_since() is None
    first, second = (Datagram(udp(400, seed=n), identification=n).parts(200) for n in (1, 2))
    path((first[1], 5 * MS), (second[0], 7 * MS))
    assert START + 5 * MS == path.reassembly.waiting_since()
    path((first[0], 9 * MS))
    assert START + 7 * MS == path.reassembly.waiting_since()
    path.reassembly.expired(START + 7 * MS + layout.LIFETIME_NS + 1)
    assert path.reassembly.waiting_since() is None


def test_counters_and_alerts():
    """Names are there from the beginning; alerts are of counters, and of events that are in the catalogue."""
    reassembly = Reassembly(FragmentMasks(1, 1, 0))
    counters = reassembly.counters()
    assert {0} == set(counters.values())
    assert reassembly.alerts.keys() <= counters.keys()
    assert set(reassembly.alerts.values()) <= CATALOGUE.keys()


def test_warm_up_leaves_nothing():
    path = Path((DNS, FIRST))
    records, lanes, areas = path.dissected([])
    path.reassembly.warm_up(records, lanes, areas)
    assert {} == path.counted
    assert empty(path.reassembly)


@pytest.mark.parametrize("sizes", [{"datagrams": 1}, {"datagrams": 6}, {"pages": 65}, {"held": 0}])
def test_too_little_memory_is_refused(sizes):
    with pytest.raises(ValueError, match="reassembly of"):
        Reassembly(FragmentMasks(1, 1, 0), **sizes)
