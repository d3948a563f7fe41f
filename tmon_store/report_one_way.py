"""Ready-made questions about one-way measurement: what became of the packets, how long they took, how far clocks are apart.

Flows are told by what they are (class, addresses, ports), whatever probe numbered them. Directions are apart: each is a flow.
"""

# ruff: noqa: S608  no part of a statement comes from outside; limits are integers

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tmon_common.log_buckets import RATIO
from tmon_common.observations.one_way import MAX_HOPS
from tmon_store.present import has_table

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

PERCENTS = (50, 95, 99)
_DESCRIPTION = "f.flow_class, f.src_addr, f.dst_addr, f.protocol, f.src_port, f.dst_port"
_FATES = ("packets", "complete", "lost", "dropped", "missed", "injected", "clashes", "duplicated", "duplicates", "reordered",
          *(f"lost_after_{n:02d}" for n in range(1, MAX_HOPS + 1)))
_SUMS = ", ".join(f"coalesce(sum(c.{name}), 0)" for name in _FATES)
Pair = tuple[str, str]
"""Names of the hops where a delay begins and where it ends."""


@dataclass(frozen=True)
class Fates:
    """How many packets of each verdict. lost_after: by number of the hop that saw them last, from 1, at number - 1."""

    packets: int
    complete: int
    lost: int
    dropped: int
    missed: int
    injected: int
    clashes: int
    duplicated: int
    duplicates: int
    reordered: int
    lost_after: tuple[int, ...]

    @classmethod
    def of(cls, sums: Iterable[int]) -> Fates:
        """In the order of the question."""
        counts = [int(n) for n in sums]
        single = len(_FATES) - MAX_HOPS
        return cls(*counts[:single], tuple(counts[single:]))


@dataclass(frozen=True)
class Delays:
    """From one hop to another, raw. ns; percentiles (of PERCENTS) within 2 %. negative: how many are below zero."""

    population: int
    minimum: int
    mean: float
    percentiles: tuple[float, ...]
    maximum: int
    negative: int


@dataclass(frozen=True)
class OneWayFlow:
    """A flow, and its delays by pair of hops."""

    flow_class: str
    src_addr: str | None
    dst_addr: str | None
    protocol: int | None
    src_port: int | None
    dst_port: int | None
    fates: Fates
    delays: Mapping[Pair, Delays]


@dataclass(frozen=True)
class Clocks:
    """How far the clock of the second probe is ahead of that of the first, ns, over all intervals; None for a bound not known.

    steady      one offset fits all intervals: it lies between low and high. If not, low and high are the extremes of the
                intervals' bounds
    """

    from_probe: str
    to_probe: str
    low: int | None
    high: int | None
    steady: bool

    @property
    def offset(self) -> float | None:
        """The middle."""
        return None if self.low is None or self.high is None else (self.low + self.high) / 2

    @property
    def bound(self) -> float | None:
        """How far off the middle may be."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def fates(store: Backend) -> dict[str, Fates]:
    """By flow class."""
    if not has_table(store, "one_way_counters_1day"):
        return {}
    found = store.query(f"SELECT f.flow_class, {_SUMS} FROM one_way_counters_1day c JOIN flow f ON f.flow_key = c.flow_key"
                        " GROUP BY f.flow_class ORDER BY f.flow_class")
    return {name or "": Fates.of(sums) for name, *sums in found}


def delays(store: Backend) -> dict[tuple[str, Pair], Delays]:
    """By class and pair of hops, all flows together."""
    return {(key[0], key[1:3]): found for key, found in _delays(store, "f.flow_class").items()}


def flows(store: Backend, limit: int = 10) -> list[OneWayFlow]:
    """Those with most packets."""
    if not has_table(store, "one_way_counters_1day"):
        return []
    found = store.query(
        f"SELECT {_DESCRIPTION}, {_SUMS} FROM one_way_counters_1day c JOIN flow f ON f.flow_key = c.flow_key"
        f" GROUP BY {_DESCRIPTION} ORDER BY sum(c.packets) DESC, sum(c.lost) DESC, {_DESCRIPTION} LIMIT {int(limit)}")
    width = len(_DESCRIPTION.split(","))
    wanted = {(row[0] or "", *row[1:width]) for row in found}
    by_flow: dict[tuple, dict[Pair, Delays]] = defaultdict(dict)
    for key, measured in _delays(store, _DESCRIPTION, wanted).items():
        by_flow[key[:width]][key[width:]] = measured
    flows = []
    for row in found:
        key = (row[0] or "", *row[1:width])
        flows.append(OneWayFlow(*key, Fates.of(row[width:]), by_flow[key]))
    return flows


def clocks(store: Backend) -> list[Clocks]:
    """Of each pair of probes. One offset that fits all intervals is within the narrowest of their bounds, if there is one."""
    if not has_table(store, "clock_offset"):
        return []
    found = store.query("SELECT from_probe, to_probe, max(offset_low), min(offset_high), min(offset_low), max(offset_high)"
                        " FROM clock_offset GROUP BY from_probe, to_probe ORDER BY from_probe, to_probe")
    rows = []
    for first, second, low, high, lowest, highest in found:
        steady = low is None or high is None or low <= high
        rows.append(Clocks(first, second, *((low, high) if steady else (lowest, highest)), steady))
    return rows


def _delays(store: Backend, group: str, wanted: set[tuple] | None = None) -> dict[tuple, Delays]:
    """Key (values of `group`, from_hop, to_hop) -> delays; wanted: only those of which the first part is one of them."""
    if not has_table(store, "one_way_delay_histogram_1day"):
        return {}
    key = f"{group}, c.from_hop, c.to_hop"
    width = len(key.split(","))
    buckets: dict[tuple, dict[int, int]] = defaultdict(dict)
    for *names, bucket, count in store.query(
            f"SELECT {key}, c.bucket, sum(c.count) FROM one_way_delay_bucket_1day c JOIN flow f ON f.flow_key = c.flow_key"
            f" GROUP BY {key}, c.bucket"):
        if wanted is None or (names[0] or "", *names[1 : width - 2]) in wanted:
            buckets[names[0] or "", *names[1:]][int(bucket)] = int(count)
    found = {}
    for row in store.query(
            f"SELECT {key}, sum(c.population), sum(c.sum), min(c.minimum), max(c.maximum), sum(c.negative)"
            f" FROM one_way_delay_histogram_1day c JOIN flow f ON f.flow_key = c.flow_key GROUP BY {key}"
            f" HAVING sum(c.population) > 0 ORDER BY {key}"):
        names = (row[0] or "", *row[1:width])
        if wanted is None or names[: width - 2] in wanted:
            population, total, low, high, negative = row[width:]
            middle = tuple(min(max(p, low), high) for p in percentiles(buckets[names]))
            found[names] = Delays(int(population), low, float(total) / int(population), middle, high, int(negative))
    return found


def percentiles(buckets: Mapping[int, int]) -> list[float]:
    """Of PERCENTS; bucket -1 - n holds the negatives of what bucket n holds. Empty without any."""
    counts = {_middle_ns(bucket): count for bucket, count in buckets.items()}
    total, found, passed = sum(counts.values()), [], 0
    ranks = [max(-(-percent * total // 100), 1) for percent in PERCENTS]
    for value, count in sorted(counts.items()):
        passed += count
        found += [value] * sum(rank <= passed for rank in ranks[len(found):])
    return found


def _middle_ns(bucket: int) -> float:
    """Of a bucket, on the log scale."""
    return -_middle_ns(-1 - bucket) if bucket < 0 else RATIO ** (bucket - 0.5) if bucket else 0.0
