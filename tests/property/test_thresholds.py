"""Thresholds beside their slow twin, whatever the order in which rows and definitions arrive."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.threshold_twin import crossings
from tests.unit.collector.thresholds.make import RUN, SECOND, T0, WORST_WAIT_S, Simulation, configuration, threshold
from tmon_common.config.model import Baseline, Threshold

INTERVALS = 8
FLOWS = {1: ("web", 1), 2: ("web", 1), 3: ("web", 2), 4: ("rest", 1)}
"""By number: class and source. Two have the same source, one is of another class."""
LATEST_S = 7
"""After the end of their interval, at which rows may come; the grace is longer."""


def rows_by(seed: int, metrics: tuple[str, ...]) -> list[dict]:
    """Rows of most flows in most intervals, each with a level that stays for some of them, in one or two parts."""
    random, rows = Random(seed), []
    for probe in ("p1", "p2"):
        for flow in FLOWS:
            level = 0
            for interval in range(INTERVALS):
                if random.random() < 0.5:
                    level = random.choice((0, 0, 1, 2, 4))
                for _ in range(random.choice((0, 1, 1, 1, 2)) if random.random() < 0.9 else 0):
                    packets = level * 30 + random.choice((0, 0, 1))
                    row = {"flow": flow, "interval": interval, "at": random.randint(1, LATEST_S), "probe": probe}
                    if metrics:
                        row |= {"metric": random.choice(metrics), "bucket": 60 * level + random.choice((0, 1)),
                                "count": random.randint(0, 3), "count_rev": random.randint(0, 1)}
                    else:
                        row |= {"packets": packets, "packets_rev": level, "octets": packets, "octets_rev": 7 * level,
                                "fragments": random.randint(0, packets // 8), "fragments_rev": 0}
                    rows.append(row)
    return rows


@st.composite
def thresholds(draw, metrics: dict[str, tuple[float, ...]], kinds=("median", "ewma", None)) -> Threshold:
    """metrics: limits worth trying, by metric."""
    metric, above = draw(st.sampled_from(sorted(metrics))), draw(st.booleans())
    baseline = draw(st.sampled_from(kinds))
    limit = draw(st.sampled_from((1.5, 1.0, 0.5) if baseline else metrics[metric]))
    over = draw(st.integers(3, 4))
    return threshold(
        metric, limit, limit * draw(st.sampled_from((1.0, 0.8) if above else (1.0, 1.3))), above=above,
        service="dns" if metric == "round_trip" else "", percentile=draw(st.sampled_from((50.0, 95.0, 100.0))),
        per=draw(st.sampled_from((("probe",), (), ("probe", "src_addr"), ("src_addr",)))),
        consecutive=draw(st.integers(1, 3)), samples=draw(st.integers(1, 5)),
        baseline=Baseline(baseline, over, draw(st.integers(1, 3))) if baseline else None,
        at_least=draw(st.sampled_from((0.0, 1.0))) if baseline and above else 0.0)


def series_of(t: Threshold, row: dict) -> tuple:
    return (row["probe"] if "probe" in t.per else "", FLOWS[row["flow"]][1] if "src_addr" in t.per else 0)


def compared(t: Threshold, kind: str, rows: list[dict], defined_at: int) -> None:
    """Plays the rows at their times, and compares all that is told."""
    simulation = Simulation(configuration(t, probes=("p1", "p2")))
    columns = [{k: v for k, v in row.items() if k not in ("at", "probe", "interval")} for row in rows]
    for interval in range(INTERVALS):
        for second in range(1, LATEST_S + 1):
            simulation.until((interval + 1) * 60 + second)
            for row, values in zip(rows, columns, strict=True):
                if (row["interval"], row["at"]) == (interval, second):
                    start = T0 + interval * 60 * SECOND
                    simulation.take(kind, {**values, "start": start, "end": start + 60 * SECOND}, probe=row["probe"])
            if (interval, second) == (0, defined_at):
                for probe in ("p1", "p2"):
                    simulation.define(*((n, c, s) for n, (c, s) in FLOWS.items()), probe=probe, run=RUN)
    simulation.until((INTERVALS - 1) * 60 + WORST_WAIT_S)
    fixed = [] if "src_addr" in t.per else [(p, 0) for p in (("p1", "p2") if "probe" in t.per else ("",))]
    mine = [(series_of(t, r), r["interval"], r) for r in rows if FLOWS[r["flow"]][0] == "web"]
    expected = [(s, i, c, f"{v:.9g}") for s, i, c, v in crossings(t, mine, INTERVALS, fixed)]
    found = []
    for event in simulation.events:
        values = dict(event.values)
        interval = (values["start"] - T0 // SECOND) // 60
        parts = [p.rsplit(" ", 1)[1] for p in values["series"].split(", ")[1:]]
        series = (parts[0] if "probe" in t.per else "", int(parts[-1].rsplit(".", 1)[1]) if "src_addr" in t.per else 0)
        if interval < INTERVALS:
            found.append((series, interval, event.code == "threshold_crossed", values["value"]))
    assert sorted(expected) == sorted(found)
    assert (0, 0) == (simulation.engine.statistics.rows_late, simulation.engine.statistics.rows_undefined)


seeds = st.integers(0, 1 << 32)


@settings(max_examples=200, deadline=None)
@given(thresholds({"packet_rate": (0.5, 1.0, 2.0, 4.0), "octet_rate": (4.0, 16.0, 32.0), "fragment_ratio": (0.05, 0.1)}), seeds,
       st.integers(1, LATEST_S))
def test_counters(t, seed, defined_at):
    """Rates and ratios: by probe, of all probes, by source; static or against a baseline."""
    compared(t, "ip_counters", rows_by(seed, ()), defined_at)


@settings(max_examples=100, deadline=None)
@given(thresholds({"round_trip": tuple(1.04 ** (n + 0.2) / 1e9 for n in (60, 120, 180))}), seeds, st.integers(1, LATEST_S))
def test_percentiles(t, seed, defined_at):
    """Of log-spaced buckets, of one service."""
    compared(t, "round_trip_bucket", rows_by(seed, ("dns", "dns", "icmp_echo")), defined_at)
