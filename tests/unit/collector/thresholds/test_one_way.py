"""Thresholds on rows that the collector itself makes, when packets are judged: long after their interval."""

from __future__ import annotations

import pytest

from tests.unit.collector.thresholds.make import RUN, SECOND, T0, configuration, definitions, rows_of, threshold
from tmon_collector.thresholds.engine import ThresholdEngine

INTERVAL_S = 60


def row(k: int, lost: int) -> dict:
    start_ns = T0 + k * INTERVAL_S * SECOND
    return {"flow": 1, "start": start_ns, "end": start_ns + INTERVAL_S * SECOND, "complete": 100 - lost, "lost": lost}


@pytest.mark.parametrize("after_s", [75, 3000])
def test_rows_come_long_after_their_interval(after_s):
    """Of live probes, one interval after the other: late slots are waited for, or a probe that is silent. None is missed."""
    made = configuration(threshold("one_way_loss_ratio", 0.1, 0.05, interval_ns=INTERVAL_S * SECOND), probes=("p1", "p2"))
    engine = ThresholdEngine(made, "c", T0)
    words, strings = definitions([(1, "web", 1)])
    engine.define(words, "p1", RUN, strings, 0)
    lost = [0, 20, 20, 0, 30, 0, 0, 0]
    due = {(k + 1) * INTERVAL_S + after_s: k for k in range(len(lost))}
    events = []
    for second in range(max(due) + 60):
        now_ns = second * SECOND
        if second in due:
            k = due[second]
            engine.take("one_way_counters", *rows_of("one_way_counters", [row(k, lost[k])])[:1], "p1", RUN, ["-"], now_ns)
            engine.settled("web", T0 + (k + 1) * INTERVAL_S * SECOND, now_ns)
            engine.settled("rest", T0 + (k + 9) * INTERVAL_S * SECOND, now_ns)
        events += engine.tick(now_ns, T0 + now_ns, {"p1": now_ns, "p2": now_ns})
    assert [e.code for e in events] == ["threshold_crossed", "threshold_back"] * 2
    assert engine.statistics.rows_late == 0


def test_what_is_made_here_does_not_make_a_silent_probe_heard():
    """Packets of an hour ago are judged: that says nothing of now."""
    made = configuration(threshold("one_way_loss_ratio", 0.1, 0.05, interval_ns=INTERVAL_S * SECOND))
    engine = ThresholdEngine(made, "c", T0)
    words, strings = definitions([(1, "web", 1)])
    engine.define(words, "p1", RUN, strings, 0)
    engine.take("one_way_counters", rows_of("one_way_counters", [row(0, 0)])[0], "p1", RUN, ["-"], 3600 * SECOND)
    engine.tick(3600 * SECOND, T0 + 3600 * SECOND, {"p1": SECOND})
    assert engine._progress["p1"].heard_ns == SECOND
