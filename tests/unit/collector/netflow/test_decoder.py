"""Datagrams into flow records, by the RFCs: built by hand here, read by the decoder."""

import struct

import numpy as np
import pytest

from tests.unit.collector.netflow.make import (
    EXPORT_S,
    NOW_NS,
    PLAIN,
    a_set,
    ipfix,
    options,
    packed,
    plain,
    template,
    v5,
    v5_record,
    v9,
)
from tests.unit.collector.netflow.reader import Reader, counts
from tmon_collector.netflow.bounds import LONGEST_MS, MAX_AHEAD_MS
from tmon_collector.netflow.early_sets import LIFETIME_NS, MAX_OCTETS
from tmon_collector.netflow.sessions import (
    MAX_EXPORTERS,
    MAX_SESSIONS,
    MAX_TEMPLATES,
    TEMPLATE_LIFETIME_NS,
)

EXPORT_MS = EXPORT_S * 1000
REVERSE = 29305


def ends(flow):
    return int(flow["start_ms"]), int(flow["end_ms"])


def test_v5(read):
    """Every field in its place; times are uptimes."""
    (flow,) = read(v5(v5_record()))
    assert (0, 0xFFFF_0A00_0001) == tuple(flow["src_addr"])
    assert (0, 0xFFFF_0A00_0002) == tuple(flow["dst_addr"])
    assert (17, 40000, 53, 1000, 3, 0) == tuple(int(flow[n]) for n in ("protocol", "src_port", "dst_port", "octets", "packets",
                                                                       "exporter"))
    assert (EXPORT_MS + 250 - 10_000, EXPORT_MS + 250 - 5_000) == ends(flow)


def test_v5_uptime_that_wraps(read):
    """The flow began before the wrap of 2^32 ms, the datagram left after it; one that ended a little after the header was made."""
    first, second = read(v5(v5_record(first=2**32 - 1000, last=500), v5_record(first=900, last=1200), uptime_ms=1000))
    assert (EXPORT_MS + 250 - 2000, EXPORT_MS + 250 - 500) == ends(first)
    assert (EXPORT_MS + 250 - 100, EXPORT_MS + 250 + 200) == ends(second)


@pytest.mark.parametrize("datagram", [
    b"", b"\0", v5(v5_record())[:-1], v5(v5_record(), count=0), v5(v5_record(), count=31), v5(v5_record(), count=2), v5()[:20],
    v9()[:19], ipfix()[:15], ipfix(a_set(2))[:-1], struct.pack("!HH", 7, 1) + bytes(60), bytes(2000)])
def test_what_is_no_datagram_of_an_exporter(read, datagram):
    assert len(read(datagram)) == 0
    assert sum(read.bad.values()) == 1


def test_ipfix(read):
    flows = read(ipfix(a_set(2, template(256)), a_set(256, plain(), plain(octets=7, packets=1))))
    assert [(1000, 3), (7, 1)] == counts(flows)
    assert (EXPORT_MS - 2000, EXPORT_MS - 1000) == ends(flows[0])
    assert read.bad == {}


def test_v9_with_padding_and_unknown_fields(read):
    """Fields of other meaning are stepped over wherever they stand; what is left of a set is padding."""
    fields = ((10, 2), (8, 4), (70, 3), (12, 4), (4, 1), (56, 6), (7, 2), (11, 2), (1, 4), (57000, 5), (2, 4), (22, 4), (21, 4),
              (58, 2))
    record = b"if" + packed("10.0.0.1") + b"mpl" + packed("10.0.0.2") + b"\6" + b"macmac" + struct.pack("!HHI", 80, 50000, 99) + (
        b"vendo") + struct.pack("!III", 9, 999_000, 999_500) + b"vl"
    (flow,) = read(v9(a_set(0, template(300, fields)), a_set(300, record, padding=3)))
    assert (6, 80, 50000, 99, 9) == tuple(int(flow[n]) for n in ("protocol", "src_port", "dst_port", "octets", "packets"))
    assert (EXPORT_MS - 1000, EXPORT_MS - 500) == ends(flow)
    assert read.bad == {}


def test_several_templates_in_a_set_and_two_sets_in_a_template(read):
    flows = read(ipfix(a_set(2, template(256), template(257, PLAIN[:-2])), a_set(257, plain(octets=5)[:-16]), a_set(256, plain()),
                       a_set(257, plain(octets=6)[:-16])))
    assert sorted(counts(flows)) == [(5, 3), (6, 3), (1000, 3)]
    untold = [ends(f) for f in flows if f["octets"] < 10]
    assert untold == [(EXPORT_MS, EXPORT_MS)] * 2
    assert read.statistics.misdated["untold"] == 2


def test_fields_of_enterprises(read):
    """Stepped over, though their number is that of an element that is known."""
    fields = ((1, 8, 4242), *PLAIN, (2, 3, 29306))
    (flow,) = read(ipfix(a_set(2, template(256, fields)), a_set(256, bytes(8), plain(), b"xyz")))
    assert [(1000, 3)] == counts([flow])


def test_fields_of_variable_length(read):
    """Short and long form (RFC 7011 section 7), before and behind what is used; and padding."""
    fields = ((371, 0xFFFF), *PLAIN, (96, 0xFFFF))
    texts = (b"", b"abc", b"x" * 254, b"y" * 255, b"z" * 700)

    def variable(text):
        return (bytes([len(text)]) if len(text) < 255 else struct.pack("!BH", 255, len(text))) + text

    records = [variable(a) + plain(octets=100 * i + j + 1) + variable(b) for i, a in enumerate(texts) for j, b in enumerate(texts)]
    flows = read(ipfix(a_set(2, template(256, fields)), a_set(256, *records, padding=3)))
    assert [100 * i + j + 1 for i in range(5) for j in range(5)] == flows["octets"].tolist()
    flows = read(ipfix(a_set(256, records[0], variable(b"abc"), plain(), b"\xff\xff\xff"), sequence=25))
    assert [1] == flows["octets"].tolist()  # the second does not fit: it is none


@pytest.mark.parametrize(("octets", "content", "expected"), [
    (1, b"\xff", 255), (2, b"\1\0", 256), (3, b"\1\0\0", 65536), (5, b"\1\0\0\0\0", 1 << 32),
    (8, (1 << 50).to_bytes(8, "big"), 1 << 50)])
def test_numbers_shorter_than_usual(read, octets, content, expected):
    """Reduced size (RFC 7011 section 6.2)."""
    (flow,) = read(ipfix(a_set(2, template(256, (*PLAIN[:5], (1, octets), *PLAIN[6:]))), a_set(256, plain()[:13], content,
                                                                                             plain()[21:])))
    assert expected == flow["octets"]


def test_ipv6_beside_ipv4(read):
    """In templates of their own, and in one that has room for both."""
    both = ((8, 4), (12, 4), (27, 16), (28, 16), (4, 1), (1, 8))
    six = packed("2001:db8::1"), packed("2001:db8::2")
    flows = read(ipfix(
        a_set(2, template(256, both), template(257, ((27, 16), (28, 16), (4, 1), (1, 8)))),
        a_set(257, *six, b"\6", (5).to_bytes(8, "big")),
        a_set(256, bytes(8), *six, b"\6", (6).to_bytes(8, "big"), packed("10.0.0.1"), packed("10.0.0.2"), bytes(32), b"\6",
              (7).to_bytes(8, "big"))))
    found = {int(f["octets"]): tuple(f["src_addr"].astype(np.uint64).tolist()) for f in flows}
    assert {5: (0x2001_0DB8 << 32, 1), 6: (0x2001_0DB8 << 32, 1), 7: (0, 0xFFFF_0A00_0001)} == found


def test_templates_are_of_exporter_and_domain(read):
    """The same number elsewhere is another template, or none."""
    read(ipfix(a_set(2, template(256)), domain=1))
    assert len(read(ipfix(a_set(256, plain()), domain=2))) == 0
    assert len(read(ipfix(a_set(256, plain()), domain=1), address="192.0.2.2")) == 0
    assert len(read(v9(a_set(256, plain()), domain=1))) == 0
    assert read.bad == {"no_template": 3}
    assert len(read(ipfix(a_set(256, plain()), domain=1))) == 1


def test_data_before_their_template(read):
    """Wait for it: in order, with the times of their own messages; not longer than LIFETIME_NS; each number has its template."""
    fields = (*PLAIN[:7], (22, 4), (21, 4))
    record = plain()[:-16] + struct.pack("!II", 999_000, 999_500)
    assert len(read(v9(a_set(256, record), sequence=0, uptime_ms=1_000_000), v9(a_set(257, record), sequence=1))) == 0
    assert len(read(v9(a_set(256, record), sequence=2, uptime_ms=1_001_000, export_s=EXPORT_S + 1))) == 0
    assert read.decoder.early.waiting == 3
    told = a_set(0, template(256, fields))
    flows = read(v9(told, a_set(256, record), sequence=3, uptime_ms=1_007_000, export_s=EXPORT_S + 7))
    assert [(EXPORT_MS - 1000, EXPORT_MS - 500)] * 3 == [ends(f) for f in flows]
    assert len(read(v9(a_set(0, template(257, fields)), sequence=4), now_ns=NOW_NS + LIFETIME_NS + 1)) == 0
    assert read.bad == {"no_template": 1}
    assert read.statistics.lost == 0


def test_data_before_their_template_are_bounded(read):
    """In octets; they go with a new start of the exporter."""
    content = plain() * 30
    for i in range(2 * MAX_OCTETS // len(content)):
        read(v9(a_set(256 + i % 500, content), sequence=i))
    early = read.decoder.early
    assert MAX_OCTETS * 0.7 < early.waiting * len(content) < MAX_OCTETS
    read(v9(a_set(256, content), sequence=0, uptime_ms=5))
    assert early.waiting == 1
    assert read.bad == {"no_template": 2 * MAX_OCTETS // len(content) + 1}


def test_a_template_that_is_told_anew(read):
    """The last one counts, for what comes behind it in the same datagram, too."""
    other = (*PLAIN[:5], (2, 8), (1, 4), *PLAIN[7:])
    flows = read(ipfix(a_set(2, template(256)), a_set(256, plain()), a_set(2, template(256, other)), a_set(256, plain())))
    assert [(1000, 3), (3, 1000)] == counts(flows)


def test_withdrawn_templates(read):
    """One, or all (RFC 7011 section 8.1)."""
    read(ipfix(a_set(2, template(256), template(257), template(258))))
    assert len(read(ipfix(a_set(2, struct.pack("!HH", 256, 0)), a_set(256, plain()), a_set(257, plain())))) == 1
    assert len(read(ipfix(a_set(2, struct.pack("!HH", 2, 0)), a_set(257, plain()), a_set(258, plain())))) == 0
    assert read.bad == {"no_template": 3}


def test_templates_expire(read):
    """Heard again in time, a template lives on."""
    read(ipfix(a_set(2, template(256))))
    read(ipfix(a_set(2, template(256))), now_ns=NOW_NS + TEMPLATE_LIFETIME_NS)
    assert len(read(ipfix(a_set(256, plain())), now_ns=NOW_NS + 2 * TEMPLATE_LIFETIME_NS)) == 1
    assert len(read(ipfix(a_set(256, plain())), now_ns=NOW_NS + 2 * TEMPLATE_LIFETIME_NS + 1)) == 0


@pytest.mark.parametrize("content", [
    template(255), template(256)[:-1], template(256, ()), template(256, ((1, 0), (2, 0))), template(256, ((1, 4, 9),))[:-2],
    struct.pack("!HH", 256, 0xFFFF)])
def test_templates_that_are_not_sound(read, content):
    if content == template(256, ()):  # a withdrawal
        assert len(read(ipfix(a_set(2, content)))) == 0
        return
    read(ipfix(a_set(2, content)))
    assert read.bad == {"template": 1}


def test_sets_that_lie(read):
    """About their length: what stands before counts. Numbers that are reserved: stepped over."""
    read(ipfix(a_set(2, template(256))))
    assert len(read(ipfix(a_set(256, plain()), struct.pack("!HH", 256, 3)))) == 1
    assert len(read(ipfix(a_set(256, plain()), struct.pack("!HH", 256, 900)))) == 1
    assert len(read(ipfix(a_set(100, b"what"), a_set(256, plain())))) == 1
    assert read.bad == {"length": 2, "unknown_set": 1}


def test_records_of_other_things(read):
    """That count nothing, or know no addresses: no flows, and told."""
    read(ipfix(a_set(2, template(256, ((8, 4), (12, 4), (230, 1))), template(257, ((10, 4), (1, 8)))),
               a_set(256, bytes(9), bytes(9)), a_set(257, bytes(12))))
    assert read.bad == {"not_flows": 3}


def test_flows_of_nothing_and_beyond_measure(read):
    flows = read(ipfix(a_set(2, template(256)), a_set(256, plain(octets=0, packets=0), plain(octets=1 << 63), plain(octets=1 << 53),
                                                      plain(octets=0, packets=1))))
    assert [(1 << 53, 3), (0, 1)] == counts(flows)
    assert read.bad == {"empty": 1, "absurd": 1}


def test_both_directions_of_a_biflow(read):
    """RFC 5103: the reverse is a flow of its own, source and destination exchanged; not if nothing went."""
    fields = (*PLAIN, (1, 8, REVERSE), (2, 4, REVERSE))
    flows = read(ipfix(a_set(2, template(256, fields)), a_set(
        256, plain(), struct.pack("!QI", 50, 2), plain(octets=8), struct.pack("!QI", 0, 0), plain(octets=0, packets=0),
        struct.pack("!QI", 60, 1))))
    found = {(int(f["octets"]), int(f["packets"]), int(f["src_addr"][1]) & 0xFF, int(f["src_port"])) for f in flows}
    assert found == {(1000, 3, 1, 40000), (50, 2, 2, 53), (8, 3, 1, 40000), (60, 1, 2, 53)}
    assert read.bad == {}


def test_totals_where_there_are_no_deltas(read):
    fields = ((8, 4), (12, 4), (4, 1), (85, 8), (86, 8))
    flows = read(ipfix(a_set(2, template(256, fields)), a_set(256, packed("10.0.0.1"), packed("10.0.0.2"), b"\6",
                                                              struct.pack("!QQ", 40, 1))))
    assert [(40, 1)] == counts(flows)


# ---- times

def ntp(ms):
    return struct.pack("!II", (ms // 1000 + 2_208_988_800) % 2**32, ((ms % 1000) * 2**32 + 999) // 1000)


@pytest.mark.parametrize(("fields", "values"), [
    (((150, 4), (151, 4)), struct.pack("!II", EXPORT_S - 5, EXPORT_S - 3)),
    (((152, 8), (153, 8)), struct.pack("!QQ", EXPORT_MS - 5000, EXPORT_MS - 3000)),
    (((154, 8), (155, 8)), ntp(EXPORT_MS - 5000) + ntp(EXPORT_MS - 3000)),
    (((156, 8), (157, 8)), ntp(EXPORT_MS - 5000) + ntp(EXPORT_MS - 3000)),
    (((158, 4), (159, 4)), struct.pack("!II", 5_000_000, 3_000_000)),
    (((160, 8), (22, 4), (21, 4)), struct.pack("!QII", EXPORT_MS - 60_000, 55_000, 57_000)),
    (((152, 8), (161, 4)), struct.pack("!QI", EXPORT_MS - 5000, 2000)),
    (((152, 8), (162, 4)), struct.pack("!QI", EXPORT_MS - 5000, 2_000_000)),
    (((153, 8), (161, 4)), struct.pack("!QI", EXPORT_MS - 3000, 2000))])
def test_ways_to_tell_when(read, fields, values):
    """IPFIX: seconds, milliseconds, NTP timestamps, before the export, since the exporter's start, with a duration."""
    flows = read(ipfix(a_set(2, template(256, (*PLAIN[:7], *fields))), a_set(256, plain()[:-16], values)))
    assert [(EXPORT_MS - 5000, EXPORT_MS - 3000)] == [ends(f) for f in flows]
    assert +read.statistics.misdated == {}


def test_uptimes_by_the_start_that_options_tell(read):
    """As softflowd does; before it is told the export time stands for both."""
    fields = (*PLAIN[:7], (22, 4), (21, 4))
    record = plain()[:-16] + struct.pack("!II", 55_000, 57_000)
    assert [(EXPORT_MS, EXPORT_MS)] == [ends(f) for f in read(ipfix(a_set(2, template(256, fields)), a_set(256, record)))]
    started = (EXPORT_MS - 60_000).to_bytes(8, "big")
    read(ipfix(a_set(3, options(257, ((143, 4),), ((160, 8),))), a_set(257, bytes(4), started), sequence=1))
    assert [(EXPORT_MS - 5000, EXPORT_MS - 3000)] == [ends(f) for f in read(ipfix(a_set(256, record), sequence=2))]


def test_times_that_cannot_be(read):
    """Moved and counted; volumes stay."""
    now_ms = NOW_NS // 1_000_000
    day = 86_400_000
    flows = read(ipfix(a_set(2, template(256)), a_set(
        256, plain(start_ms=now_ms + MAX_AHEAD_MS, end_ms=now_ms + MAX_AHEAD_MS),
        plain(start_ms=now_ms, end_ms=now_ms + MAX_AHEAD_MS + 1),
        plain(start_ms=5, end_ms=1005), plain(start_ms=now_ms - 3 * day, end_ms=now_ms), plain(start_ms=now_ms, end_ms=now_ms - 7),
        plain(start_ms=1 << 63, end_ms=(1 << 64) - 1))))
    assert [ends(f) for f in flows] == [
        (now_ms + MAX_AHEAD_MS, now_ms + MAX_AHEAD_MS), (now_ms - MAX_AHEAD_MS - 1, now_ms), (now_ms - 1000, now_ms),
        (now_ms - LONGEST_MS, now_ms), (now_ms - 7, now_ms - 7), (now_ms, now_ms)]
    assert +read.statistics.misdated == {"future": 2, "past": 1, "long": 1, "backwards": 1}
    assert [(1000, 3)] * 6 == counts(flows)


# ---- exporters

def test_exporters_have_names():
    """Several addresses may be one exporter."""
    read = Reader(names={"192.0.2.1": "west", "192.0.2.2": "west"})
    numbers = [int(read(v5(v5_record()), address=a)[0]["exporter"]) for a in ("192.0.2.1", "192.0.2.2", "192.0.2.3")]
    assert [0, 0, 1] == numbers
    assert ["west", "192.0.2.3"] == read.exporters.names


def test_too_many_exporters(read):
    for i in range(MAX_EXPORTERS + 3):
        read(v5(v5_record()), address=f"10.0.{i >> 8}.{i & 255}")
    assert read.bad == {"exporter": 3}
    assert read.statistics.records == MAX_EXPORTERS


def test_sessions_and_templates_are_bounded(read):
    """The session that was silent longest goes; a template too many is refused."""
    for domain in range(MAX_SESSIONS + 1):
        read(ipfix(a_set(2, template(256)), domain=domain), now_ns=NOW_NS + domain)
    assert len(read.decoder.sessions) == MAX_SESSIONS
    assert len(read(ipfix(a_set(256, plain()), domain=0), ipfix(a_set(256, plain()), domain=7))) == 1
    for number in range(300, 300 + MAX_TEMPLATES, 16):
        read(ipfix(a_set(2, *(template(n) for n in range(number, number + 16))), domain=7))
    assert read.bad == {"no_template": 1, "templates": 1}


def test_losses_and_restarts_are_told(read):
    """v9 counts datagrams, IPFIX records, v5 flows; a new start is no loss, and its templates are forgotten."""
    read(v9(a_set(0, template(256)), sequence=10), v9(a_set(256, plain()), sequence=14))
    read(ipfix(a_set(2, template(256)), a_set(256, plain(), plain()), sequence=0), ipfix(a_set(256, plain()), sequence=7))
    read(v5(v5_record(), v5_record(), sequence=5), v5(v5_record(), sequence=9))
    assert [("192.0.2.1 domain 0", "lost", 3), ("192.0.2.1 domain 0", "lost", 5), ("192.0.2.1 domain 0", "lost", 2)] == read.told
    assert read.statistics.lost == 10
    assert len(read(v9(a_set(256, plain()), sequence=1, uptime_ms=10))) == 0
    assert ("192.0.2.1 domain 0", "restart", 0) in read.told
    assert read.statistics.lost == 10
