"""Volumes over minutes, beside slow arithmetic with fractions."""

import random
from fractions import Fraction

import numpy as np

from tmon_collector.netflow import spread as module
from tmon_collector.netflow.bounds import LONGEST_MS, MAX_COUNT
from tmon_collector.netflow.records import records
from tmon_collector.netflow.spread import EXPORTER, FLOW, MINUTE, OCTETS, PACKETS, RECORDS, spread


def flows_of(rows):
    flows = records(len(rows))
    for i, (start, end, octets, packets) in enumerate(rows):
        flows[i]["start_ms"], flows[i]["end_ms"], flows[i]["octets"], flows[i]["packets"], flows[i]["exporter"] = (
            start, end, octets, packets, i % 3)
    return flows


def slowly(start, end, amount):
    """Share of each minute."""
    lived = max(end - start, 1)
    shares = {}
    for minute in range(start // 60_000, (start + lived - 1) // 60_000 + 1):
        until = min((minute + 1) * 60_000, start + lived) - start
        since = max(minute * 60_000, start) - start
        shares[minute] = int(Fraction(amount * until, lived)) - int(Fraction(amount * since, lived))
    return shares


def test_exact_to_the_octet():
    """Any length, any amount, on and off the borders of minutes."""
    draw = random.Random(3)
    base = 28_333_333 * 60_000
    rows = [(base, base, 5, 1), (base, base + 60_000, 7, 7), (base, base + 60_001, 7, 7), (base - 1, base, 9, 1),
            (base - 1, base + 1, 3, 3), (base + 5, base + 5 + LONGEST_MS, MAX_COUNT, MAX_COUNT - 1), (-100_000, -30_000, 11, 2)]
    for _ in range(300):
        start = base + draw.randrange(10 * 60_000)
        rows.append((start, start + draw.choice((0, 1, 59_999, 60_000, draw.randrange(200_000), draw.randrange(40 * 60_000))),
                     draw.choice((0, 1, draw.randrange(100), draw.randrange(MAX_COUNT))), draw.randrange(1000)))
    made = np.concatenate(list(spread(flows_of(rows), np.arange(len(rows)) + 100)))
    found = {}
    for row in made.tolist():
        assert (row[FLOW], row[MINUTE]) not in found
        found[row[FLOW], row[MINUTE]] = (row[EXPORTER], row[OCTETS], row[PACKETS], row[RECORDS])
    expected = {}
    for i, (start, end, octets, packets) in enumerate(rows):
        shares = slowly(start, end, packets)
        for minute, share in slowly(start, end, octets).items():
            expected[100 + i, minute] = (i % 3, share, shares[minute], int(minute == start // 60_000))
    assert expected == found
    assert sum(r[2] for r in rows) == int(made[:, OCTETS].sum())


def test_in_pieces(monkeypatch):
    """As many rows at once as are allowed, a flow never in two; a flow that has more comes alone."""
    monkeypatch.setattr(module, "MAX_ROWS", 10)
    rows = [(0, 60_000 * n, 1000, 1) for n in (3, 4, 3, 1, 25, 10, 1)]
    pieces = list(spread(flows_of(rows), np.arange(7)))
    assert [10, 1, 25, 10, 1] == [len(p) for p in pieces]
