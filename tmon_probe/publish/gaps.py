"""One-way observations that were given up, until they are declared: an engine.

A collector must know which observations it will never get: a packet that only lacks one of these is not lost, as far as anybody
knows. So each PDU of a one-way class has a number, and those that will never arrive are declared in rows of ONE_WAY_GAP.
Consecutive numbers share a row. Should such a row be given up itself, it comes back here, and is declared with the next ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from tmon_common.observations import ABSENT, ONE_WAY_GAP, Rows

MAX_GAPS = 4096
"""Rows that wait to be declared. Beyond, neighbours share one though there are others between them: too much counts as missing."""


class Gap(NamedTuple):
    """PDUs sequence ... sequence + pdus - 1 of a class. first_ns, last_ns: of the observations in them; ABSENT without any."""

    flow_class: str
    sequence: int
    pdus: int
    first_ns: int
    last_ns: int
    observations: int

    @property
    def end(self) -> int:
        return self.sequence + self.pdus


class Numbered(NamedTuple):
    """A payload that counts in the numbers of its class, or tells of those that do. The first four as in Packed.

    gaps        what is to be declared if it is given up
    permanent   it says that nothing more comes
    """

    type: int
    octets: bytes
    rows: int
    strings: int
    gaps: tuple[Gap, ...]
    permanent: bool = False


class Gaps:
    """since_ns: when the oldest one that waits came; None when none waits."""

    def __init__(self) -> None:
        self.since_ns: int | None = None
        self._gaps: dict[str, list[Gap]] = {}  # by class, in the order of their numbers, none touching the next
        self._count = 0

    def add(self, gaps: Iterable[Gap], now_ns: int) -> None:
        """These are given up."""
        for gap in gaps:
            of_class = self._gaps.setdefault(gap.flow_class, [])
            at = bisect_left(of_class, gap.sequence, key=attrgetter("sequence"))
            of_class.insert(at, gap)
            self._count += 1
            self._join(of_class, at)
            if at:
                self._join(of_class, at - 1)
            if self._count > MAX_GAPS:
                longest = max(self._gaps.values(), key=len)
                self._join(longest, len(longest) - 2, touching=False)
            if self.since_ns is None:
                self.since_ns = now_ns

    def take(self) -> list[Gap]:
        """All that wait; none waits after."""
        taken = [gap for of_class in self._gaps.values() for gap in of_class]
        self._gaps, self._count, self.since_ns = {}, 0, None
        return taken

    def _join(self, gaps: list[Gap], at: int, *, touching: bool = True) -> None:
        """Makes one of two neighbours, if they touch."""
        if at + 1 < len(gaps) and (gaps[at].end >= gaps[at + 1].sequence or not touching):
            gaps[at : at + 2] = [_joined(gaps[at], gaps[at + 1])]
            self._count -= 1


def rows_of(gaps: list[Gap]) -> Rows:
    """Rows of ONE_WAY_GAP, in their order."""
    classes = sorted({gap.flow_class for gap in gaps})
    at = {name: i for i, name in enumerate(classes)}
    values = np.zeros(len(gaps), ONE_WAY_GAP.dtype)
    for row, gap in zip(values, gaps, strict=True):
        row["flow_class"], row["sequence"], row["pdus"] = at[gap.flow_class], gap.sequence, gap.pdus
        row["first"], row["last"], row["observations"] = gap.first_ns, gap.last_ns, gap.observations
    return Rows(ONE_WAY_GAP, values, classes)


def _joined(one: Gap, next_one: Gap) -> Gap:
    end = max(one.end, next_one.end)
    firsts = [g.first_ns for g in (one, next_one) if g.first_ns != ABSENT]
    return Gap(one.flow_class, one.sequence, end - one.sequence, min(firsts, default=ABSENT), max(one.last_ns, next_one.last_ns),
               one.observations + next_one.observations)
