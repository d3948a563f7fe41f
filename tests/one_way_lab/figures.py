"""Counters, distributions and clock offsets, against rows of single packets that the judge has looked at, added up again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.one_way_lab.judge import VERDICTS, Row, ns, packet_rows, rows_of
from tests.one_way_lab.site import HOPS

KINDS = ("one_way_packet", "one_way_delay_histogram", "one_way_delay_bucket", "one_way_counters", "one_way_lost", "one_way_dropped",
         "one_way_missed", "clock_offset")
COUNTED = ("packets", "octets", "duplicates", "duplicated", "clashes", "reordered", *VERDICTS,
           *(f"lost_after_{n:02}" for n in range(1, 5)))


def told_figures(spool: Path) -> dict[str, dict[str, int]]:
    """By class: sums of what one_way_counters and the histograms say, and how many rows of their own exceptions have."""
    class_of = {(r["probe"], r["run"], r["flow"]): r["flow_class"] for r in rows_of(spool, "flow_definition")}
    found: dict[str, Counter] = {name: Counter() for name in HOPS}
    for r in rows_of(spool, "one_way_counters"):
        found[class_of[r["probe"], r["run"], r["flow"]]].update({name: int(r[name]) for name in COUNTED})
    for r in rows_of(spool, "one_way_delay_histogram"):
        of_class = found[class_of[r["probe"], r["run"], r["flow"]]]
        of_class.update(population=int(r["population"]), delays_ns=ns(r["sum"]), negative=int(r["negative"]))
    for r in rows_of(spool, "one_way_delay_bucket"):
        found[class_of[r["probe"], r["run"], r["flow"]]].update(in_buckets=int(r["count"]))
    for kind in ("lost", "dropped", "missed"):
        for r in rows_of(spool, f"one_way_{kind}"):
            found[class_of[r["probe"], r["run"], r["flow"]]][f"rows of one_way_{kind}"] += 1
    return {name: {what: n for what, n in of_class.items() if n} for name, of_class in found.items()}


def added_up(spool: Path) -> dict[str, dict[str, int]]:
    """The same from one_way_packet, in the most obvious way."""
    found = {}
    for name, rows in packet_rows(spool).items():
        sums = Counter(packets=len(rows), octets=sum(r.octets for r in rows), duplicates=sum(r.copies for r in rows),
                       duplicated=sum(r.copies > 0 for r in rows), clashes=sum(r.clash for r in rows))
        sums.update(r.verdict for r in rows)
        sums.update(f"lost_after_{r.lost_after:02}" for r in rows if r.verdict == "lost")
        at_both_ends = [r for r in rows if None not in (r.times[0], r.times[-1])]
        sums.update(population=len(at_both_ends), in_buckets=len(at_both_ends), delays_ns=sum(r.delay_ns for r in at_both_ends),
                    negative=sum(r.delay_ns < 0 for r in at_both_ends))
        sums["rows of one_way_lost"] = sum(r.verdict == "lost" for r in rows)
        sums["rows of one_way_dropped"] = sum(r.verdict == "dropped" for r in rows)
        sums["rows of one_way_missed"] = sum(r.verdict in ("missed", "injected") for r in rows)
        found[name] = {what: n for what, n in sums.items() if n}
    return found


def all_rows(spool: Path, leave_out: Mapping[str, str] | None = None) -> dict[str, Counter]:
    """By kind: every row as often as it is there, but for who made it, where that is the collector itself.

    leave_out: by kind, how names of columns begin that are not compared
    """
    found = {}
    for kind in KINDS:
        without = ("probe", "run") if kind == "clock_offset" else ()
        prefix = (leave_out or {}).get(kind)
        found[kind] = Counter(tuple(value for name, value in r.items()
                                    if name not in without and not (prefix and name.startswith(prefix)))
                              for r in rows_of(spool, kind))
    return found


def offsets_ns(spool: Path) -> Iterator[tuple[int | None, int | None]]:
    """(low, high) of each clock_offset."""
    return ((ns(r["offset_low"]), ns(r["offset_high"])) for r in rows_of(spool, "clock_offset"))


def _by_flow(rows: list[Row]) -> Iterable[list[Row]]:
    flows = defaultdict(list)
    for row in rows:
        flows[row.flow].append(row)
    return flows.values()


def reordered(spool: Path, interval_ns: int) -> dict[str, tuple[int, int]]:
    """By class: packets that arrived after one of their flow that had left later (RFC 4737 section 3), as (at least, at most).

    Less those that only packets of later intervals have overtaken: whether these count, depends on when an interval is closed. Of
    datagrams in fragments, the first ones count. Delays are positive: clocks are one.
    """
    return {name: tuple(map(sum, zip(*(_reordered(of_one, interval_ns) for of_one in _by_flow(rows)), strict=True)))
            for name, rows in packet_rows(spool).items()}


def _reordered(rows: list[Row], interval_ns: int) -> tuple[int, int]:
    arrived = sorted((max(ends), min(ends)) for r in rows if None not in (ends := (r.times[0], r.times[-1])))
    within, over = 0, 0
    for n, (_, left_ns) in enumerate(arrived):
        overtook = [at_ns for _, at_ns in arrived[:n] if at_ns > left_ns]
        over += bool(overtook)
        within += any(at_ns // interval_ns == left_ns // interval_ns for at_ns in overtook)
    return within, over
