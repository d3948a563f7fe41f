"""What a probe tells of the packets of one-way classes, packet by packet: named cases. The captures are in the pipeline's tests."""

import struct
from ipaddress import IPv4Address
from itertools import permutations

import pytest

from tests.oracles.signature_twin import sign
from tests.unit.child.one_way.bench import HERE, THERE, Bench, Told, one_way_class
from tests.unit.child.reassembly.fragments import DNS, START, Datagram, udp
from tests.unit.test_ip_timestamp import option
from tmon_common.config.model import Filter, Hop, Point, Predicate
from tmon_common.observations import ABSENT
from tmon_probe.child.one_way.observer import HAND_OVER_NS, ROWS_AT_ONCE, WATERMARK_NS

MS, SECOND = 10**6, 10**9
NO_EXTRAS = (None,) * 4
PORTS = (1000, 53)
BITS = {2: 0xFFFF, 3: 0xFFFFFF, 4: 0xFFFFFFFF}


def packet(length: int = 100, **fields) -> bytes:
    return Datagram(udp(length, seed=length), **fields).whole



@pytest.mark.parametrize("octets", BITS)
@pytest.mark.parametrize("nat", [False, True])
@pytest.mark.parametrize("algorithm", ["fast64", "md5"])
@pytest.mark.parametrize("version", [4, 6])
def test_digest_time_and_size(octets, nat, algorithm, version):
    """Of each packet: the last bits of the twin's signature, the time of the record, the IP total length, the flow."""
    bench = Bench(one_way_class(signature_octets=octets, nat=nat, algorithm=algorithm, hashed_octets=60))
    packets = [packet(n, version=version) for n in (30, 60, 61, 200)]
    bench(*((p, n * MS) for n, p in enumerate(packets)))
    bench.chain.finish()
    expected = [Told(1, sign(p, nat, algorithm == "md5", 60) & BITS[octets], n * MS, len(p), None, NO_EXTRAS, PORTS)
                for n, p in enumerate(packets)]
    assert expected == bench.told()
    form = bench.emitted[0].form
    assert ("followed", octets, 1000, True) == (form.flow_class, form.signature_octets, form.resolution_ns, form.sizes)


def test_sizes_that_are_not_wanted():
    """They do not travel, and the form says so."""
    bench = Bench(one_way_class(sizes=False, resolution_ns=100))
    bench((packet(), 0))
    bench.chain.finish()
    assert [None] == [t.octets for t in bench.told()]
    assert (False, 100) == (bench.emitted[0].form.sizes, bench.emitted[0].form.resolution_ns)


def test_points_are_interfaces():
    """Each has its number; interfaces of a pcapng file are those of the interface; elsewhere nothing is told, but counted."""
    hops = (Hop("a", (Point(1, "q", "i"), Point(2, "p", "second"))), Hop("b", (Point(3, "p", "first"),)))
    bench = Bench(one_way_class(hops=hops), interfaces=("first", "none", "second"))
    for interface in (0, 2, 1, 0x0102, 0x0500, 9):
        bench((packet(), interface), interface=interface)
    bench.chain.finish()
    assert [(3, 0), (2, 2), (2, 0x0102), (3, 0x0500)] == [(t.point, t.time_ns) for t in bench.told()]
    assert (4, 2, 0) == tuple(bench.chain.counters()[f"one_way_{n}"] for n in ("observations", "elsewhere", "unsigned"))


def test_class_that_has_no_point_here():
    """Nothing is signed and nothing told, though the probe observes the class."""
    bench = Bench(one_way_class(hops=(Hop("a", (Point(1, "x", "i"),)), Hop("b", (Point(2, "y", "i"),)))))
    bench((packet(), 0))
    bench.flush(SECOND)
    bench.chain.finish()
    assert [] == bench.emitted
    assert "one_way_observations" not in bench.chain.counters()


def test_classes_by_themselves():
    """Two with the same packets, one with nat: each with its own signature, form and flows."""
    others = Filter((Predicate("dst_port", ((54, 54),)),))
    bench = Bench(one_way_class(), one_way_class(name="translated", nat=True, signature_octets=3),
                  one_way_class(others, name="others"))
    bench((packet(), 5))
    bench.chain.finish()
    assert [sign(packet()) & BITS[4]] == [t.signature for t in bench.told()]
    assert [sign(packet(), nat=True) & BITS[3]] == [t.signature for t in bench.told("translated")]
    assert [] == bench.told("others")
    assert 2 == bench.chain.counters()["one_way_observations"]


def test_what_icmp_errors_quote_did_not_pass_here():
    """The error is a packet; the packet that it quotes is not told again."""
    error = struct.pack(">BBHI", 3, 3, 0, 0) + packet()
    bench = Bench(one_way_class())
    bench((Datagram(error, protocol=1, src=7).whole, 0))
    bench.chain.finish()
    assert 1 == len(bench.told())


# Fragments


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("nat", [False, True])
def test_packet_by_packet(version, nat):
    """A fragment is one: signed by itself, with its own length and time, in any order; all but the first without ports."""
    datagram = Datagram(udp(200), version=version, identification=99)
    parts = datagram.parts(64, 128)
    expected = {sign(p, nat) & BITS[4]: len(p) for p in parts}
    assert 3 == len(expected)
    for order in permutations(range(3)):
        bench = Bench(one_way_class(DNS, nat=nat))
        for n, part in enumerate(order):
            bench((parts[part], n * MS))
        bench.chain.finish()
        told = sorted(bench.told(), key=lambda t: t.time_ns)
        assert [(sign(parts[part], nat) & BITS[4], n * MS, len(parts[part])) for n, part in enumerate(order)] == [
            (t.signature, t.time_ns, t.octets) for t in told]
        assert [(None, (ABSENT, ABSENT) if part else PORTS) for part in order] == [(t.last_ns, t.ports) for t in told]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("nat", "algorithm", "hashed"), [(False, "fast64", 65535), (True, "fast64", 100), (False, "md5", 100)])
def test_datagram_by_datagram(version, nat, algorithm, hashed):
    """In fragments or not, a datagram has one signature, size and flow; in fragments, the times of the first and the last one."""
    datagram = Datagram(udp(1000), version=version, identification=99)
    whole = datagram.whole
    for order in permutations(range(3)):
        bench = Bench(one_way_class(DNS, nat=nat, per="datagram", algorithm=algorithm, hashed_octets=hashed))
        bench((whole, 0))
        parts = datagram.parts(256, 512)
        for n, part in enumerate(order):
            bench((parts[part], (n + 1) * MS))
        bench.chain.finish()
        signature = sign(whole, nat, algorithm == "md5", hashed) & BITS[4]
        assert [Told(1, signature, 0, len(whole), None, NO_EXTRAS, PORTS),
                Told(1, signature, MS, len(whole), 3 * MS, NO_EXTRAS, PORTS)] == bench.told()


def test_incomplete_datagrams_did_not_pass():
    """Nor do their fragments."""
    bench = Bench(one_way_class(per="datagram"))
    for part in Datagram(udp(1000)).parts(256, 512)[:2]:
        bench((part, 0))
    bench.flush(60 * SECOND)
    bench.chain.finish()
    assert [] == bench.told()


def test_both_ways_of_the_same_fragments():
    """One class takes them one by one, another together: neither takes what is the other's."""
    bench = Bench(one_way_class(), one_way_class(name="datagrams", per="datagram"))
    datagram = Datagram(udp(300))
    for n, part in enumerate(datagram.parts(104, 208)):
        bench((part, n))
    bench.chain.finish()
    assert [(0, None), (1, None), (2, None)] == [(t.time_ns, t.last_ns) for t in bench.told()]
    assert [(0, 2, sign(datagram.whole) & BITS[4])] == [(t.time_ns, t.last_ns, t.signature) for t in bench.told("datagrams")]


# Times in packets


def stamped(*stamps: tuple[str, int]) -> bytes:
    """Options with addresses and ms of the day."""
    return option(5 + 8 * len(stamps), 1, *(IPv4Address(a).packed + ms.to_bytes(4, "big") for a, ms in stamps))


@pytest.mark.parametrize("per", ["packet", "datagram"])
def test_ip_timestamps(per):
    """By entry and by address, in the order of the hops; in whole packets and fragments; what is not there is empty."""
    hops = (HERE, Hop("router", stamped_by=0xFFFF << 32 | int(IPv4Address("10.0.0.9"))), Hop("first", ip_timestamp=1),
            Hop("third", ip_timestamp=3), THERE)
    bench = Bench(one_way_class(hops=hops, per=per))
    day = START % (86_400 * SECOND) // MS
    options = stamped(("10.0.0.8", day + 40), ("10.0.0.9", day + 70))
    whole = Datagram(udp(300), options=options)
    bench((whole.whole, 100 * MS), (packet(), 101 * MS))
    for n, part in enumerate(whole.parts(104)):
        bench((part, (200 + n) * MS))
    bench.chain.finish()
    past = -(START % MS)
    extras = (past + 70 * MS, past + 40 * MS, None, None)
    assert ([extras, NO_EXTRAS] + [extras] * (2 if per == "packet" else 1)) == [t.extras for t in bench.told()]
    odd = Datagram(udp(300), options=option(9, 0, b"\x80\0\0\1") + bytes(0))
    bench = Bench(one_way_class(hops=hops))
    bench((odd.whole, 0))
    bench.chain.finish()
    assert ([NO_EXTRAS], 1) == ([t.extras for t in bench.told()], bench.chain.counters()["one_way_stamps_odd"])


def test_ntp_timestamps():
    """Each of the four, of packets to or from port 123 alone; in a datagram that came in fragments, too."""
    hops = (HERE, *(Hop(n, ntp=n) for n in ("reference", "origin", "receive", "transmit")), THERE)
    bench = Bench(one_way_class(hops=hops, per="datagram"))
    seconds = START // SECOND + 2_208_988_800
    stamps = b"".join(((seconds + n << 32) | n << 30).to_bytes(8, "big") for n in (1, 2, 3))
    message = b"\x24" + bytes(15) + stamps + bytes(8)
    expected = (1 * SECOND + SECOND // 4, 2 * SECOND + SECOND // 2, 3 * SECOND + 3 * SECOND // 4, None)
    datagrams = [Datagram(struct.pack(">4H", a, b, 8 + len(message), 0) + message) for a, b in ((123, 9), (9, 123), (9, 124))]
    bench(*((d.whole, n * MS) for n, d in enumerate(datagrams)))
    for part in datagrams[0].parts(24):
        bench((part, 9 * MS))
    bench.chain.finish()
    assert [expected, expected, NO_EXTRAS, expected] == [t.extras for t in bench.told()]


# Up to when


def watermarks(bench: Bench) -> list[int | None]:
    return [None if rows.watermark_ns == ABSENT else rows.watermark_ns - START for rows in bench.emitted]


def test_rows_are_gathered_for_a_moment():
    """Handed over with what packet time is reached, when there are many or some time has passed; a silence is told, more rarely."""
    bench = Bench(one_way_class())
    bench.chain.flush(-1)
    assert [] == bench.emitted, "no packet time yet"
    bench((packet(), 0))
    bench.flush(0)
    bench((packet(), 1))
    bench.flush(HAND_OVER_NS - 1)
    assert ([0], [1]) == (watermarks(bench), [len(rows) for rows in bench.emitted])
    bench.flush(HAND_OVER_NS)
    bench.flush(HAND_OVER_NS + WATERMARK_NS - 1)
    bench.flush(HAND_OVER_NS + WATERMARK_NS)
    assert ([0, HAND_OVER_NS, HAND_OVER_NS + WATERMARK_NS], [1, 1, 0]) == (watermarks(bench), [len(r) for r in bench.emitted])
    late = HAND_OVER_NS + WATERMARK_NS
    for n in range(ROWS_AT_ONCE):
        bench((packet(), late + n))
    assert (late, ROWS_AT_ONCE, False) == (watermarks(bench)[-1], len(bench.emitted[-1]), bench.emitted[-1].ended)
    bench.flush(late - SECOND)
    assert 4 == len(bench.emitted), "packet time does not go back"
    bench.chain.finish()
    assert (late + ROWS_AT_ONCE, 0, True) == (watermarks(bench)[-1], len(bench.emitted[-1]), bench.emitted[-1].ended)
    assert {False} == {rows.ended for rows in bench.emitted[:-1]}


def test_the_first_watermark_is_where_observation_begins():
    """Packet time as it is told lags behind; nobody must take the time before the first packet, of whatever class, for observed."""
    others = one_way_class(Filter((Predicate("dst_port", ((99, 99),)),)), name="others")
    bench = Bench(one_way_class(DNS), others)
    other = Datagram(udp(100, dst_port=99)).whole
    bench((other, 7 * SECOND), (packet(), 8 * SECOND), (other, 6 * SECOND))
    bench.flush(5 * SECOND)
    bench((packet(), 9 * SECOND))
    bench.flush(10 * SECOND)
    for name, rows in (("followed", [1, 1, 0]), ("others", [2, 0, 0])):
        told = [r for r in bench.emitted if r.form.flow_class == name]
        assert [(ABSENT, rows[0]), (START + 6 * SECOND, rows[1]), (START + 10 * SECOND, rows[2])] == [
            (r.watermark_ns, len(r)) for r in told]
    short = Bench(one_way_class())
    short((packet(), 7), (packet(), 9))
    short.chain.finish()
    assert [(7, 2, False), (10, 0, True)] == [(w, len(r), r.ended) for w, r in zip(watermarks(short), short.emitted, strict=True)]


def test_observation_of_an_idle_interface():
    """It begins when the probe does, though nothing comes: with the first packet time that is told."""
    bench = Bench(one_way_class())
    for reached_ns in range(SECOND, 4 * SECOND, SECOND // 10):
        bench.flush(reached_ns)
    assert [SECOND, SECOND + WATERMARK_NS, SECOND + 2 * WATERMARK_NS] == watermarks(bench)


def test_a_clock_that_is_set_back():
    """Rows still go out after a moment, though nothing new can be said of the time that is reached."""
    bench = Bench(one_way_class())
    bench((packet(), 0))
    bench.flush(3600 * SECOND)
    bench((packet(), SECOND))
    bench.flush(SECOND + HAND_OVER_NS)
    bench((packet(), 2 * SECOND))
    bench.flush(2 * SECOND + HAND_OVER_NS)
    assert [0, SECOND, 2 * SECOND] == [t.time_ns for t in bench.told()]
    assert 3600 * SECOND == watermarks(bench)[-1]


def test_before_any_packet_time():
    """What is told before packet time is known says nothing of up to when; the end is told even where nothing was."""
    bench = Bench(one_way_class())
    for _ in range(ROWS_AT_ONCE):
        bench((packet(), 7))
    bench.chain.finish()
    assert ([None, 7, 8], [False, False, True]) == (watermarks(bench), [rows.ended for rows in bench.emitted])
    nothing = Bench(one_way_class())
    nothing.chain.finish()
    assert [(0, True)] == [(len(rows), rows.ended) for rows in nothing.emitted]


@pytest.mark.parametrize("per", ["packet", "datagram"])
def test_fragments_that_wait_hold_back(per):
    """Nobody is told that nothing older comes while a datagram waits for more of it, up to its lifetime."""
    bench = Bench(one_way_class(DNS, per=per))
    parts = Datagram(udp(300)).parts(104, 208)
    bench((parts[2], 10 * MS))
    bench.flush(5 * SECOND)
    bench((parts[1], 6 * SECOND))
    bench.flush(7 * SECOND)
    assert [10 * MS] == watermarks(bench)  # from then on; up to then, too
    bench((parts[0], 8 * SECOND))
    bench.flush(9 * SECOND)
    assert [10 * MS, 9 * SECOND] == watermarks(bench)
    assert [10 * MS] * (per == "datagram") + [10 * MS, 6 * SECOND, 8 * SECOND] * (per == "packet") == sorted(
        t.time_ns for t in bench.told())
    bench((Datagram(udp(300), identification=2).parts(104)[1], 10 * SECOND))
    bench.flush(24 * SECOND)
    bench.flush(26 * SECOND)
    assert [10 * MS, 9 * SECOND, 10 * SECOND, 26 * SECOND] == watermarks(bench)


@pytest.mark.parametrize("per", ["packet", "datagram"])
def test_the_oldest_fragment_that_waits_holds_back(per):
    """Of several sources in one lane some are ahead: the datagram that was begun first need not have the oldest fragment."""
    bench = Bench(one_way_class(DNS, per=per))
    ahead, behind = (Datagram(udp(300), identification=n).parts(104) for n in (1, 2))
    cut = Datagram(udp(300), identification=3).parts(104, 208)
    bench((ahead[1], 10 * SECOND), (behind[1], 9 * SECOND), (packet(), 4 * SECOND), (cut[2], 11 * SECOND), (cut[1], 8 * SECOND))
    bench.flush(13 * SECOND)
    assert 8 * SECOND == watermarks(bench)[-1]
    bench((cut[0], 14 * SECOND))
    bench.flush(14 * SECOND)
    bench((behind[0], 14 * SECOND))
    bench.flush(15 * SECOND)
    assert [9 * SECOND, 10 * SECOND] == watermarks(bench)[-2:]
    reached = ABSENT
    for rows in bench.emitted:
        assert all(int(t) >= reached for t in rows.values["time"])
        reached = max(reached, rows.watermark_ns)
