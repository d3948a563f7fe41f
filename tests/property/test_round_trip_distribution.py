"""Distributions of round trips add up to what slow counting gives, whenever rows are closed."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.round_trip_twins import MAX_INT, DistributionTwin
from tests.pipeline_in_process import as_record
from tmon_common.analyses.built_in import METRICS
from tmon_common.config.model import Histogram
from tmon_common.observations import ROUND_TRIP_BUCKET, ROUND_TRIP_HISTOGRAM
from tmon_probe.child.intervals import END
from tmon_probe.child.round_trips import distribution as module
from tmon_probe.child.round_trips.distribution import Distribution
from tmon_probe.child.round_trips.sample import OUTCOMES, OWNER, SAMPLE

SECOND = 1_000_000_000
HISTOGRAM = Histogram("h", "ns", (1000, 1_000_000, SECOND))
SUMS = [c.name for c in ROUND_TRIP_HISTOGRAM.expanded if c.name.startswith(("population", "sum", "unanswered", "error", "slice"))]

times = st.one_of(st.integers(0, 3000), st.integers(0, 20 * SECOND), st.integers(0, 4_000_000 * SECOND),
                  st.sampled_from((0, 1, 2, 499, 500, 999, 1000, 1001, 999_999, 1_000_000, SECOND, SECOND + 1)))
round_trips = st.tuples(st.integers(0, 3), st.sampled_from(("dns", "ntp", "tcp_data")), st.sampled_from((1, 2, 1 << 100)),
                        st.integers(0, 1), st.sampled_from(OUTCOMES), times, st.integers(1, 7),
                        st.integers(-5 * SECOND, 50 * SECOND))
"""(flow, metric, responder, way, outcome, took, code, counted)."""


def arrays(many: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
    samples, owners = np.zeros(len(many), SAMPLE), np.zeros(len(many), OWNER)
    for s, o, (flow, metric, responder, way, outcome, took, code, counted) in zip(samples, owners, many, strict=True):
        s["metric"], s["outcome"], s["code"] = METRICS.index(metric), OUTCOMES.index(outcome), code
        s["responder_hi"], s["responder_lo"] = responder >> 64, responder & 2**64 - 1
        s["round_trip_ns"] = -1 if outcome == "unanswered" else took
        o["flow"], o["number"], o["way"], o["counted_ns"] = flow, 1000 + flow, way, counted
    return samples, owners


def key_of(row: dict) -> tuple:
    address = row["responder_addr"]
    return row["flow"] - 1000, row["start"], row["metric"], int(address) if address.version == 6 else (0xFFFF << 32) + int(address)


class Collected:
    """Rows added up."""

    def __init__(self) -> None:
        self.rows: dict[tuple, Counter] = {}
        self.extremes: dict[tuple, list] = {}
        self.buckets: Counter = Counter()

    def take(self, published: list) -> None:
        for rows in published:
            for i in range(len(rows)):
                row = as_record(rows, i)
                if rows.kind is ROUND_TRIP_BUCKET:
                    for suffix in ("", "_rev"):
                        self.buckets[(*key_of(row), row["bucket"], suffix)] += row["count" + suffix]
                    assert row["count"] + row["count_rev"] > 0
                    continue
                assert ("h", row["start"]) == (row["histogram"], row["end"] - self.interval_ns)
                self.rows.setdefault(key_of(row), Counter()).update({name: row[name] for name in SUMS})
                for suffix in ("", "_rev"):
                    if row["minimum" + suffix] is not None:
                        found = self.extremes.setdefault((key_of(row), suffix), [])
                        found += [row["minimum" + suffix], row["maximum" + suffix]]
                    else:
                        assert row["maximum" + suffix] is None

    interval_ns = 10 * SECOND


actions = st.sampled_from((("",), ("until", 5), ("until", 20), ("flows", 1, 3), ("all",)))


@given(st.lists(st.tuples(st.lists(round_trips, max_size=30), actions), max_size=5), st.sampled_from((1 << 17, 40)))
def test_distribution_adds_up(steps, most):
    """Population, sums (no larger than a word holds), extremes, slices, codes, buckets per flow, interval, metric, responder."""
    distribution, collected = Distribution(10 * SECOND, HISTOGRAM), Collected()
    twin = DistributionTwin(10 * SECOND, HISTOGRAM.bounds)
    distribution.rows.maximum = distribution.buckets.maximum = most
    for many, action in steps:
        collected.take(distribution.add(*arrays(many)))
        for one in many:
            twin.add(*one)
        if action[0] == "until":
            closed = distribution.close_until(action[1] * SECOND)
            assert all((rows.values["end"] <= action[1] * SECOND).all() for rows in closed)
            for opened in (distribution.rows, distribution.buckets):
                assert (opened.rows[: len(opened), END] > action[1] * SECOND).all()
        elif action[0] == "flows":
            closed = distribution.close_flows(np.array(action[1:], np.int32))
            assert all(np.isin(rows.values["flow"] - 1000, action[1:]).all() for rows in closed)
        else:
            closed = distribution.close_all() if action[0] else []
        for rows in closed:
            words = rows.words[:, :7] if rows.kind is ROUND_TRIP_BUCKET else rows.words[:, :6]
            assert len(words) == len(np.unique(words, axis=0)), "one row a key"
        collected.take(closed)
    collected.take(distribution.close_all())
    assert len(distribution.rows) == len(distribution.buckets) == 0
    expected = {key: {n: min(v, MAX_INT) for n, v in row.items() if v} for key, row in twin.rows.items()}
    if most > 1000:  # else sums of several rows
        assert expected == {key: dict(+row) for key, row in collected.rows.items()}
    else:
        assert expected == {key: {n: min(v, MAX_INT) for n, v in (+row).items()} for key, row in collected.rows.items()}
    assert {k: (min(v), max(v)) for k, v in twin.extremes.items()} == {k: (min(v), max(v)) for k, v in collected.extremes.items()}
    assert twin.buckets == +collected.buckets


def test_samples_without_a_flow_are_passed_over():
    """Such as those of connections that are in no flow of the definition."""
    distribution = Distribution(SECOND, HISTOGRAM)
    distribution.add(*arrays([(-1, "dns", 1, 0, "answered", 5, 0, 0)]))
    assert [] == distribution.close_all()


def test_too_many_rows_are_published_early(monkeypatch):
    """A sweep over many responders stays within the bound, and nothing is lost."""
    monkeypatch.setattr(module, "MAX_ROWS", 1000)
    distribution, seen = Distribution(60 * SECOND, HISTOGRAM), 0
    for batch in range(20):
        many = [(0, "dns", 1000 * batch + n, 0, "unanswered", 0, 0, 0) for n in range(300)]
        for rows in distribution.add(*arrays(many)):
            seen += len(rows)
        assert len(distribution.rows) <= 1000
    assert seen == distribution.published_early > 0
    assert 20 * 300 == seen + sum(map(len, distribution.close_all()))


def test_close_until_closes_what_has_ended():
    """Intervals that ended at or before now, and no other, of both kinds."""
    distribution = Distribution(10 * SECOND, HISTOGRAM)
    distribution.add(*arrays([(f, "dns", 1, 0, "answered", 5, 0, counted * SECOND) for f, counted in ((0, 5), (1, 12), (2, 29))]))
    closed = [[rows.values["flow"].tolist() for rows in distribution.close_until(now * SECOND)]
              for now in (9, 10, 19, 20, 3, 29, 30)]
    assert [[], [[1000]] * 2, [], [[1001]] * 2, [], [], [[1002]] * 2] == closed
