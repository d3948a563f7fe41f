"""DNS messages and names, beside dpkt where it reads them, and by hand where it does not."""

import struct
from ipaddress import ip_address

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.child.dns_messages import message, name, pointer, record, response
from tmon_probe.child.dns.message import MAX_ANSWER, read_message
from tmon_probe.child.dns.names import DnsError, read_name, skip_name
from tmon_probe.child.dns.registry import class_name, opcode_name, rcode_name, type_name

LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=8).filter(lambda labels: sum(map(len, labels)) + len(labels) < 255)
HOSTS = st.lists(st.text("abcxyz019-", min_size=1, max_size=12), min_size=1, max_size=6).map(".".join)
QUESTION = 12 + len(name(b"example", b"net")) + 4
"""Where the answers of a `message` begin."""


def unescaped(text: str) -> list[bytes]:
    """Labels of a name as RFC 1035 section 5.1 writes it: the slow, obvious way."""
    labels, label, at = [], bytearray(), 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1].isdigit():
            label.append(int(text[at + 1 : at + 4]))
            at += 4
        elif text[at] == "\\":
            label += text[at + 1].encode("ascii")
            at += 2
        elif text[at] == ".":
            labels.append(bytes(label))
            label = bytearray()
            at += 1
        else:
            label += text[at].encode("ascii")
            at += 1
    return [*labels, bytes(label)]


@given(LABELS)
def test_names_are_told_apart(labels):
    """The text gives back every octet, letters in small; it ends where the name ends."""
    octets = b"before" + name(*labels) + b"after"
    text, end = read_name(octets, 6)
    assert len(octets) - 5 == end == skip_name(octets, 6)
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text
    assert [label.lower() for label in labels] == (unescaped(text) if labels else [])
    assert bool(labels) == (text != ".")


@pytest.mark.parametrize(("octets", "reason"), [
    (pointer(0), "pointer"),
    (pointer(2) + b"\1a\0", "pointer"),
    (b"\1a" + pointer(0), "pointer"),
    (pointer(16383), "pointer"),
    (b"\xc0", "cut"),
    (b"\1", "cut"),
    (b"\3ab", "cut"),
    (b"", "cut"),
    (b"\x40a\0", "label type"),
    (b"\x80", "label type"),
    (b"\x3f" + b"a" * 63 + (b"\x3f" + b"b" * 63) * 3 + b"\0", "name too long"),
])
def test_names_that_are_none(octets, reason):
    """Loops, pointers ahead, what ends early, what is too long, label types that never came into use (RFC 6891 section 5)."""
    with pytest.raises(DnsError, match=reason):
        read_name(octets, 0)


def test_two_names_that_point_at_each_other():
    """RFC 9267 section 2: the second pointer does not lead further back."""
    octets = b"\1a" + pointer(4) + b"\1b" + pointer(0)
    for at in (0, 4):
        with pytest.raises(DnsError, match="pointer"):
            read_name(octets, at)


def test_the_longest_name():
    """255 octets are allowed, length octets and root among them."""
    octets = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"b" * 61 + b"\0"
    assert 255 == len(octets)
    assert ".".join(["a" * 63] * 3 + ["b" * 61]) == read_name(octets, 0)[0]


def test_a_chain_of_pointers_ends():
    """However many there are, the work is bounded; a few are fine."""
    chain = b"\1a\0" + b"".join(pointer(0 if i == 0 else 1 + 2 * i) for i in range(1000))
    assert ("a", 3 + 2 * 50) == read_name(chain, 3 + 2 * 49)
    with pytest.raises(DnsError, match="pointer"):
        read_name(chain, len(chain) - 2)


TYPES = st.sampled_from(("A", "AAAA", "NS", "CNAME", "PTR", "MX", "SRV", "TXT", "SOA"))


@given(HOSTS, HOSTS, st.lists(st.tuples(TYPES, HOSTS, st.integers(0, 65535), st.integers(0, 1 << 31)), max_size=8),
       st.integers(0, 15), st.booleans(), st.booleans())
def test_messages_that_dpkt_writes(host, owner, answers, rcode, truncated, authoritative):
    """Names compressed by it, records of every type that it knows."""
    written = dpkt.dns.DNS(id=4711, qd=[dpkt.dns.DNS.Q(name=host, type=28)])
    written.qr, written.rcode, written.tc, written.aa = 1, rcode, truncated, authoritative
    expected = []
    for type_, target, number, ttl in answers:
        rr = dpkt.dns.DNS.RR(name=owner, type=getattr(dpkt.dns, f"DNS_{type_}"), ttl=ttl)
        address = ip_address(number) if type_ == "A" else ip_address((0x20010DB8 << 96) + number)
        if type_ in ("A", "AAAA"):
            setattr(rr, "ip" if type_ == "A" else "ip6", address.packed)
            expected.append(str(address))
        elif type_ in ("NS", "CNAME", "PTR"):
            setattr(rr, {"NS": "nsname", "CNAME": "cname", "PTR": "ptrname"}[type_], target)
            expected.append(target)
        elif type_ == "MX":
            rr.preference, rr.mxname = number, target
            expected.append(f"{number} {target}")
        elif type_ == "SRV":
            rr.priority, rr.weight, rr.port, rr.srvname = 1, number, 5060, target
            expected.append(f"1 {number} 5060 {target}")
        elif type_ == "TXT":
            rr.text = [b"v=spf1 -all", target.encode()]
            expected.append(f'"v=spf1 -all" "{target}"')
        else:
            rr.mname, rr.rname, rr.serial, rr.refresh, rr.retry, rr.expire, rr.minimum = target, host, number, 2, 3, 4, 5
            expected.append(f"{target} {host} {number} 2 3 4 5")
        written.an.append(rr)
    found = read_message(bytes(written))
    text = "; ".join(expected)
    assert ("", 4711, True, 0) == (found.fault, found.id, found.response, found.opcode)
    assert ((host, 28, 1), rcode, truncated, authoritative) == (found.question, found.rcode, found.truncated, found.authoritative)
    assert len(answers) == found.answers
    assert len(found.answer) <= MAX_ANSWER
    assert text == found.answer or (found.answer.endswith("…") and text.startswith(found.answer[:-1]) and len(text) > 50)
    assert min((0 if ttl >> 31 else ttl for *_, ttl in answers), default=None) == found.ttl


@pytest.mark.parametrize(("type_", "rdata", "text"), [
    (257, b"\0\5issueletsencrypt.org", '0 issue "letsencrypt.org"'),
    (43, struct.pack("!HBB", 31589, 8, 2) + b"\xcd\xe0", "31589 8 2 cde0"),
    (39, name(b"example", b"org"), "example.org"),
    (65, b"\0\1\0\0\1\0\3\2h2", "1 ."),
    (16, b'\4a"\\;\2\0\xff', '"a\\"\\\\;" "\\000\\255"'),
    (5, name(b"a;b", b"c.d", b"E f"), "a\\;b.c\\.d.e\\032f"),
    (46, b"\0\1\5", "RRSIG"),
    (65280, b"\1\2\3", "TYPE65280"),
    (1, b"", "A"),
])
def test_records_of_other_types(type_, rdata, text):
    """As master files write them; rare ones by the name of their type; empty ones as in updates (RFC 2136)."""
    found = read_message(response(record(pointer(12), type_, rdata)))
    assert ("", text) == (found.fault, found.answer)


def test_extended_rcode():
    """The upper eight bits are in the OPT record (RFC 6891 section 6.1.3): BADVERS is 16."""
    options = record(b"\0", 41, b"", class_=1232, ttl=1 << 24)
    assert "BADVERS" == rcode_name(read_message(message(flags=0x8000, sections=([], [], [options]))).rcode)
    assert "BADCOOKIE" == rcode_name(read_message(message(flags=0x8007, sections=([], [], [options]))).rcode)


@pytest.mark.parametrize("rdata", [b"\1\2\3", b"\1\2\3\4\5"])
def test_a_broken_record_among_good_ones(rdata):
    """It is told as a fault, the others are read."""
    good, other = record(pointer(12), 1, b"\1\2\3\4"), record(pointer(12), 1, b"\5\6\7\x08")
    found = read_message(response(good, record(pointer(12), 1, rdata), other))
    assert ("address", "1.2.3.4; 5.6.7.8", 3) == (found.fault, found.answer, found.answers)


@pytest.mark.parametrize("rdata", [b"\0\x0a" + name(b"a" * 10)[:-4], b"\0", b"\0\x0a" + pointer(43)])
def test_names_must_end_within_their_record(rdata):
    """An MX whose name runs into the next record, or points ahead, is broken."""
    found = read_message(response(record(pointer(12), 15, rdata), record(pointer(12), 1, b"\5\6\7\x08")))
    assert found.fault
    assert "5.6.7.8" == found.answer


def test_more_records_than_there_are():
    """Counts that lie: what is there is read, the rest is a fault, unless the datagram was cut by the capture."""
    octets = bytearray(response(record(pointer(12), 1, b"\1\2\3\4")))
    octets[6:8] = struct.pack("!H", 65535)
    assert ("cut", "1.2.3.4", 65535) == tuple(getattr(read_message(bytes(octets)), n) for n in ("fault", "answer", "answers"))
    assert ("", "1.2.3.4") == tuple(getattr(read_message(bytes(octets), cut=True), n) for n in ("fault", "answer"))


@pytest.mark.parametrize("octets", [b"", b"\0" * 11, message()[:-1], message()[:14], message(question=b"\xc0\x0c")])
def test_what_is_no_message(octets):
    """No header, or no whole question."""
    with pytest.raises(DnsError):
        read_message(octets)


def test_without_a_question():
    """A server that could not read it answers so."""
    assert read_message(message(flags=0x8001, question=b"")).question is None


def test_names_of_numbers():
    """Those without a name have their number: RFC 3597."""
    assert ("AAAA", "TYPE65280") == (type_name(28), type_name(65280))
    assert ("IN", "CLASS9") == (class_name(1), class_name(9))
    assert ("UPDATE", "OPCODE15") == (opcode_name(5), opcode_name(15))
    assert ("NXDOMAIN", "RCODE3000") == (rcode_name(3), rcode_name(3000))


class Counting(bytes):
    """Counts how often something is taken out."""

    taken = 0

    def __getitem__(self, key):
        Counting.taken += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("type_", [5, 6, 16])
@pytest.mark.parametrize("broken", [False, True])
def test_work_is_bounded(type_, broken):
    """The nastiest message of 64 KiB takes work in proportion to its length: thousands of records whose names lead through as many
    labels as they can, or through pointers that are told to be broken in the end."""
    labels = b"".join(b"\1a" for _ in range(126)) + b"\0"
    chain = 12 + len(labels) + 10  # in the data of the first record, behind its name
    pointers = b"".join(pointer(12 if i == 0 else chain + 2 * (i - 1)) for i in range(120))
    first = record(labels, 99, pointers)
    target = pointer(chain + 2 * 119)
    one = record(b"\0", type_, {5: target, 6: target * 2 + bytes(20), 16: b"\0" * 30}[type_] + (b"x" if broken else b""))
    answers = [*[one] * ((65_000 - len(first)) // len(one))]
    octets = Counting(message(question=b"", flags=0x8000, sections=([first, *answers], [], [])))
    Counting.taken = 0
    found = read_message(octets)
    assert Counting.taken < 3 * len(octets)
    if type_ != 16 and not broken:
        assert "a.a.a." in found.answer
