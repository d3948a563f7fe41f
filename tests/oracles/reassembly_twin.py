"""A slow twin of reassembly: every datagram a dictionary of octets, one packet at a time, without bounds."""

import struct
from collections import Counter
from dataclasses import dataclass, field

LIFETIME_NS, LINGER_NS = 15_000_000_000, 100_000_000
EXTENSIONS = (0, 43, 60, 135, 139, 140)


@dataclass
class Parsed:
    key: tuple
    header: bytes
    named_at: int
    offset: int
    more: bool
    data: bytes


@dataclass
class Waiting:
    started_ns: int
    octets: dict[int, int] = field(default_factory=dict)
    header: tuple[bytes, int] | None = None
    total: int | None = None
    times: list[int] = field(default_factory=list)
    done_ns: int | None = None


class Twin:
    """found: (octets, oldest and newest time in ns, fragments) of each datagram; counts: by the names of Reassembly.counters."""

    def __init__(self) -> None:
        self.found: list[tuple[bytes, int, int, int]] = []
        self.counts = Counter()
        self._known: dict[tuple, Waiting] = {}

    def take(self, packet: bytes, time_ns: int) -> None:
        parsed = parse(packet)
        if parsed is None:
            return
        known = self._stale(parsed.key, time_ns)
        end = parsed.offset + len(parsed.data)
        if parsed.more and end % 8:
            if packet[0] >> 4 == 6:
                self.counts["fragments_malformed"] += 1
                return
            end -= end % 8
        data = {parsed.offset + i: octet for i, octet in enumerate(parsed.data) if parsed.offset + i < end}
        before = len(parsed.header) - (0 if packet[0] >> 4 == 4 else 48)
        if not data or before + end > 65535:
            self.counts["fragments_malformed"] += 1
            return
        if known and known.done_ns is not None:
            if (end <= known.total if parsed.more else end == known.total) and data.items() <= known.octets.items():
                self.counts["fragments_duplicate"] += 1
                return
            known = None
        if known is None:
            known = self._known[parsed.key] = Waiting(time_ns)
        elif (known.total is not None and not (end <= known.total if parsed.more else end == known.total)) or (known.total is None and not parsed.more and known.octets and end <= max(known.octets)):
            self.counts["fragments_malformed"] += 1
            return
        if data.items() <= known.octets.items():
            self.counts["fragments_duplicate"] += 1
        elif data.keys() & known.octets.keys():
            self.counts["fragments_overlap"] += 1
        if data.keys() - known.octets.keys():
            known.times.append(time_ns)
        known.octets = data | known.octets
        if not parsed.more:
            known.total = end
        if parsed.offset == 0 and known.header is None:
            known.header = parsed.header, parsed.named_at
        if known.total is not None and len(known.octets) == known.total:
            self._complete(parsed.key, known, time_ns)

    def rest(self) -> None:
        self.counts["datagrams_incomplete"] += sum(w.done_ns is None for w in self._known.values())

    def _stale(self, key: tuple, time_ns: int) -> Waiting | None:
        known = self._known.get(key)
        if known and known.done_ns is None and abs(time_ns - known.started_ns) > LIFETIME_NS:
            self.counts["datagrams_incomplete"] += 1
            del self._known[key]
        elif known and known.done_ns is not None and abs(time_ns - known.done_ns) > LINGER_NS:
            del self._known[key]
        return self._known.get(key)

    def _complete(self, key: tuple, known: Waiting, time_ns: int) -> None:
        payload = bytes(known.octets[i] for i in range(known.total))
        packet = unfragmented(*known.header, payload)
        if packet is None:
            self.counts["fragments_malformed"] += 1
            del self._known[key]
            return
        self.counts["datagrams_reassembled"] += 1
        self.found.append((packet, min(known.times), max(known.times), len(known.times)))
        known.done_ns = time_ns


def parse(packet: bytes) -> Parsed | None:
    """None if it is no fragment."""
    if packet[0] >> 4 == 4:
        length, identification, word = struct.unpack_from(">HHH", packet, 2)
        if not word & 0x3FFF:
            return None
        header = (packet[0] & 15) * 4
        return Parsed((packet[12:20], packet[9], identification), packet[:header], 0, (word & 0x1FFF) * 8, bool(word & 0x2000),
                      packet[header:length])
    at, named_at = 40, 6
    while packet[named_at] in (*EXTENSIONS, 44):
        if packet[named_at] == 44:
            word, identification = struct.unpack_from(">HI", packet, at + 2)
            if word & 0xFFF9:
                return Parsed((packet[8:40], None, identification), packet[: at + 8], named_at, word & 0xFFF8, bool(word & 1),
                              packet[at + 8 :])
        at, named_at = at + (8 if packet[named_at] == 44 else 8 * (packet[at + 1] + 1)), at
    return None


def unfragmented(header: bytes, named_at: int, payload: bytes) -> bytes | None:
    """The packet; None if it would be too long. RFC 791 section 3.1, RFC 8200 section 4.5."""
    packet = bytearray(header)
    if header[0] >> 4 == 4:
        if len(header) + len(payload) > 65535:
            return None
        packet[2:4] = struct.pack(">H", len(header) + len(payload))
        packet[6:8] = bytes((header[6] & 0xC0, 0))
        return bytes(packet) + payload
    if len(header) - 48 + len(payload) > 65535:
        return None
    packet[4:6] = struct.pack(">H", len(header) - 48 + len(payload))
    packet[named_at] = header[-8]
    return bytes(packet[:-8]) + payload
