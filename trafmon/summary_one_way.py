"""What one-way measurement found, for a person at a terminal: fates, delays, flows, clocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from trafmon.console_table import human_duration, print_table, printable, share, signed_duration

if TYPE_CHECKING:
    from rich.console import Console

    from tmon_store.backends.backend import Backend
    from tmon_store.report_one_way import Clocks, Delays, Fates, OneWayFlow, Pair

WELL = 0.99
"""Share of complete packets from which on nobody asks why the others are not."""
MANY = 0.05
"""Share of dropped packets from which on they are explained."""
DELAY_HEADS = ["Min>", "Median>", "p95>", "p99>", "Max>"]


@dataclass(frozen=True)
class OneWay:
    """Answers of tmon_store.report_one_way."""

    fates: dict[str, Fates]
    delays: dict[tuple[str, Pair], Delays]
    flows: list[OneWayFlow]
    clocks: list[Clocks]

    @classmethod
    def of(cls, store: Backend, limit: int) -> OneWay:
        from tmon_store import report_one_way as ask

        return cls(ask.fates(store), ask.delays(store), ask.flows(store, limit), ask.clocks(store))


def summarise_one_way(database: Path, hops: Sequence[str], files: Mapping[str, Path], console: Console | None = None,
                      limit: int = 10) -> None:
    """Print what the database holds, then where the files are. hops: names in their order. StoreError if it cannot be opened."""
    from rich.console import Console

    from tmon_store.open import open_store
    from trafmon.summary import PLAIN_WIDTH, line

    console = console or Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    store = open_store(database, read_only=True)
    try:
        found = OneWay.of(store, limit)
    finally:
        store.close()
    print_one_way(console, found, hops)
    console.print()
    for what, path in files.items():
        console.print(line(what, printable(path)), highlight=False, soft_wrap=True)


def print_one_way(console: Console, found: OneWay, hops: Sequence[str] = ()) -> None:
    """Tables of what there is. hops: names of the hops of the only class, if they are known; else they are told by number."""
    several = [("Class", list(found.fates))] if len(found.fates) > 1 else []
    print_table(console, "Packets followed", ["Packets>", "Complete>", "Lost>", "Share>", "Dropped>", "Missed>", "Injected>",
                                              "Copies>", "Reordered>", "Clashes>"],
                [(f"{f.packets:,}", f"{f.complete:,}", f"{f.lost:,}", share(f.lost, f.packets), f"{f.dropped:,}",
                  f"{f.missed:,}", f"{f.injected:,}", f"{f.duplicates:,}", f"{f.reordered:,}", f"{f.clashes:,}")
                 for f in found.fates.values()], several)
    order = {pair: n for n, pair in enumerate(_ways(hops))}
    ways = sorted(found.delays, key=lambda key: (key[0], order.get(key[1], len(order))))
    several = [("Class", [printable(name) for name, _ in ways])] if len(found.fates) > 1 else []
    print_table(console, "One-way delay, by the clocks as they are", ["From", "To", "Packets>", *DELAY_HEADS],
                [(*map(printable, pair), f"{found.delays[name, pair].population:,}", *_delay_cells(found.delays[name, pair]))
                 for name, pair in ways], several)
    if found.clocks:
        print_table(console, "Clocks", ["Of", "Against", "Ahead by>", "Give or take>", ""], [_clock(c) for c in found.clocks], [])
    flows = found.flows
    several = [("Class", [printable(f.flow_class) for f in flows])] if len(found.fates) > 1 else []
    print_table(console, "Flows with most packets", ["Flow", "Packets>", "Lost>", "Lost after", *DELAY_HEADS[1:], "Reord.>",
                                                     "Copies>"],
                [_flow(f, hops) for f in flows], several)


def hints(database: Path, advice: Callable[[], list[str]] = list) -> list[str]:
    """What a person should know before believing the figures. StoreError if the database cannot be opened.

    advice  reasons that were found why packets are not recognised, and what to do; asked where too few are complete
    """
    from tmon_store.open import open_store
    from tmon_store.report_one_way import fates

    store = open_store(database, read_only=True)
    try:
        found = list(fates(store).values())
    finally:
        store.close()
    packets, complete, dropped = (sum(getattr(f, name) for f in found) for name in ("packets", "complete", "dropped"))
    if not packets:
        return ["no packet was followed: the captures have none of TCP, UDP, ICMP or ICMPv6, or the filter leaves none"]
    if complete >= WELL * packets:
        return []
    reasons = advice()
    if complete and dropped > MANY * packets:
        reasons.append(f"{share(dropped, packets)} of the packets are dropped, which is not lost: they were under way when one of "
                       "the captures did not run")
    if reasons or 2 * complete >= packets:
        return reasons
    alone = packets - complete
    doubt = (f"{share(alone, packets)} of the packets were not seen at every place. Were they recorded at the same time? "
             "Do packets pass all of them? Are the clocks farther apart than --max-transit? Are addresses translated (--nat)? "
             "Is the order of captures that of the way?")
    return [doubt]


def _ways(hops: Sequence[str]) -> list[Pair]:
    """The whole way there and back, then each part of it."""
    if len(hops) < 2:
        return []
    parts = [(hops[0], hops[-1]), (hops[-1], hops[0])]
    if len(hops) > 2:
        parts += [*pairwise(hops), *pairwise(reversed(hops))]
    return parts


def _flow(flow: OneWayFlow, hops: Sequence[str]) -> tuple:
    from trafmon.summary import endpoint, protocol_name

    after = ", ".join(f"{printable(hops[n]) if n < len(hops) else f'hop {n + 1}'}: {count:,}"
                      for n, count in enumerate(flow.fates.lost_after) if count)
    ends = f"{endpoint(flow.src_addr, flow.src_port)} → {endpoint(flow.dst_addr, flow.dst_port)}"
    whole = _whole(flow, hops)
    cells = _delay_cells(whole)[1:] if whole else ("-",) * 4
    return (f"{protocol_name(flow.protocol)} {ends}", f"{flow.fates.packets:,}", f"{flow.fates.lost:,}", after, *cells,
            f"{flow.fates.reordered:,}", f"{flow.fates.duplicates:,}")


def _whole(flow: OneWayFlow, hops: Sequence[str]) -> Delays | None:
    """Over the whole way; where the hops are not known, of the pair that takes longest."""
    if hops:
        return next((flow.delays[pair] for pair in _ways(hops)[:2] if pair in flow.delays), None)
    return max(flow.delays.values(), key=lambda d: abs(d.mean), default=None)


def _delay_cells(delays: Delays) -> tuple[str, ...]:
    return tuple(map(signed_duration, (delays.minimum, *delays.percentiles, delays.maximum)))


def _clock(clocks: Clocks) -> tuple:
    remark = "" if clocks.steady else "it drifts"
    if clocks.offset is None:
        known = f"≥ {signed_duration(clocks.low)}" if clocks.low is not None else \
            "-" if clocks.high is None else f"≤ {signed_duration(clocks.high)}"
        return printable(clocks.to_probe), printable(clocks.from_probe), known, "-", "packets went one way only"
    return (printable(clocks.to_probe), printable(clocks.from_probe), signed_duration(clocks.offset), human_duration(clocks.bound),
            remark)
