"""Ready-made questions about one-way measurement: what became of the packets, how long they took, how far clocks are apart.

Flows are told by what they are (class, addresses, ports), whatever probe numbered them. Directions are apart: each is a flow.
"""

# ruff: noqa: S608  no part of a statement comes from outside; limits are integers

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tmon_common.observations.one_way import MAX_HOPS
from tmon_store.present import has_table
from tmon_store.questions import one_way
from tmon_store.report import whole

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

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
    """From one hop to another, raw. ns; percentiles (50, 95, 99) within 2 %. negative: how many are below zero."""

    population: int
    minimum: int
    mean: int
    percentiles: tuple[int, ...]
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
    return {(key[0], key[1:3]): found for key, found in _delays(store, ("flow_class",)).items()}


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
    for key, measured in _delays(store, [n.removeprefix("f.") for n in _DESCRIPTION.split(", ")], wanted).items():
        by_flow[key[:width]][key[width:]] = measured
    flows = []
    for row in found:
        key = (row[0] or "", *row[1:width])
        flows.append(OneWayFlow(*key, Fates.of(row[width:]), by_flow[key]))
    return flows


def clocks(store: Backend) -> list[Clocks]:
    """Of each pair of probes. One offset that fits all intervals is within the narrowest of their bounds, if there is one."""
    if not has_table(store, one_way.OFFSET):
        return []
    scope = replace(whole(), present=frozenset({one_way.OFFSET}))
    return [Clocks(first, second, low, high, steady == "yes")
            for _, first, second, low, high, _, _, steady, *_ in one_way.clocks(store, scope)]


def _delays(store: Backend, group: Sequence[str], wanted: set[tuple] | None = None) -> dict[tuple, Delays]:
    """Key (values of `group`, from_hop, to_hop) -> delays; wanted: only those of which the first part is one of them."""
    if not has_table(store, f"{one_way.HISTOGRAM}_1day"):
        return {}
    width, found = len(group) + 2, {}
    for row in one_way.delays_by(store, whole(), (*group, "from_hop", "to_hop")):
        key = (row[0] or "", *row[1:width])
        population, low, mean, *percentiles, high, _, negative, _, _ = row[width:]
        if wanted is None or key[:-2] in wanted:
            found[key] = Delays(population, low, mean, tuple(percentiles), high, negative)
    return found
