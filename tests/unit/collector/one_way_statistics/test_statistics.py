"""Statistics of one-way packets are those of the slow twin, whatever rounds the packets come in."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import one_way_statistics_twin as twin
from tests.oracles.one_way_statistics_twin import LOST
from tests.unit.collector.one_way_statistics.make import (
    HISTOGRAM,
    RUN_MS,
    Numbered,
    at_random,
    latencies,
    one_way,
    packed,
    packet,
)
from tmon_collector.one_way import statistics as module
from tmon_collector.one_way.statistics import Statistics
from tmon_common.observations import ABSENT

FOREVER = np.iinfo(np.int64).max


def told(published: list) -> dict:
    """kind -> rows as dicts, with probe and run; texts resolved, empty values None."""
    result = defaultdict(list)
    for probe, run_ms, rows in published:
        texts = [c.name for c in rows.kind.expanded if c.type.value == "string"]
        for row in rows.values:
            values = {n: None if row[n] == ABSENT else int(row[n]) for n in rows.kind.dtype.names}
            values |= {n: rows.strings[values[n]] for n in texts if values[n] is not None}
            result[rows.kind.name].append({"probe": probe, "run": run_ms, **values})
    return result


def run(packets: list, settings_, round_ns: int, *, close_between: bool) -> dict:
    engine = Statistics("class", settings_, {"times": HISTOGRAM}, Numbered())
    published = []
    rounds = sorted({p.round for p in packets})
    for number in range(rounds[0], rounds[-1] + 2) if rounds else []:
        end_ns = (number + 1) * round_ns
        engine.add(packed([p for p in packets if p.round == number]), end_ns)
        if close_between:
            published += engine.close(end_ns - 3 * settings_.max_transit_ns)
    return told([*published, *engine.close(FOREVER)])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 120), st.integers(1, 4), st.sampled_from([1, 777, 1_000_003]),
       st.sampled_from([200, 400, 1200]), st.sampled_from([200, 400, 600]), st.booleans())
def test_as_the_twin(seed, hops, many, flows, scale, round_length, interval_length, close_between):
    """Counters, distributions, buckets and offsets of two to four hops, both directions, one or many rounds."""
    interval_ns, transit_ns, round_ns = interval_length * scale, 50 * scale, round_length * scale
    packets = at_random(seed, hops, many, flows, 1000 * scale, transit_ns, round_ns)
    way = one_way(hops, latencies=latencies(hops, "times"), interval_ns=interval_ns, max_transit_ns=transit_ns)
    rows = run(packets, way, round_ns, close_between=close_between)
    expected = twin.counters(packets, interval_ns, hops)

    counted = {}
    numbers = {(cell["definition"] + 100, start): flow for (flow, start), cell in expected.items()}
    for row in rows["one_way_counters"]:
        flow, index = numbers[row["flow"], row["start"]], row["flow"] - 100
        assert (row["probe"], row["run"], row["end"]) == ("ab"[index % 2], RUN_MS, row["start"] + interval_ns)
        counted[flow, row["start"]] = {k: index if k == "definition" else row[k] for k in expected[flow, row["start"]]}
    assert expected == counted

    shortest = twin.offsets(packets, interval_ns, [p.probe for p in way.points])
    found, wanted = {}, {}
    buckets = defaultdict(dict)
    for row in rows["one_way_delay_bucket"]:
        buckets[row["flow"], row["start"], row["from_hop"], row["to_hop"]][row["bucket"]] = row["count"]
    for pair in way.latencies:
        ends = pair.from_hop, pair.to_hop
        for (flow, start, a, b), values in twin.distributions(packets, interval_ns, *ends, list(HISTOGRAM.bounds)).items():
            there, back = shortest.get((start, f"p{a}", f"p{b}")), shortest.get((start, f"p{b}", f"p{a}"))
            wanted[flow, start, f"hop{a}", f"hop{b}"] = values | {"offset_high": there and there[0], "histogram": "times",
                                                                   "offset_low": back and -back[0]}
    for row in rows["one_way_delay_histogram"]:
        key = numbers[row["flow"], row["start"]], row["start"], row["from_hop"], row["to_hop"]
        own = {"buckets": buckets[row["flow"], *key[1:]]}
        found[key] = {k: own[k] if k in own else row[k] for k in wanted[key]}
        assert row["probe"] == "ab"[row["flow"] % 2]
    assert wanted == found

    for row in rows["clock_offset"]:
        probes = row["from_probe"], row["to_probe"]
        there, back = shortest.get((row["start"], *probes)), shortest.get((row["start"], *probes[::-1]))
        assert (row["offset_high"], row["offset_low"]) == (there and there[0], back and -back[0])
        assert (row["packets_there"], row["packets_back"]) == (there[1] if there else 0, back[1] if back else 0)
        assert (row["probe"], row["flow_class"]) == ("", "class")
        if there and back:  # bounds that exclude each other are of a clock that moved
            assert abs(row["offset"] - row["offset_low"]) <= row["bound"] >= abs(row["offset_high"] - row["offset"])
    assert len({(s, *sorted((a, b))) for s, a, b in shortest}) == len(rows["clock_offset"])


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_DELAYS"])
def test_without_room(monkeypatch, limit):
    """Too many rows: all are published early, sums still add up. Too many delays: percentiles stay empty, nothing else does."""
    packets = at_random(5, 2, 300, 3, 1000, 50, 200)
    way = one_way(2, interval_ns=600, max_transit_ns=50)
    rows = run(packets, way, 200, close_between=True)
    monkeypatch.setattr(module, limit, 0)
    fewer = run(packets, way, 200, close_between=True)
    assert [row["pdv_50"] for row in fewer["one_way_delay_histogram"]].count(None) > 0 or limit == "MAX_ROWS"
    for name in ("population", "sum", "ipdv_population"):
        assert sum(r[name] for r in rows["one_way_delay_histogram"]) == sum(r[name] for r in fewer["one_way_delay_histogram"])
    assert sum(r["packets"] for r in rows["one_way_counters"]) == 300 == sum(r["packets"] for r in fewer["one_way_counters"])
    assert (len(rows["one_way_counters"]) < len(fewer["one_way_counters"])) == (limit == "MAX_ROWS")


def test_a_flow_that_is_forgotten_begins_anew():
    """No variation from, no distance to, what had that number before."""
    way = one_way(2, interval_ns=200, max_transit_ns=50)
    for forget, pairs, distances in ((False, 1, 1), (True, 0, 0)):
        engine = Statistics("class", way, {}, Numbered())
        engine.add(packed([packet([270, None], verdict=LOST), packet([300, 350])]), 400)
        engine.close(400)
        if forget:
            engine.forget(np.array([0, 5]))
        engine.add(packed([packet([500, 520]), packet([510, None], verdict=LOST)]), 600)
        rows = told(engine.close(600))
        assert [row["ipdv_population"] for row in rows["one_way_delay_histogram"]] == [pairs]
        assert [row["loss_distance_population"] for row in rows["one_way_counters"]] == [distances]


def test_only_counters_where_packets_have_rows_of_their_own():
    rows = run(at_random(1, 2, 20, 2, 1000, 50, 400), one_way(2, interval_ns=200, max_transit_ns=50, output="packets"), 400,
               close_between=False)
    assert set(rows) == {"one_way_counters", "clock_offset"}
