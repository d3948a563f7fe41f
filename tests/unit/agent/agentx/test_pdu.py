"""Octets of AgentX PDUs, against examples and rules of RFC 2741."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_agent.agentx.encoding import (
    MAX_BINDINGS,
    MalformedPdu,
    PduReader,
    SearchRange,
    encode_bindings,
    encode_octets,
    encode_oid,
)
from tmon_agent.agentx.pdu import (
    HEADER_OCTETS,
    MAX_PAYLOAD_OCTETS,
    Pdu,
    Type,
    build,
    read_bindings,
    read_bulk,
    read_ranges,
    read_response,
    register_payload,
    response_payload,
    take_pdu,
)
from tmon_agent.agentx.values import END_OF_MIB_VIEW, Binding, Syntax, Value

SYS_DESCR = (1, 3, 6, 1, 2, 1, 1, 1, 0)
NUMBERS = st.integers(0, 2**32 - 1)
OIDS = st.lists(NUMBERS, max_size=20).map(tuple) | st.lists(NUMBERS, max_size=20).map(lambda more: (1, 3, 6, 1, 4, *more))
VALUES = st.one_of(
    st.builds(Value, st.just(Syntax.INTEGER), st.integers(-(2**31), 2**31 - 1)),
    st.builds(Value, st.sampled_from([Syntax.COUNTER32, Syntax.GAUGE32, Syntax.TIME_TICKS]), NUMBERS),
    st.builds(Value, st.just(Syntax.COUNTER64), st.integers(0, 2**64 - 1)),
    st.builds(Value, st.sampled_from([Syntax.OCTET_STRING, Syntax.OPAQUE]), st.binary(max_size=40)),
    st.builds(Value, st.just(Syntax.OBJECT_IDENTIFIER), OIDS),
    st.builds(Value, st.sampled_from([Syntax.NULL, Syntax.NO_SUCH_INSTANCE, Syntax.END_OF_MIB_VIEW])),
)


def test_identifier_of_the_rfc():
    """Section 5.1 shows sysDescr.0 with its prefix in an octet, and the null identifier as four octets of zero."""
    assert bytes.fromhex("04020000 00000001 00000001 00000001 00000000") == encode_oid(SYS_DESCR)
    assert bytes(4) == encode_oid(())


def test_identifier_without_prefix():
    """Section 5.1: what is not below 1.3.6.1, or has no room in an octet there, is written in full."""
    assert bytes.fromhex("02000100 00000001 00000002") == encode_oid((1, 2), include=True)
    assert bytes.fromhex("05000000 00000001 00000003 00000006 00000001 00000100") == encode_oid((1, 3, 6, 1, 256))


def test_strings_are_padded():
    """Section 5.3."""
    assert bytes.fromhex("00000005 68656c6c 6f000000") == encode_octets(b"hello")
    assert bytes.fromhex("00000000") == encode_octets(b"")


def test_registration_of_the_rfc():
    """Section 6.2.3's example: row 7 of ifTable, columns 1 to 22, as one range: range_subid 10, upper bound 22."""
    payload = register_payload((1, 3, 6, 1, 2, 1, 2, 2, 1, 1, 7), 10, 22)
    assert bytes.fromhex("007f0a00 06020000 00000001 00000002 00000002 00000001 00000001 00000007 00000016") == payload


@given(st.lists(st.builds(Binding, OIDS, VALUES), max_size=10))
def test_bindings_come_back(bindings):
    """What is written is read as the same."""
    assert tuple(bindings) == PduReader(encode_bindings(bindings), "!").bindings()


@given(st.lists(st.builds(Binding, OIDS, VALUES), max_size=4), NUMBERS, st.integers(1, 50))
def test_a_stream_falls_into_pdus(bindings, packet, piece):
    """Wherever the pieces of a stream end: each PDU comes once it is all there."""
    stream = b"".join(build(Type.RESPONSE, response_payload(bindings=bindings), session=n, packet=packet) for n in range(3))
    buffer, found = bytearray(), []
    for start in range(0, len(stream), piece):
        buffer += stream[start : start + piece]
        while pdu := take_pdu(buffer):
            found.append(pdu)
    assert ([0, 1, 2], not buffer) == ([p.session for p in found], True)
    assert [(packet, tuple(bindings))] * 3 == [(p.packet, read_response(p).bindings) for p in found]


def test_both_byte_orders():
    """Section 5: the flag of each PDU says which it is written in."""
    payload = struct.pack("<HHBBBxIBBBx", 1, 20, 1, 2, 1, 7, 0, 0, 0)
    buffer = bytearray(struct.pack("<BBBxIIII", 1, Type.GET_BULK, 0, 5, 6, 7, len(payload)) + payload)
    pdu = take_pdu(buffer)
    assert (5, 6, 7) == (pdu.session, pdu.transaction, pdu.packet)
    assert (1, 20, (SearchRange((1, 3, 6, 1, 2, 7), True, ()),)) == read_bulk(pdu)


@pytest.mark.parametrize("head", [
    struct.pack("!BBBxIIII", 2, 5, 0x10, 0, 0, 0, 0),
    struct.pack("!BBBxIIII", 1, 5, 0x10, 0, 0, 0, MAX_PAYLOAD_OCTETS + 4),
    struct.pack("!BBBxIIII", 1, 5, 0x10, 0, 0, 0, 6),
])
def test_streams_that_cannot_be_read_on(head):
    """Another version, a length beyond what there can be, or one that is no multiple of four."""
    with pytest.raises(MalformedPdu):
        take_pdu(bytearray(head))


@given(st.binary(max_size=120), st.sampled_from(Type))
def test_any_payload_is_read_or_malformed(payload, kind):
    """Nothing else happens, and it takes no more memory than the octets are worth."""
    pdu = Pdu(kind, 1, 1, 1, payload)
    for read in (read_ranges, read_bulk, read_bindings, read_response):
        with suppress(MalformedPdu):
            read(pdu)


def test_names_are_bounded():
    """A PDU of a million octets has no more names than there is a use for."""
    with pytest.raises(MalformedPdu, match="more than"):
        PduReader(encode_bindings([Binding((), END_OF_MIB_VIEW)] * (MAX_BINDINGS + 1)), "!").bindings()


def test_header():
    """Section 6.1: 20 octets, network byte order."""
    pdu = build(Type.PING, session=1, transaction=2, packet=3)
    assert bytes.fromhex("010d1000 00000001 00000002 00000003 00000000") == pdu
    assert HEADER_OCTETS == len(pdu)
