"""Values of a field cut into intervals on which every predicate of the configuration is either true or false throughout.

What a predicate says about a field is then a set of intervals, kept as the bits of one integer: union, intersection and
complement of predicates on a field are |, & and ^, and equal predicates are equal integers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import index

from tmon_common.config.model import Predicate
from tmon_probe.father.sieve.sources import EITHER, SOURCES

MAX_MASKS = 3  # of one field, among them none at all
Ranges = tuple[tuple[int, int], ...]
Key = tuple[str, int]  # domain, mask (0: the value as it is)


@dataclass(frozen=True)
class Cut:
    """Interval k holds the values v with starts[k-1] <= v < starts[k]; one more stands for packets without the field.

    starts      ascending; the first interval starts at 0
    """

    bits: int
    starts: tuple[int, ...]

    @property
    def missing(self) -> int:
        """Number of the interval of packets without the field; also how many intervals of values there are."""
        return len(self.starts) + 1

    @property
    def everything(self) -> int:
        return (1 << (self.missing + 1)) - 1

    def intervals_of(self, ranges: Ranges) -> int:
        """Set of the intervals within `ranges`, whose ends must be among the starts."""
        truth = 0
        for low, high in ranges:
            first, last = bisect_right(self.starts, low), bisect_right(self.starts, high)
            truth |= (1 << (last + 1)) - (1 << first)
        return truth


@dataclass(frozen=True)
class Condition:
    """A predicate made ready: its field's value, AND mask if that is not 0, lies in `ranges`."""

    field: str
    mask: int
    ranges: Ranges

    @property
    def key(self) -> Key:
        return domain_of(self.field)[0], self.mask


def domain_of(field: str) -> tuple[str, int]:
    """Domain and width in bits of a field. Raises ValueError for an unknown one."""
    source = SOURCES.get(EITHER[field][0] if field in EITHER else field)
    if source is None:
        raise ValueError(f"filters cannot look at {field!r}")
    return source.domain, source.bits


def condition_of(predicate: Predicate, interface_numbers: Mapping[str, int]) -> Condition:
    """The predicate without its negation: clipped to the field's width, prefix masks turned into ranges, names into numbers."""
    _, bits = domain_of(predicate.field)
    top = (1 << bits) - 1
    numbers = [interface_numbers[n] for n in predicate.names if n in interface_numbers]
    ranges = [(index(low), index(high)) for low, high in (*predicate.ranges, *((n, n) for n in numbers))]
    mask = top if predicate.mask is None else index(predicate.mask) & top
    low_bits = top ^ mask
    if low_bits & (low_bits + 1) == 0:  # all masked bits are below all others
        block = low_bits + 1
        ranges = [(-(-low // block) * block, high // block * block + low_bits) for low, high in ranges]
        mask = 0
    return Condition(predicate.field, mask, _disjoint(ranges, top))


def without_many_masks(conditions: Iterable[Condition]) -> list[Condition]:
    """The same conditions; where many masks look at an octet, rewritten without masks, so that one look at it serves them all."""
    conditions = list(conditions)
    masks: dict[str, set[int]] = {}
    for condition in conditions:
        masks.setdefault(condition.key[0], set()).add(condition.mask)
    return [
        Condition(c.field, 0, _octets_of(c)) if c.mask and len(masks[c.key[0]]) > MAX_MASKS and domain_of(c.field)[1] == 8 else c
        for c in conditions
    ]


def _octets_of(condition: Condition) -> Ranges:
    values = (v for v in range(256) if any(low <= v & condition.mask <= high for low, high in condition.ranges))
    return _disjoint(((v, v) for v in values), 255)


def _disjoint(ranges: Iterable[tuple[int, int]], top: int) -> Ranges:
    """Sorted, clipped to 0..top, overlapping and touching ones joined."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted((max(low, 0), min(high, top)) for low, high in ranges):
        if low > high:
            continue
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return tuple(joined)


def cuts_of(conditions: Iterable[Condition]) -> dict[Key, Cut]:
    """The intervals that all conditions together make of each domain."""
    starts: dict[Key, set[int]] = {}
    widths: dict[Key, int] = {}
    for condition in conditions:
        widths[condition.key] = domain_of(condition.field)[1]
        ends = starts.setdefault(condition.key, set())
        for low, high in condition.ranges:
            ends.update((low, high + 1))
    return {key: Cut(bits, tuple(sorted(s for s in starts[key] if 0 < s < 1 << bits))) for key, bits in widths.items()}
