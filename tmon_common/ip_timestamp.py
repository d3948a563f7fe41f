"""The IPv4 Timestamp option: when which router or host had the packet."""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

OPTION = 68
DAY_MS = 86_400_000
_END, _NO_OPERATION = 0, 1
_NON_STANDARD = 1 << 31


class Form(IntEnum):
    """The option's flag field."""

    TIMES = 0
    ADDRESSES_AND_TIMES = 1
    PRESPECIFIED = 3  # only the named addresses stamp


@dataclass(frozen=True)
class Stamp:
    """One entry. standard: milliseconds are those since midnight UT; else the 31 bits that stood there, of a unit unknown."""

    address: IPv4Address | None
    milliseconds: int
    standard: bool


@dataclass(frozen=True)
class Timestamps:
    """The option of one packet: the entries that were filled in, in the order of the path, and how many had no room (0 to 15)."""

    form: Form
    stamps: tuple[Stamp, ...]
    overflow: int


def read(header: bytes) -> Timestamps | None:
    """The Timestamp option of an IPv4 header (octets, with all options; more may follow); None if there is none, or a broken one.

    An entry counts if it is whole and lies before the option's pointer. A value that claims to be standard but is no time of a day
    is taken for one that is not. Sources: RFC 791 section 3.1, RFC 781.
    """
    if len(header) < 20:
        return None
    options = header[20 : 4 * (header[0] & 15)]
    while options and options[0] != _END:
        if options[0] == _NO_OPERATION:
            options = options[1:]
            continue
        if len(options) < 2 or not 2 <= options[1] <= len(options):
            return None
        if options[0] == OPTION:
            return _read(options[: options[1]])
        options = options[options[1] :]
    return None


def _read(option: bytes) -> Timestamps | None:
    if len(option) < 4:
        return None
    pointer, form = option[2], option[3] & 15
    if form not in tuple(Form):
        return None
    filled = option[4 : max(pointer - 1, 4)]
    size = 4 if form == Form.TIMES else 8
    stamps = tuple(_stamp(filled[at : at + size]) for at in range(0, len(filled) - size + 1, size))
    return Timestamps(Form(form), stamps, option[3] >> 4)


def _stamp(entry: bytes) -> Stamp:
    value = int.from_bytes(entry[-4:], "big")
    address = IPv4Address(entry[:4]) if len(entry) == 8 else None
    milliseconds = value & ~_NON_STANDARD
    return Stamp(address, milliseconds, value == milliseconds < DAY_MS)
