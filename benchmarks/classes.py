"""Flow classes of six conditions each, as people write them: made after packets of a recording, at random but always the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.recording import RECORD_HEADER, Recording
from tmon_common.config.model import Disjunction, Filter, Predicate

MAPPED = 0xFFFF << 32
"""IPv4 addresses in filters are ::ffff:a.b.c.d."""
NOBODY = 0xF0000000
"""240.0.0.0/5: no packet is from or to there."""
PREFIX_LENGTHS = (8, 10, 12, 16, 20, 24)
KNOWN_PORTS = (20, 21, 22, 25, 53, 80, 110, 123, 143, 161, 443, 514, 993, 3306, 5060, 8080)
_ETHERNET, _HEADERS = 14, 14 + 20 + 4


@dataclass(frozen=True)
class _Packet:
    source: int
    destination: int
    protocol: int
    port: int
    length: int
    dscp: int


def classes(recording: Recording, count: int, seed: int, *, met: bool) -> tuple[Filter, ...]:
    """`count` filters: protocol, length, DSCP, port, and prefixes of source or destination.

    met     each is satisfied by some packet of the recording; else by none: the prefixes lie elsewhere
    """
    random = np.random.default_rng(seed)
    packets = _packets(recording)
    return tuple(_filter(packets, random, met) for _ in range(count))


def _filter(packets: list[_Packet], random: np.random.Generator, met: bool) -> Filter:
    one = packets[random.integers(len(packets))]
    others = [packets[i] for i in random.integers(len(packets), size=6)]
    ports = {one.port, *random.choice(KNOWN_PORTS, random.integers(0, 4)).tolist()}
    return Filter((
        Predicate("protocol", _ranges({one.protocol, *random.choice((6, 17), random.integers(0, 2)).tolist()})),
        Predicate("length", ((int(random.integers(20, one.length + 1)), int(random.integers(max(one.length, 600), 65536))),)),
        Predicate("dscp", _ranges({one.dscp, *random.choice(64, random.integers(0, 5)).tolist()})),
        Predicate("port", _ranges(ports)),
        Disjunction((_prefixes("src_addr", [one.source, *(p.source for p in others[:3])], random, met),
                     _prefixes("dst_addr", [p.destination for p in others[3:]], random, met))),
    ))


def _prefixes(field: str, addresses: list[int], random: np.random.Generator, met: bool) -> Predicate:
    ranges = []
    for address in addresses:
        length = int(random.choice(PREFIX_LENGTHS))
        low = (address if met else NOBODY | address >> 5) >> 32 - length << 32 - length
        ranges.append((MAPPED | low, MAPPED | low | (1 << 32 - length) - 1))
    return Predicate(field, _apart(ranges))


def _ranges(values: set[int]) -> tuple[tuple[int, int], ...]:
    return tuple((v, v) for v in sorted(values))


def _apart(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Prefixes without those that lie in another."""
    return tuple(sorted({r for r in ranges if not any(o != r and o[0] <= r[0] and r[1] <= o[1] for o in ranges)}))


def _packets(recording: Recording) -> list[_Packet]:
    """TCP and UDP over IPv4, without tags and options."""
    octets, found = recording.octets, []
    ends = np.append(recording.starts[1:], len(octets))
    for start, end in zip((recording.starts + RECORD_HEADER).tolist(), ends.tolist(), strict=True):
        frame = octets[start : min(start + _HEADERS, end)].tobytes()
        if len(frame) == _HEADERS and frame[12:15] == b"\x08\x00\x45" and frame[23] in (6, 17):
            ip = frame[_ETHERNET:]
            source, destination = int.from_bytes(ip[12:16]), int.from_bytes(ip[16:20])
            ports = int.from_bytes(ip[20:22]), int.from_bytes(ip[22:24])
            found.append(_Packet(source, destination, ip[9], min(ports), int.from_bytes(ip[2:4]), ip[1] >> 2))
    return found
