"""AgentX PDUs (RFC 2741 section 6): those that a sub-agent sends, and those that its master does."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from tmon_agent.agentx.encoding import MalformedPdu, PduReader, SearchRange, encode_bindings, encode_octets, encode_oid
from tmon_agent.agentx.values import Binding, Bindings, Oid

HEADER_OCTETS = 20
MAX_PAYLOAD_OCTETS = 1 << 20
"""Of a PDU of the master; more than any request in an SNMP message of 64 KiB becomes."""
_VERSION = 1
_NON_DEFAULT_CONTEXT, _NETWORK_BYTE_ORDER = 0x08, 0x10
_HEADER = "BBBx4I"


class Type(IntEnum):
    """Section 6.1.1."""

    OPEN = 1
    CLOSE = 2
    REGISTER = 3
    UNREGISTER = 4
    GET = 5
    GET_NEXT = 6
    GET_BULK = 7
    TEST_SET = 8
    COMMIT_SET = 9
    UNDO_SET = 10
    CLEANUP_SET = 11
    NOTIFY = 12
    PING = 13
    RESPONSE = 18


class Error(IntEnum):
    """Sections 6.2.16 and 7.1, with the errors of RFC 3416 that a sub-agent may answer."""

    NO_ERROR = 0
    GEN_ERR = 5
    COMMIT_FAILED = 14
    NOT_WRITABLE = 17
    OPEN_FAILED = 256
    NOT_OPEN = 257
    UNSUPPORTED_CONTEXT = 262
    DUPLICATE_REGISTRATION = 263
    UNKNOWN_REGISTRATION = 264
    PARSE_FAILED = 266
    REQUEST_DENIED = 267
    PROCESSING_ERROR = 268

    @classmethod
    def words(cls, number: int) -> str:
        """For a person."""
        return cls(number).name.lower().replace("_", " ") if number in cls._value2member_map_ else f"error {number}"


class Reason(IntEnum):
    """Why a session is closed, section 6.2.2."""

    OTHER = 1
    PARSE_ERROR = 2
    PROTOCOL_ERROR = 3
    TIMEOUTS = 4
    SHUTDOWN = 5
    BY_MANAGER = 6


@dataclass(frozen=True, slots=True)
class Pdu:
    """One as it came: numbers of its header, and what follows, in the byte order `order`."""

    type: int
    session: int
    transaction: int
    packet: int
    payload: bytes
    order: str = "!"
    foreign_context: bool = False

    def reader(self) -> PduReader:
        reader = PduReader(self.payload, self.order)
        if self.foreign_context:
            reader.octets()
        return reader


@dataclass(frozen=True, slots=True)
class Response:
    """A master's answer; uptime: its sysUpTime, hundredths of a second."""

    uptime: int
    error: int
    index: int
    bindings: tuple[Binding, ...]


def take_pdu(buffer: bytearray) -> Pdu | None:
    """The first PDU of a stream, taken off it; None: it is not all there. MalformedPdu where the stream cannot be read on."""
    if len(buffer) < HEADER_OCTETS:
        return None
    order = "!" if buffer[2] & _NETWORK_BYTE_ORDER else "<"
    version, kind, flags, session, transaction, packet, length = struct.unpack_from(order + _HEADER, buffer)
    if version != _VERSION:
        raise MalformedPdu(f"version {version} of AgentX, expected {_VERSION}")
    if length > MAX_PAYLOAD_OCTETS or length % 4:
        raise MalformedPdu(f"a PDU of {length} octets; expected a multiple of 4, at most {MAX_PAYLOAD_OCTETS}")
    end = HEADER_OCTETS + length
    if len(buffer) < end:
        return None
    payload = bytes(buffer[HEADER_OCTETS:end])
    del buffer[:end]
    return Pdu(kind, session, transaction, packet, payload, order, bool(flags & _NON_DEFAULT_CONTEXT))


def read_ranges(pdu: Pdu) -> tuple[SearchRange, ...]:
    """Of Get and GetNext, sections 6.2.5 and 6.2.6."""
    return pdu.reader().ranges()


def read_bulk(pdu: Pdu) -> tuple[int, int, tuple[SearchRange, ...]]:
    """Of GetBulk, section 6.2.7: non-repeaters, max-repetitions, ranges."""
    reader = pdu.reader()
    return *reader.numbers("HH"), reader.ranges()


def read_bindings(pdu: Pdu) -> tuple[Binding, ...]:
    """Of TestSet, section 6.2.8."""
    return pdu.reader().bindings()


def read_response(pdu: Pdu) -> Response:
    """Section 6.2.16."""
    reader = pdu.reader()
    return Response(*reader.numbers("IHH"), reader.bindings())


def read_reason(pdu: Pdu) -> str:
    """Of Close, for a person."""
    number, = pdu.reader().numbers("Bxxx")
    return Reason(number).name.lower().replace("_", " ") if number in Reason._value2member_map_ else f"reason {number}"


def build(kind: Type, payload: bytes = b"", *, session: int = 0, transaction: int = 0, packet: int = 0) -> bytes:
    """A PDU in network byte order."""
    return struct.pack("!" + _HEADER, _VERSION, kind, _NETWORK_BYTE_ORDER, session, transaction, packet, len(payload)) + payload


def open_payload(oid: Oid, description: str) -> bytes:
    """Section 6.2.1; time to answer: the master's default."""
    return struct.pack("!Bxxx", 0) + encode_oid(oid) + encode_octets(description.encode()[:255])


def register_payload(subtree: Oid, range_subid: int = 0, upper_bound: int = 0, priority: int = 127) -> bytes:
    """Section 6.2.3. range_subid: position, from 1, of the number that goes from that in `subtree` to upper_bound; 0: none does."""
    return (struct.pack("!BBBx", 0, priority, range_subid) + encode_oid(subtree)
            + (struct.pack("!I", upper_bound) if range_subid else b""))


def close_payload(reason: Reason) -> bytes:
    return struct.pack("!Bxxx", reason)


def notify_payload(bindings: Bindings) -> bytes:
    """Section 6.2.10: snmpTrapOID.0 first, or after sysUpTime.0."""
    return encode_bindings(bindings)


def response_payload(error: Error = Error.NO_ERROR, index: int = 0, bindings: Bindings = ()) -> bytes:
    """index: from 1, of the name that the error is about."""
    return struct.pack("!IHH", 0, error, index) + encode_bindings(bindings)
