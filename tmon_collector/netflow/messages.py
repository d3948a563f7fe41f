"""Messages of NetFlow v9 (RFC 3954) and IPFIX (RFC 7011): headers, and the sets behind them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tmon_collector.netflow.templates import (
    Template,
    read_options_templates,
    read_templates,
    read_v9_options_templates,
    read_v9_templates,
)
from tmon_collector.netflow.times import UNKNOWN_UPTIME

_V9 = struct.Struct("!HHIIII")
_IPFIX = struct.Struct("!HHIII")
_SET = struct.Struct("!HH")

Reader = Callable[[memoryview], list[tuple[int, Template | None]]]

TEMPLATE_READERS: dict[int, dict[int, Reader]] = {
    9: {0: read_v9_templates, 1: read_v9_options_templates},
    10: {2: read_templates, 3: read_options_templates},
}
"""By version and number of the set."""


class Message(NamedTuple):
    """uptime_ms: UNKNOWN_UPTIME where the header does not tell it; end: of the message in its datagram; at: of its first set."""

    version: int
    domain: int
    sequence: int
    export_ms: int
    uptime_ms: int
    at: int
    end: int


def read_message(datagram: bytes) -> Message | None:
    """Header of a datagram of version 9 or 10; None: it is too short, or not as long as it says."""
    version = int.from_bytes(datagram[:2], "big")
    if version == 9:
        if len(datagram) < _V9.size:
            return None
        _, _, uptime, seconds, sequence, domain = _V9.unpack_from(datagram)
        return Message(version, domain, sequence, seconds * 1000, uptime, _V9.size, len(datagram))
    if len(datagram) < _IPFIX.size:
        return None
    _, octets, seconds, sequence, domain = _IPFIX.unpack_from(datagram)
    if not _IPFIX.size <= octets <= len(datagram):
        return None
    return Message(version, domain, sequence, seconds * 1000, UNKNOWN_UPTIME, _IPFIX.size, octets)


def sets(datagram: bytes, message: Message) -> Iterator[tuple[int, memoryview | None]]:
    """(number, content) of its sets; content None, and the end: a set is not as long as it says (RFC 7011 section 3.3.2)."""
    content, at = memoryview(datagram), message.at
    while message.end - at >= _SET.size:
        number, octets = _SET.unpack_from(content, at)
        if octets < _SET.size or at + octets > message.end:
            yield number, None
            return
        yield number, content[at + _SET.size : at + octets]
        at += octets
