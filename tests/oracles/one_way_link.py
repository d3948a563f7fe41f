"""What one-way measurement must find in the recorded demo, by the log of the link alone: hop 1 is west, hop 2 is east.

A copy that the link made is no packet of its own. Later fragments are of a flow without ports.
"""

from __future__ import annotations

from functools import cache

from tests.linkemu import Direction, Fate
from tests.oracles.demo_link import NEAR, SIDES, Frame, frames
from tests.oracles.one_way_packets import Followed

GONE = (Fate.LOST, Fate.QUEUE_DROP)


@cache
def followed() -> list[Followed]:
    """Every packet that came into the link, in that order."""
    entered = sorted((f for f in frames() if not f.row.copy), key=lambda f: f.row.arrival_ns)
    return [_followed(frame) for frame in entered]


@cache
def duplicated() -> int:
    """Copies that the link delivered."""
    return sum(f.row.copy > 0 and f.row.exit_frame is not None for f in frames())


def _followed(frame: Frame) -> Followed:
    packet = frame.packet
    arrived = frame.row.fate is Fate.FORWARDED
    assert arrived or frame.row.fate in GONE
    octets = packet.len if packet.v == 4 else 40 + packet.plen
    return Followed(
        (str(frame.src), str(frame.dst), str(_protocol(packet)), *_ports(frame)), octets,
        tuple(frame.time_ns(side) for side in SIDES),
        "complete" if arrived else "lost", 0 if arrived else 1 + SIDES.index(NEAR[frame.row.direction]),
        frame.crossing_ns if arrived else None)


def forward(packet: Followed) -> bool:
    """From west to east."""
    return packet in _eastward()


@cache
def _eastward() -> frozenset[Followed]:
    west = {f.row.arrival_ns for f in frames() if f.row.direction is Direction.WEST_TO_EAST}
    return frozenset(p for p in followed() if p.times_ns[0] in west)


def _protocol(packet) -> int:
    """Of the transport, behind the extension headers of IPv6."""
    if packet.v == 4:
        return packet.p
    headers = list(packet.extension_hdrs.values())
    return headers[-1].nxt if headers else packet.nxt


def _ports(frame: Frame) -> tuple[str, str]:
    message = frame.transport
    return (str(message.sport), str(message.dport)) if hasattr(message, "sport") else ("", "")
