"""What passed the four places, by the logs and pcaps of the two links.

A link's log says when a frame had left the host before it, and when it was about to enter the host behind: a probe at the host
before has seen it earlier than that, a probe at the host behind sees it later. Places are numbered as on the way from a to c: 0 a,
1 b towards a, 2 b towards c, 3 c.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dpkt

from tests.linkemu import Direction, read_frame_log

PLACES = 4
ETHERNET, ETHERTYPE_IP = 14, b"\x08\x00"
NOT_TRUSTED = ("partial_checksums", "truncated", "kernel_drops", "send_failed")
"""Totals of a link that must be 0."""


@dataclass(frozen=True)
class Passage:
    """An IP packet on a link: when it came in, and when it and its copies went out. Empty: it was lost."""

    packet: bytes
    entered_ns: int
    left_ns: tuple[int, ...]


@dataclass(frozen=True)
class Sighting:
    """An IP packet at a place; of one that was put together of fragments, the first and the last of them."""

    packet: bytes
    first_ns: int
    last_ns: int


def passages(link: Path, direction: Direction) -> list[Passage]:
    """IP packets of one direction in the order in which they came in. link: directory of its log."""
    near, far = (("west", "east") if direction is Direction.WEST_TO_EAST else ("east", "west"))
    entries, exits = (_frames(link / f"{side}.pcap") for side in (near, far))
    came: dict[int, tuple[bytes, int]] = {}
    left: dict[int, list[int]] = {}
    gone: dict[int, bytes] = {}
    for row in read_frame_log(link / "frames.csv.gz"):
        if row.direction is not direction:
            continue
        assert row.fate in ("forwarded", "lost"), f"frame {row.seq} of {link.name}: {row.fate}"
        if row.copy == 0:
            came[row.seq] = entries[row.entry_frame - 1], row.arrival_ns
        if row.exit_frame is not None:
            left.setdefault(row.seq, []).append(row.delivered_ns)
            gone[row.seq] = exits[row.exit_frame - 1]
    assert all(frame == came[seq][0] for seq, frame in gone.items()), f"{link.name} changes frames"
    return [Passage(_packet(frame), at_ns, tuple(sorted(left.get(seq, ())))) for seq, (frame, at_ns) in sorted(came.items())
            if frame[12:14] == ETHERTYPE_IP]


def sightings(forward: tuple[list[Passage], list[Passage]], back: tuple[list[Passage], list[Passage]]) -> tuple[list, list]:
    """(there, back): of each place, in order of time, the packets that pass on the way from a to c, and from c to a.

    forward, back: the passages of link 1 and link 2 in these directions."""
    there = [_entered(forward[0]), _left(forward[0]), _entered(forward[1]), _left(forward[1])]
    again = [_left(back[0]), _entered(back[0]), _left(back[1]), _entered(back[1])]
    return there, again


def whole(seen: list[Sighting]) -> list[Sighting]:
    """The same with datagrams in place of fragments: those of which every fragment was seen (RFC 791 section 3.2)."""
    found: list[Sighting] = []
    parts: dict[bytes, dict[int, Sighting]] = {}
    for one in seen:
        if not _offset_and_more(one.packet):
            found.append(one)
            continue
        of_one = parts.setdefault(one.packet[4:6] + one.packet[9:10] + one.packet[12:20], {})
        of_one.setdefault(_offset_and_more(one.packet) & 0x1FFF, one)
    found += [one for fragments in parts.values() if (one := _put_together(fragments)) is not None]
    return sorted(found, key=lambda one: one.first_ns)


def _put_together(fragments: dict[int, Sighting]) -> Sighting | None:
    payload = b""
    for offset in sorted(fragments):
        packet = fragments[offset].packet
        if offset * 8 != len(payload):
            return None
        payload += packet[_header(packet) :]
    if _offset_and_more(packet) & 0x2000:
        return None
    first = fragments[0].packet
    octets = (_header(first) + len(payload)).to_bytes(2, "big")
    datagram = first[:2] + octets + first[4:6] + b"\0\0" + first[8 : _header(first)] + payload
    return Sighting(datagram, min(f.first_ns for f in fragments.values()), max(f.first_ns for f in fragments.values()))


def _header(packet: bytes) -> int:
    return (packet[0] & 15) * 4


def _offset_and_more(packet: bytes) -> int:
    return int.from_bytes(packet[6:8], "big") & 0x3FFF


def _entered(passed: list[Passage]) -> list[Sighting]:
    return [Sighting(p.packet, p.entered_ns, p.entered_ns) for p in passed]


def _left(passed: list[Passage]) -> list[Sighting]:
    return sorted((Sighting(p.packet, at_ns, at_ns) for p in passed for at_ns in p.left_ns), key=lambda one: one.first_ns)


def _frames(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [octets for _, octets in dpkt.pcap.Reader(file)]


def _packet(frame: bytes) -> bytes:
    """Without Ethernet's header and padding."""
    return frame[ETHERNET : ETHERNET + int.from_bytes(frame[16:18], "big")]
