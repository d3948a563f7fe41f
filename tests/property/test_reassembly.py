"""Reassembly against what was fragmented, and against a slow twin: any order, duplicates, overlaps, lies, little memory."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.reassembly_twin import Twin
from tests.unit.child.reassembly.fragments import ALL, DNS, EVERY, FIRST, MS, SECOND, WHOLE, Datagram, Path, empty, udp
from tmon_common.config.model import Filter, Predicate
from tmon_probe import records as r
from tmon_probe.child.reassembly.layout import DATA_PAGES

NOT_DNS = Filter((Predicate("port", ((53, 53),)),), negated=True)
EXTENSIONS = st.sampled_from((b"", bytes(8), b"\0\1" + bytes(14)))  # destination options, without any
lengths = st.one_of(st.integers(9, 80), st.integers(9, 5000), st.sampled_from((2048, 2049, 4096, 65000, 65515)))


@st.composite
def datagrams(draw, longest=65515):
    """UDP over IPv4 or IPv6, some with options or extension headers; few keys, so that datagrams meet."""
    length = min(draw(lengths), longest)
    version = draw(st.sampled_from((4, 6)))
    payload = udp(length, dst_port=draw(st.sampled_from((53, 80))), seed=draw(st.integers(0, 3)))
    return Datagram(payload, version, identification=draw(st.integers(1, 3)), src=draw(st.integers(1, 2)),
                    options=draw(st.sampled_from((b"", b"\1\1\1\0"))) if length < 65000 else b"",
                    extension=draw(EXTENSIONS) if version == 6 else b"", kind=60)


@st.composite
def cuts(draw, datagram):
    """Places to cut at, multiples of 8: at least one."""
    most = (len(datagram.payload) - 1) // 8
    if most < 40:
        return sorted({8 * n for n in draw(st.lists(st.integers(1, most), min_size=1, max_size=8))})
    size = draw(st.integers(most // 12 + 1, most))
    return list(range(8 * size, len(datagram.payload), 8 * size))


@st.composite
def splits(draw, packets):
    """The packets as several batches."""
    batches, at = [], 0
    while at < len(packets):
        n = draw(st.integers(1, len(packets)))
        batches.append(packets[at : at + n])
        at += n
    return batches


@st.composite
def shuffled_datagrams(draw, most=5, longest=65515):
    """(datagrams of different keys, [(number of the datagram, its fragment, ns)] interleaved, with duplicates; times in order)."""
    found = draw(st.lists(datagrams(longest), min_size=1, max_size=most, unique_by=lambda d: (d.version, d.identification, d.src)))
    parts = [(n, p) for n, d in enumerate(found) for p in d.parts(*draw(cuts(d)))]
    parts += draw(st.lists(st.sampled_from(parts), max_size=3))
    order = draw(st.permutations(parts)) if draw(st.booleans()) else parts
    return found, [(n, p, i * MS) for i, (n, p) in enumerate(order)]


@given(shuffled_datagrams(), st.data())
@settings(max_examples=150)
def test_every_datagram_comes_out_once_as_it_was(case, data):
    """In any order, some fragments twice, several datagrams at a time, over several batches: octets, both times, fragments."""
    found, parts = case
    path = Path()
    for batch in data.draw(splits([(p, t) for _, p, t in parts])):
        path(*batch)
    expected = []
    for number, datagram in enumerate(found):
        first_of_each = {}
        for n, part, time_ns in parts:
            if n == number:
                first_of_each.setdefault(part, time_ns)
        times = first_of_each.values()
        expected.append((max(times), min(times), len(times), datagram.whole))
    assert sorted(expected) == [(s.newest_ns, s.oldest_ns, s.fragments, s.octets) for s in path.seen]
    duplicates = len(parts) - len({(n, p) for n, p, _ in parts})
    assert {"datagrams_reassembled": len(found), "datagrams_waiting": len(found)} | (
        {"fragments_duplicate": duplicates} if duplicates else {}) == path.counted
    assert len(path.reassembly.rest()) == 0
    assert empty(path.reassembly)


@st.composite
def odd_fragments(draw):
    """Fragments of a few datagrams of few octets, cut at will: overlapping, twice, ending early or late, empty, different."""
    packets, time_ns = [], 0
    octets = bytes(range(64))
    steps = st.sampled_from((0, 0, MS, MS, MS, 60 * MS, 110 * MS, SECOND, 16 * SECOND, -MS, -16 * SECOND))
    for _ in range(draw(st.integers(1, 40))):
        datagram = Datagram(octets, draw(st.sampled_from((4, 4, 6))), identification=draw(st.sampled_from((1, 1, 2))))
        start = 8 * draw(st.integers(0, 3))
        end = draw(st.sampled_from((start + 8, start + 8, 16, 20, 24, 24, 28, start, start + 5)))
        more = end not in (20, 24) or draw(st.integers(0, 3)) == 0 or start == 0
        payload = octets[start:end] if draw(st.integers(0, 5)) else bytes(max(end - start, 0))
        time_ns += draw(steps)
        packets.append((datagram.part(start, end, more, payload), time_ns))
    return packets


@given(odd_fragments(), st.data())
@settings(max_examples=300)
def test_is_the_twin_whatever_the_fragments(packets, data):
    """First data win; what is impossible is passed over; duplicates of what is complete are swallowed; what is old is given up."""
    path, twin = Path(), Twin()
    for batch in data.draw(splits(packets)):
        path(*batch)
    for packet, time_ns in packets:
        twin.take(packet, time_ns)
    assert twin.found == [(s.octets, s.oldest_ns, s.newest_ns, s.fragments) for s in path.seen]
    path.reassembly.rest()
    twin.rest()
    assert {k: n for k, n in twin.counts.items() if n} == path.counted
    assert empty(path.reassembly)


@given(shuffled_datagrams(most=12, longest=5000), st.data())
@settings(max_examples=150)
def test_little_memory_loses_datagrams_and_never_makes_a_wrong_one(case, data):
    """Every datagram that comes out is one that was sent; nothing is lost of the tables; every record goes on, once."""
    found, parts = case
    path = Path((ALL, WHOLE), (DNS, WHOLE), (ALL, EVERY), datagrams=2, pages=2 * DATA_PAGES + 2, held=2)
    given_on = [path(*batch) for batch in data.draw(splits([(p, t) for _, p, t in parts]))]
    wholes = {d.whole for d in found}
    assert {s.octets for s in path.seen} <= wholes
    waiting = path.counted.get("datagrams_waiting", 0)
    assert waiting <= 2
    rest = path.reassembly.rest()
    assert empty(path.reassembly)
    flags = np.concatenate([*given_on, rest])["flags"]
    assert len(parts) == np.count_nonzero(flags & r.REASSEMBLED == 0)
    assert not np.any(flags & r.EARLY_FRAGMENT)
    assert not np.any(rest["bytes_length"])


@given(shuffled_datagrams(longest=3000), st.sampled_from(((ALL, EVERY), (ALL, FIRST), (DNS, EVERY))), st.booleans(), st.data())
@settings(max_examples=150)
def test_early_fragments_have_ports_and_classes_as_if_they_had_come_in_order(case, other, negated, data):
    """Each fragment's record is the one that the father makes of it when the first fragment has come before, and after that of the
    first; records of datagrams that no class wants by then are gone. Datagrams are of the classes of the first fragment that want
    them."""
    found, parts = case
    classes = [other, (DNS, WHOLE), (DNS, EVERY), (DNS, FIRST), *((NOT_DNS, EVERY),) * negated]
    path, in_order = Path(*classes), Path(*classes)
    records = [x for batch in data.draw(splits([(p, t) for _, p, t in parts])) for x in path(*batch)]
    by_offset = sorted(parts, key=lambda p: int.from_bytes(p[1][6:8]) & 0x1FFF if p[1][0] >> 4 == 4 else _offset6(p[1]))
    expected = in_order.dissected([(p, t) for _, p, t in by_offset])[0]
    fragments = [x for x in records if not x["flags"] & r.REASSEMBLED]
    assert Counter(map(_told, expected)) == Counter(map(_told, fragments))
    whole = [x for x in records if x["flags"] & r.REASSEMBLED]
    assert [0b010] * len(whole) == [x["class_mask"] for x in whole]
    assert sum(int.from_bytes(d.payload[2:4]) == 53 for d in found) == len(whole)
    known = set()
    for record in records:
        key = record["ip_version"], record["fragment_id"], record["src_lo"]
        if not record["flags"] & r.LATER_FRAGMENT:
            known.add(key)
        assert key in known


def _offset6(packet: bytes) -> int:
    at = 40 + (0 if packet[6] == 44 else 8 * (packet[41] + 1))
    return int.from_bytes(packet[at + 2 : at + 4]) >> 3


def _told(record: np.void) -> tuple:
    flags = record["flags"]
    ports = (record["src_port"], record["dst_port"]) if flags & r.HAS_PORTS else None
    return tuple(int(record[n]) for n in ("time_ns", "ip_version", "src_lo", "fragment_id", "fragment_offset", "class_mask",
                                          "flags", "ip_octets")), ports
