"""What AgentX PDUs are made of: object identifiers, octet strings, search ranges, bindings (RFC 2741 section 5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tmon_agent.agentx.values import Binding, Bindings, Oid, Syntax, Value

MAX_SUBIDS = 128
"""Of an object identifier (RFC 2578 section 3.5)."""
MAX_BINDINGS = 4096
_INTERNET = (1, 3, 6, 1)
_UNSIGNED = (Syntax.COUNTER32, Syntax.GAUGE32, Syntax.TIME_TICKS)
_STRINGS = (Syntax.OCTET_STRING, Syntax.IP_ADDRESS, Syntax.OPAQUE)


class MalformedPdu(ValueError):  # noqa: N818 it says what the PDU is
    """Octets that no master sends. The text says what is wrong."""


@dataclass(frozen=True, slots=True)
class SearchRange:
    """Names from `start` (itself only where `include`) up to `end`, which is out of it; no end: ()."""

    start: Oid
    include: bool
    end: Oid


def encode_oid(oid: Oid, *, include: bool = False) -> bytes:
    """Section 5.1: below 1.3.6.1 the five first numbers become one octet."""
    prefix = 0
    if len(oid) > 4 and oid[:4] == _INTERNET and 0 < oid[4] < 256:
        prefix, oid = oid[4], oid[5:]
    return struct.pack(f"!BBBx{len(oid)}I", len(oid), prefix, include, *oid)


def encode_octets(octets: bytes) -> bytes:
    """Section 5.3: padded to four octets."""
    return struct.pack("!I", len(octets)) + octets + bytes(-len(octets) % 4)


def encode_bindings(bindings: Bindings) -> bytes:
    return b"".join(_encode_binding(b) for b in bindings)


def _encode_binding(binding: Binding) -> bytes:
    """Section 5.4."""
    syntax, value = binding.value.syntax, binding.value.value
    head = struct.pack("!Hxx", syntax) + encode_oid(binding.oid)
    if syntax == Syntax.INTEGER:
        return head + struct.pack("!i", value)
    if syntax in _UNSIGNED:
        return head + struct.pack("!I", value)
    if syntax == Syntax.COUNTER64:
        return head + struct.pack("!Q", value)
    if syntax in _STRINGS:
        return head + encode_octets(value)
    if syntax == Syntax.OBJECT_IDENTIFIER:
        return head + encode_oid(value)
    return head


class PduReader:
    """Reads one part of a PDU after the other. order: "!" or "<", as its header says. MalformedPdu where it ends too early."""

    def __init__(self, octets: bytes, order: str) -> None:
        self._octets, self._order, self._at = octets, order, 0

    @property
    def more(self) -> bool:
        return self._at < len(self._octets)

    def numbers(self, form: str) -> tuple[int, ...]:
        """form: as of `struct`, without the order."""
        form = self._order + form
        end = self._at + struct.calcsize(form)
        if end > len(self._octets):
            raise MalformedPdu(f"it ends after {len(self._octets)} octets, within a number")
        found = struct.unpack_from(form, self._octets, self._at)
        self._at = end
        return found

    def oid(self) -> tuple[Oid, bool]:
        """The identifier, and its mark "include"."""
        count, prefix, include = self.numbers("BBBx")
        if count > MAX_SUBIDS:
            raise MalformedPdu(f"an object identifier of {count} numbers, at most {MAX_SUBIDS}")
        return (*((*_INTERNET, prefix) if prefix else ()), *self.numbers(f"{count}I")), bool(include)

    def octets(self) -> bytes:
        length, = self.numbers("I")
        end = self._at + length
        if end + -length % 4 > len(self._octets):
            raise MalformedPdu(f"a string of {length} octets, of which {len(self._octets) - self._at} are there")
        found = self._octets[self._at : end]
        self._at = end + -length % 4
        return found

    def ranges(self) -> tuple[SearchRange, ...]:
        """Section 5.2, to the end of the PDU."""
        found = []
        while self.more:
            start, include = self.oid()
            found.append(SearchRange(start, include, self.oid()[0]))
            self._bound(found)
        return tuple(found)

    def bindings(self) -> tuple[Binding, ...]:
        """Section 5.4, to the end of the PDU."""
        found = []
        while self.more:
            found.append(self._binding())
            self._bound(found)
        return tuple(found)

    def _binding(self) -> Binding:
        number, = self.numbers("Hxx")
        oid = self.oid()[0]
        try:
            syntax = Syntax(number)
        except ValueError:
            raise MalformedPdu(f"a value of the unknown type {number}") from None
        if syntax in _STRINGS:
            return Binding(oid, Value(syntax, self.octets()))
        if syntax == Syntax.OBJECT_IDENTIFIER:
            return Binding(oid, Value(syntax, self.oid()[0]))
        form = "i" if syntax == Syntax.INTEGER else "I" if syntax in _UNSIGNED else "Q" if syntax == Syntax.COUNTER64 else ""
        return Binding(oid, Value(syntax, *self.numbers(form)))

    @staticmethod
    def _bound(found: list) -> None:
        if len(found) > MAX_BINDINGS:
            raise MalformedPdu(f"more than {MAX_BINDINGS} names")
