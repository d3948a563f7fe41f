"""A packet and its way, as the truth of a test tells it and as `trafmon one-way --packets` writes it: made to be compared."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FLOW = ("src_addr", "dst_addr", "protocol", "src_port", "dst_port")
SECOND = 10**9


@dataclass(frozen=True)
class Followed:
    """flow: values of FLOW, as text, "" for none; times_ns: at each hop, None where it was not seen; lost_after: 0 for none."""

    flow: tuple[str, str, str, str, str]
    octets: int | None
    times_ns: tuple[int | None, ...]
    verdict: str = "complete"
    lost_after: int = 0
    delay_ns: int | None = None


def header(hops: int) -> list[str]:
    """Of the file, as it is promised."""
    return [*FLOW, "octets", *(f"time_{n}" for n in range(1, hops + 1)), "one_way_delay", "verdict", "lost_after"]


def read_packets(path: Path) -> list[Followed]:
    """In the order of the file. Every time and delay has nine decimals; nothing is left over in a row."""
    with path.open(newline="") as file:
        rows = csv.reader(file)
        names = next(rows)
        hops = len(names) - len(FLOW) - 4
        assert header(hops) == names
        return [_followed(row, hops) for row in rows]


def _followed(row: list[str], hops: int) -> Followed:
    assert len(row) == len(FLOW) + hops + 4, row
    flow, octets, times = tuple(row[:5]), row[5], row[6 : 6 + hops]
    delay, verdict, after = row[6 + hops :]
    return Followed(flow, int(octets) if octets else None, tuple(map(nanoseconds, times)), verdict, int(after or 0),
                    nanoseconds(delay))


def nanoseconds(text: str) -> int | None:
    """Of seconds with nine decimals; None of nothing."""
    if not text:
        return None
    seconds, _, fraction = text.removeprefix("-").partition(".")
    assert len(fraction) == 9, text
    return (-1 if text.startswith("-") else 1) * (int(seconds) * SECOND + int(fraction))


def difference(expected: Iterable[Followed], found: Iterable[Followed]) -> tuple[list[Followed], list[Followed]]:
    """What is expected and not found, and the other way round; two empty lists if they are alike, whatever their order."""
    wanted, got = Counter(expected), Counter(found)
    return sorted((wanted - got).elements(), key=_in_order), sorted((got - wanted).elements(), key=_in_order)


def _in_order(packet: Followed) -> tuple:
    return packet.flow, [t or 0 for t in packet.times_ns]
