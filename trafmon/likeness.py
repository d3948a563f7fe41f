"""What two recordings have in common, from samples of them: how far their clocks are apart, and in what their packets differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tmon_probe.father.signature.pick import ALL, BEGIN, CUT, FIRST, FRAGMENTS, KEPT, LAST, LOOSE, SEEN, TIME, WHOLE, WHOLE_NAT

if TYPE_CHECKING:
    from tmon_probe.father.capture.sample import Sample

SECOND = 10**9
STEPS_NS = (900 * SECOND, SECOND, 10**6, 10**3, 1)
"""A clock that is wrong is corrected by as round a number as will do: a mistaken time zone is, and nothing is made up below that.
What is left is seen in the delays, as offsets of clocks are."""
LEAST_PAIRS = 3
TRANSLATED, ALTERED, FRAGMENTED = 0.1, 0.01, 0.01
"""Shares of packets from which on they are worth a word."""


@dataclass(frozen=True)
class Likeness:
    """Of a second recording with a first one.

    pairs       packets in both; 0: none, the others mean nothing
    ahead_ns    by how much the second one's clock is ahead, give or take what packets take
    translated  share of the pairs of which the beginnings differ in what translators of addresses rewrite
    altered     share of the pairs of which only what comes behind differs
    """

    pairs: int = 0
    ahead_ns: int = 0
    translated: float = 0.0
    altered: float = 0.0


def compare(first: Sample, second: Sample, window_ns: int) -> Likeness:
    """window_ns: what packets may take. Packets that look the same within one recording tell nothing."""
    mask = first.mask | second.mask
    a, b = first.thinned(mask), second.thinned(mask)
    _, in_a, in_b = np.intersect1d(a[:, LOOSE], b[:, LOOSE], assume_unique=True, return_indices=True)
    a, b = a[in_a], b[in_b]
    ahead = b[:, TIME].astype(np.int64) - a[:, TIME].astype(np.int64)
    order = np.argsort(ahead, kind="stable")
    ahead, a, b = ahead[order], a[order], b[order]
    within = np.searchsorted(ahead, ahead + window_ns, "right") - np.arange(len(ahead))
    pairs = int(within.max(initial=0))
    if pairs < LEAST_PAIRS:
        return Likeness()
    usual = slice(start := int(within.argmax()), start + pairs)
    a, b = a[usual], b[usual]
    translated = a[:, BEGIN] != b[:, BEGIN]
    altered = np.where(translated, a[:, WHOLE_NAT] != b[:, WHOLE_NAT], a[:, WHOLE] != b[:, WHOLE])
    return Likeness(pairs, int(np.median(ahead[usual])), float(translated.mean()), float(altered.mean()))


def round_offset(ahead_ns: int, window_ns: int) -> int:
    """The roundest number that leaves a quarter of the window at most; 0 if nothing has to be corrected."""
    for step in STEPS_NS:
        rounded = (ahead_ns + step // 2) // step * step
        if abs(ahead_ns - rounded) <= window_ns // 4:
            return rounded
    return ahead_ns


def clocks_ahead(samples: Sequence[Sample], window_ns: int) -> list[int | None]:
    """By how much each clock is ahead of the first one's, in round numbers. None: it has no packets in common with those known."""
    ahead: list[int | None] = [0] + [None] * (len(samples) - 1)
    known = [0]
    while len(known) < len(samples):
        found = [(like.pairs, k, n, like.ahead_ns) for n in range(len(samples)) if ahead[n] is None for k in known
                 if (like := compare(samples[k], samples[n], window_ns)).pairs]
        if not found:
            break
        _, base, number, offset = max(found)
        ahead[number] = ahead[base] + round_offset(offset, window_ns)
        known.append(number)
    return ahead


def advice(names: Sequence[str], samples: Sequence[Sample], window_ns: int, *, nat: bool, datagrams: bool,
           octets: int, aligned: bool = False) -> list[str]:
    """Why packets of the first recording are not found in the others, and what to do; sentences.

    nat, datagrams, octets, aligned     how they were looked for
    """
    said, translated, altered = [], [], []
    for name, other in zip(names[1:], samples[1:], strict=True):
        like = compare(samples[0], other, window_ns)
        if not like.pairs:
            said.append(_strangers(names[0], samples[0], name, other))
            continue
        offset = round_offset(like.ahead_ns, window_ns)
        if offset and not aligned:
            side = "ahead of" if offset > 0 else "behind"
            said.append(f"the clock of {name} is {abs(like.ahead_ns) / SECOND:,.3f} s {side} that of {names[0]}, as {like.pairs:,} "
                        "packets in both show: give --align")
        if like.translated > TRANSLATED and not nat:
            translated.append(name)
        if like.altered > ALTERED:
            altered.append(name)
    if translated:
        said.append(f"addresses, ports or checksums are not the same in {names[0]} and {' and '.join(translated)}: give --nat")
    kept = min((int(s.tally[KEPT]) for s in samples if s.tally[CUT]), default=octets)
    if altered and kept < octets:
        cut = [n for n, s in zip(names, samples, strict=True) if s.tally[CUT]]
        said.append(f"only the beginnings of packets are in {' and '.join(cut)}: give --octets {kept}")
    elif altered and octets == ALL:
        said.append(f"packets have other contents in {names[0]} and {' and '.join(altered)}: is something rewritten on the way, or "
                    "is one of them from a host that leaves checksums or segmentation to its network card?")
    shares = [s.tally[FRAGMENTS] / max(s.tally[SEEN], 1) for s in samples]
    if max(shares) - min(shares) > FRAGMENTED and not datagrams:
        said.append(f"{names[int(np.argmax(shares))]} has more fragments than {names[int(np.argmin(shares))]}: give --per datagram")
    return said


def _strangers(first_name: str, first: Sample, name: str, other: Sample) -> str:
    for who, its in ((first_name, first), (name, other)):
        if not its.tally[SEEN]:
            return f"{who} has no IP packet, or none that passes the filter"
    return (f"{first_name} and {name} have no packet in common; {first_name} is of {_span(first)}, {name} of {_span(other)}: are "
            "they of the same traffic?")


def _span(sample: Sample) -> str:
    begin, end = (str(np.datetime64(int(sample.tally[which]), "ns").astype("datetime64[s]")).replace("T", " ")
                  for which in (FIRST, LAST))
    return f"{begin} to {end if end[:10] != begin[:10] else end[11:]} UTC"
