"""Readers of DNS, SNMP and NTP give what slow twins and dpkt read, on sound, changed, cut and random octets, and read no others."""

import dpkt
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.oracles import round_trip_twins as twins
from tests.oracles.round_trip_twins import Octets, role_of
from tmon_probe.child.round_trips import ber, message
from tmon_probe.child.round_trips.dns import read_dns
from tmon_probe.child.round_trips.ntp import read_ntp
from tmon_probe.child.round_trips.snmp import read_snmp

ROLES = {message.NOTHING: "nothing", message.REQUEST: "request", message.ANSWER: "answer", message.MALFORMED: "malformed",
         message.CUT: "cut"}
SEED = np.uint64(0x123456789ABCDEF)
BEFORE = 7
NASTY = (0, 1, 2, 4, 0x30, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xA2, 0xC0, 0xFF)


def call(reader, o: Octets, *arguments) -> tuple:
    """Twice: where nothing lies around the octets, so that bounds checking finds who looks there, and amid others."""
    alone = np.frombuffer(o.captured, np.uint8).reshape(1, -1)
    amid = np.frombuffer(bytes(BEFORE) + o.captured + b"\x01" * 300, np.uint8).reshape(1, -1)
    found = [reader(data, 0, at, at + o.declared, at + len(o.captured), *arguments) for data, at in ((alone, 0), (amid, BEFORE))]
    assert found[0] == found[1]
    role, *rest = found[0]
    name = ROLES[int(role)]
    return (name, *(int(x) for x in rest)) if name in ("request", "answer") else (name,)


def changed(draw, octets: bytes) -> Octets:
    """Some octets changed, some cut off by the sender, some by the capture."""
    octets = bytearray(octets)
    for _ in range(draw(st.integers(0, 3))):
        if octets:
            at = draw(st.integers(0, min(len(octets), 80) - 1))
            octets[at] = draw(st.sampled_from((*NASTY, octets[at] ^ 0x20)))
    declared = draw(st.one_of(st.just(len(octets)), st.integers(0, len(octets) + 3)))
    captured = min(declared, len(octets), draw(st.one_of(st.just(declared), st.integers(0, len(octets)))))
    return Octets(bytes(octets[:captured]), declared)


def tlv(tag: int, contents: bytes, long_form: int = 0) -> bytes:
    """long_form: octets of the length; 0: as few as will do."""
    size = len(contents)
    if not long_form and size < 128:
        return bytes([tag, size]) + contents
    octets = max(long_form, (size.bit_length() + 7) // 8)
    return bytes([tag, 128 | octets]) + size.to_bytes(octets, "big") + contents


def integer(value: int) -> bytes:
    return tlv(2, value.to_bytes(max((value.bit_length() + 8) // 8, 1), "big", signed=True))


@st.composite
def snmp_messages(draw) -> bytes:
    """Of all versions, sound."""
    version, long_form = draw(st.sampled_from((0, 1, 3))), draw(st.integers(0, 4))
    request_id = draw(st.integers(-(2**31), 2**31 - 1))
    bindings = tlv(0x30, bytes(draw(st.integers(0, 200))))
    body = integer(request_id) + integer(draw(st.integers(0, 18))) + integer(0) + bindings
    pdu = tlv(draw(st.integers(0xA0, 0xA8)), body, long_form)
    if version < 3:
        return tlv(0x30, integer(version) + tlv(4, b"public") + pdu, long_form)
    flags = draw(st.integers(0, 7))
    header = tlv(0x30, integer(draw(st.integers(0, 2**31 - 1))) + integer(65507) + tlv(4, bytes([flags])) + integer(3))
    scoped = tlv(0x30, tlv(4, bytes(9)) + tlv(4, b"") + pdu)
    return tlv(0x30, integer(3) + header + tlv(4, bytes(draw(st.integers(0, 60)))) + (tlv(4, scoped) if flags & 2 else scoped))


@st.composite
def dns_messages(draw) -> bytes:
    labels = draw(st.lists(st.text("abcXYZ-019", min_size=1, max_size=63), max_size=5))
    name = ".".join(labels)
    made = dpkt.dns.DNS(id=draw(st.integers(0, 65535)), qr=draw(st.integers(0, 1)), opcode=draw(st.integers(0, 5)),
                        rcode=draw(st.integers(0, 15)))
    made.qd = [dpkt.dns.DNS.Q(name=name, type=draw(st.integers(1, 300)))] * draw(st.integers(0, 2))
    return bytes(made)


@st.composite
def octets(draw, messages) -> Octets:
    return changed(draw, draw(st.one_of(messages, st.binary(max_size=90))))


@given(octets(dns_messages()))
@example(Octets(bytes(11), 11))
@example(Octets(bytes(5) + b"\1" + bytes(6) + b"\xc0\x0c" + bytes(4), 18))  # a name that points to itself
@example(Octets(bytes(5) + b"\1" + bytes(6) + (b"\x3f" + bytes(63)) * 4 + bytes(5), 12 + 261))  # a name too long
def test_dns_as_the_twin_reads_it(o):
    """Role, id and response code; a question exactly where the twin sees one."""
    expected = role_of(twins.dns, o)
    found = call(read_dns, o, SEED)
    if expected[0] in ("request", "answer"):
        expected = (*expected[:2], expected[2] is not None, expected[3])
        found = (*found[:2], found[2] != 0, found[3])
    assert expected == found


@given(st.lists(octets(dns_messages()), min_size=2, max_size=6))
def test_dns_questions_are_equal_where_the_twins_are(many):
    """Two hashes are equal exactly if opcode, name in small letters, type and class are."""
    pairs = [(role_of(twins.dns, o), call(read_dns, o, SEED)) for o in many]
    known = [(e[2], found[2]) for e, found in pairs if e[0] in ("request", "answer") and e[2] is not None]
    for a, b in known:
        for c, d in known:
            assert (a == c) == (b == d)


@given(dns_messages())
def test_dns_as_dpkt_reads_it(payload):
    made, found = dpkt.dns.DNS(payload), call(read_dns, Octets(payload, len(payload)), SEED)
    assert ("answer" if made.qr else "request", made.id, made.rcode if made.qr else 0) == (found[0], found[1], found[3])


def test_dns_names_in_any_case():
    """Capitals do not make another question (RFC 4343), another letter, type, class or opcode does."""
    made = dpkt.dns.DNS(id=1, qd=[dpkt.dns.DNS.Q(name="www.Example.ORG", type=1)])
    small, plain = bytes(made).lower(), bytes(made)
    hashes = [call(read_dns, Octets(p, len(p)), SEED)[2] for p in (plain, small)]
    assert hashes[0] == hashes[1]
    for at in (2, 14, len(plain) - 3, len(plain) - 1):
        other = bytearray(plain)
        other[at] ^= 0x08 if at == 2 else 0x02
        assert call(read_dns, Octets(bytes(other), len(other)), SEED)[2] != hashes[0]


def question_of(label: bytes) -> int:
    """Hash of the question for a name of one label, as it stands in a query."""
    payload = bytes(5) + b"\1" + bytes(6) + bytes([len(label)]) + label + bytes(5)
    role, _, question, _ = call(read_dns, Octets(payload, len(payload)), SEED)
    assert role == "request"
    return question


@pytest.mark.parametrize("octet", range(256))
def test_dns_letters_alone_have_two_cases(octet):
    """A to Z are as a to z; every other octet is itself."""
    other = octet ^ 0x20
    assert (chr(octet).isascii() and chr(octet).isalpha()) == (question_of(bytes([octet])) == question_of(bytes([other])))


def test_dns_label_of_64_octets_is_none():
    """63 are the most (RFC 1035 section 2.3.4): the two high bits of the length say something else."""
    question_of(bytes(63))
    payload = bytes(5) + b"\1" + bytes(6) + b"\x40" + bytes(64) + bytes(5)
    assert ("malformed",) == call(read_dns, Octets(payload, len(payload)), SEED)


@pytest.mark.parametrize(("ports", "role"), [((4000, 162), "nothing"), ((161, 162), "nothing"), ((162, 162), "answer"),
                                             ((162, 4000), "answer"), ((161, 4000), "answer")])
def test_snmp_encrypted(ports, role):
    """Nobody may report on it, and its PDU cannot be read: what goes to the port of traps is a trap, unless it comes from there."""
    header = tlv(0x30, integer(77) + integer(65507) + tlv(4, b"\x03") + integer(3))
    payload = tlv(0x30, integer(3) + header + tlv(4, bytes(20)) + tlv(4, bytes(40)))
    assert role == call(read_snmp, Octets(payload, len(payload)), *ports)[0]


@given(octets(snmp_messages()), st.sampled_from(((40000, 161), (161, 40000), (40000, 162), (162, 40000), (161, 162), (162, 162))))
def test_snmp_as_the_twin_reads_it(o, ports):
    """Role, request-id or msgID, version and error-status, whatever the lengths say."""
    expected = role_of(twins.snmp, o, *ports)
    found = call(read_snmp, o, *ports)
    if expected[0] in ("request", "answer"):
        expected = (expected[0], expected[1] & (1 << 64) - 1, expected[2] + 1, expected[3])
    assert expected[0] == found[0]
    if expected[0] in ("request", "answer"):
        assert expected == found


@given(st.binary(max_size=12), st.integers(0, 14))
def test_ber_elements_stay_within(contents, end):
    """An element's contents lie in the element that encloses it, or it is malformed or cut."""
    o = Octets(contents[:end], end)
    data = np.frombuffer(o.captured, np.uint8).reshape(1, -1)
    status, tag, begin, stop = ber.element(data, 0, 0, end, len(o.captured))
    expected = role_of(twins.element, o, 0, end)
    assert {"malformed": message.MALFORMED, "cut": message.CUT}.get(expected[0], message.NOTHING) == status
    if status == message.NOTHING:
        assert expected == (tag, begin, stop)
        assert 2 <= begin <= stop <= end


@pytest.mark.parametrize(("value", "octets"), [(0, "020100"), (-1, "0201ff"), (127, "02017f"), (128, "02020080"), (-128, "020180"),
                                               (-129, "0202ff7f"), (2**31 - 1, "02047fffffff"), (1, "02840000000101"),
                                               (None, "0200"), (None, "0209000000000000000001"), (None, "0280"), (None, "0285")])
def test_ber_integers(value, octets):
    """X.690 section 8.3, by hand; no octets, more than eight, and lengths without end or too long are malformed."""
    data = np.frombuffer(bytes.fromhex(octets), np.uint8).reshape(1, -1)
    status, found, _ = ber.integer(data, 0, 0, data.shape[1], data.shape[1])
    assert (message.MALFORMED if value is None else message.NOTHING) == status
    assert (value or 0) == found


@st.composite
def ntp_messages(draw) -> bytes:
    head = draw(st.integers(0, 255))
    stamps = [draw(st.sampled_from((0, 1, 2**63, 2**64 - 1))).to_bytes(8, "big") for _ in range(4)]
    return bytes([head]) + bytes(15) + b"".join(stamps) + bytes(draw(st.sampled_from((0, 20))))


@given(octets(ntp_messages()))
def test_ntp_as_the_twin_reads_it(o):
    assert role_of(twins.ntp, o) == call(read_ntp, o)
