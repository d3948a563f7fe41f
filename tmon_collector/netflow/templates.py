"""Templates: how the data records of NetFlow v9 (RFC 3954 section 5.2, 6.1) and IPFIX (RFC 7011 section 3.4) are laid out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tmon_collector.netflow.elements import ADDRESS_OCTETS, NUMBER_OCTETS, meaning

MAX_FIELDS = 1024
"""Of one template."""
FIRST_DATA_SET = 256
VARIABLE = 0xFFFF
"""Length of a field whose length stands before each value (RFC 7011 section 7)."""

_PAIR = struct.Struct("!HH")
_TRIPLE = struct.Struct("!HHH")
_LONG = struct.Struct("!I")


class TemplateError(Exception):
    """A template set is not sound; the text says why."""


@dataclass(frozen=True)
class Field:
    """name: what it tells (elements.ELEMENTS), empty: stepped over; octets: VARIABLE if each value tells its own."""

    name: str
    octets: int


@dataclass(eq=False)
class Template:
    """fields: scopes first. scopes: how many of them say what an options record is about; -1: records are flows.

    heard_ns: when it last came
    """

    number: int
    fields: tuple[Field, ...]
    scopes: int = -1
    heard_ns: int = 0

    @property
    def is_options(self) -> bool:
        return self.scopes >= 0

    @cached_property
    def is_variable(self) -> bool:
        """Records differ in length."""
        return any(f.octets == VARIABLE for f in self.fields)

    @cached_property
    def lengths(self) -> np.ndarray:
        """int64 (fields,): octets, VARIABLE where each value tells its own."""
        return np.array([f.octets for f in self.fields], np.int64)

    @cached_property
    def octets(self) -> int:
        """Of a record; of its shortest if they differ."""
        return sum(1 if f.octets == VARIABLE else f.octets for f in self.fields)

    @cached_property
    def used(self) -> dict[str, tuple[int, int]]:
        """What records tell: name to (position of the field, octets). The first of several fields counts."""
        found: dict[str, tuple[int, int]] = {}
        for i, field in enumerate(self.fields):
            if field.name in ADDRESS_OCTETS:
                understood = field.octets == ADDRESS_OCTETS[field.name]
            else:
                understood = 0 < field.octets <= NUMBER_OCTETS
            if field.name and understood:
                found.setdefault(field.name, (i, field.octets))
        return found

    @cached_property
    def tells_flows(self) -> bool:
        """Records count octets or packets between addresses: others (of events, of other layers) are not flows of ours."""
        counted = {"octets", "packets", "octets_total", "packets_total", "octets_out", "packets_out"}
        return not self.is_options and not counted.isdisjoint(self.used) and not set(ADDRESS_OCTETS).isdisjoint(self.used)

    def same_layout(self, other: Template) -> bool:
        return self.fields == other.fields and self.scopes == other.scopes


def read_templates(content: memoryview) -> list[tuple[int, Template | None]]:
    """(number, template) of a template set of IPFIX, header apart; None: withdrawn. A v9 set is the same, without enterprises.

    TemplateError when it is not sound.
    """
    found, at = [], 0
    while len(content) - at >= _PAIR.size:
        number, count = _PAIR.unpack_from(content, at)
        if number == 0:  # padding
            break
        at += _PAIR.size
        if count == 0:
            found.append((number, None))
            continue
        fields, at = _fields(content, at, count)
        found.append((number, _template(number, fields)))
    return found


def read_options_templates(content: memoryview) -> list[tuple[int, Template | None]]:
    """The same of an options template set of IPFIX (RFC 7011 section 3.4.2.2)."""
    found, at = [], 0
    while len(content) - at >= _PAIR.size:
        number, count = _PAIR.unpack_from(content, at)
        if number == 0:
            break
        at += _PAIR.size
        if count == 0:
            found.append((number, None))
            continue
        if len(content) - at < 2:
            raise TemplateError("it ends within a template")
        scopes = int.from_bytes(content[at : at + 2], "big")
        if not 0 < scopes <= count:
            raise TemplateError(f"{scopes} scopes of {count} fields")
        fields, at = _fields(content, at + 2, count)
        found.append((number, _template(number, fields, scopes)))
    return found


def read_v9_options_templates(content: memoryview) -> list[tuple[int, Template | None]]:
    """The same of an options template set of NetFlow v9 (RFC 3954 section 6.1): scope types are not elements."""
    found, at = [], 0
    while len(content) - at >= _TRIPLE.size:
        number, scope_octets, option_octets = _TRIPLE.unpack_from(content, at)
        if number == 0:
            break
        at += _TRIPLE.size
        if scope_octets % 4 or option_octets % 4:
            raise TemplateError(f"{scope_octets} and {option_octets} octets of fields of four octets each")
        scopes, count = scope_octets // 4, (scope_octets + option_octets) // 4
        fields, at = _fields(content, at, count, plain=True)
        fields = [Field("", f.octets) if i < scopes else f for i, f in enumerate(fields)]
        found.append((number, _template(number, fields, scopes)))
    return found


def read_v9_templates(content: memoryview) -> list[tuple[int, Template | None]]:
    """The same of a template set of NetFlow v9 (RFC 3954 section 5.2): no enterprises, every type above 127 is a vendor's or
    an element of IPFIX."""
    found, at = [], 0
    while len(content) - at >= _PAIR.size:
        number, count = _PAIR.unpack_from(content, at)
        if number == 0:
            break
        fields, at = _fields(content, at + _PAIR.size, count, plain=True)
        found.append((number, _template(number, fields)))
    return found


def _fields(content: memoryview, at: int, count: int, *, plain: bool = False) -> tuple[list[Field], int]:
    """Field specifiers (RFC 7011 section 3.2) and where they end. plain: no bit says that an enterprise follows."""
    if count > MAX_FIELDS:
        raise TemplateError(f"{count} fields, at most {MAX_FIELDS}")
    fields = []
    for _ in range(count):
        if len(content) - at < _PAIR.size:
            raise TemplateError("it ends within a template")
        element, octets = _PAIR.unpack_from(content, at)
        at += _PAIR.size
        enterprise = 0
        if element & 0x8000 and not plain:
            if len(content) - at < _LONG.size:
                raise TemplateError("it ends within a template")
            (enterprise,) = _LONG.unpack_from(content, at)
            at += _LONG.size
            element &= 0x7FFF
        fields.append(Field(meaning(element, enterprise), octets))
    return fields, at


def _template(number: int, fields: list[Field], scopes: int = -1) -> Template:
    if number < FIRST_DATA_SET:
        raise TemplateError(f"number {number}, templates have {FIRST_DATA_SET} and above")
    template = Template(number, tuple(fields), scopes)
    if template.octets == 0:
        raise TemplateError("its records have no octets")
    return template
