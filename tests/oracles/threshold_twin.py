"""Thresholds, slow and obvious: all rows of all intervals in a list, one series after the other, one interval after the other."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from tmon_common.config.model import Threshold

SCALES = {"octet_rate": 8, "packet_rate": 1}


def value_of(t: Threshold, rows: list[dict]) -> float | None:
    """Of the rows of one series in one interval; None: it has no value."""
    if t.metric in SCALES:
        column = {"octet_rate": "octets", "packet_rate": "packets"}[t.metric]
        total = sum(r[column] + r[f"{column}_rev"] for r in rows) * SCALES[t.metric]
        return float(Fraction(total, t.interval_ns // 10**9))
    if t.metric == "fragment_ratio":
        fragments, packets = (sum(r[c] + r[f"{c}_rev"] for r in rows) for c in ("fragments", "packets"))
        return float(Fraction(fragments, packets)) if packets >= t.samples else None
    assert t.metric == "round_trip"
    buckets = sorted(r["bucket"] for r in rows if r["metric"] == t.service for _ in range(r["count"] + r["count_rev"]))
    if len(buckets) < t.samples:
        return None
    bucket = buckets[max(math.ceil(t.percentile / 100 * len(buckets)), 1) - 1]
    return (1.04 ** (bucket - 0.5) if bucket else 1.0) / 1e9


def usual_of(t: Threshold, before: list[float]) -> float | None:
    """The baseline by the values of the intervals before."""
    if len(before) < t.baseline.history:
        return None
    if t.baseline.kind == "median":
        return statistics.median(before[-t.baseline.over:])
    average = before[0]
    for value in before[1:]:
        average += 2 / (t.baseline.over + 1) * (value - average)
    return average


def crossings(t: Threshold, rows: Iterable[tuple[tuple, int, dict]], intervals: int, series: Iterable[tuple] = ()
              ) -> list[tuple[tuple, int, bool, float]]:
    """(series, interval, crossed or back, value) in any order.

    rows        (series, interval, columns) of the class
    intervals   how many there are, from 0 on
    series      those that are there from the beginning; the others are since their first row
    """
    by_series: dict[tuple, dict[int, list[dict]]] = {s: defaultdict(list) for s in series}
    for one, interval, columns in rows:
        by_series.setdefault(one, defaultdict(list))[interval].append(columns)
    found = []
    for one, its_rows in by_series.items():
        crossed, in_a_row, before = False, 0, []
        first = 0 if one in series else min(its_rows)
        for interval in range(first, intervals):
            value = value_of(t, its_rows[interval])
            if value is None:
                in_a_row = 0
                continue
            limit, back = t.limit, t.back
            if t.baseline:
                usual = usual_of(t, before)
                before.append(value)
                if usual is None:
                    continue
                limit, back = usual * t.limit, usual * t.back
                if t.above:
                    limit, back = max(limit, t.at_least), max(back, t.at_least * t.back / t.limit)
            beyond = value > limit if t.above else value < limit
            within = value <= back if t.above else value >= back
            in_a_row = in_a_row + 1 if (within if crossed else beyond) else 0
            if in_a_row == t.consecutive:
                crossed, in_a_row = not crossed, 0
                found.append((one, interval, crossed, value))
    return found
