"""Two collectors that get the same PDUs in another order write the same rows, of all kinds."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

import pytest

from tests.unit.collector.one_way_engine.make import CLASS, MS, T0, block, definition, flow_class
from tmon_collector.mark import Mark
from tmon_collector.one_way import flows
from tmon_collector.one_way.engine import ClassEngine
from tmon_collector.one_way.results import Results
from tmon_common.config.model import SECOND, Hop, Latency, Point
from tmon_common.observations import ONE_WAY_PACKET, Rows, Type

HOPS = (Hop("in", (Point(1, "a", "eth0"), Point(2, "b", "eth0"))), Hop("out", (Point(3, "c", "eth0"),)))
NUMBERS = {("a", 1): (7, 8), ("a", 2): (2, 1), ("b", 1): (3, 4), ("c", 1): (1, 5)}
"""Numbers of the two flows in the run of each probe."""


def a_class():
    made = flow_class(interval_ns=5 * SECOND)
    return replace(made, one_way=replace(made.one_way, hops=HOPS, latencies=(Latency(0, 1),)))


def plain(probe: str, run_ms: int, rows: Rows) -> list[tuple]:
    """Rows with their texts instead of the numbers of these."""
    texts = [c.name for c in rows.kind.expanded if c.type == Type.STRING]
    found = []
    for row in rows.values:
        values = {n: v.tolist() for n, v in zip(row.dtype.names, row, strict=True)}
        values |= {n: rows.strings[values[n]] if values[n] >= 0 else "" for n in texts}
        found.append((rows.kind.name, probe, run_ms, *values.values()))
    return found


class One:
    """A collector: an engine with all that it publishes."""

    def __init__(self) -> None:
        made = a_class()
        self.engine = ClassEngine(made, "abc", partial(Results, made, {}))
        self.rows: list[tuple] = []
        self.marks: dict[tuple[str, str], Mark] = {}

    def take(self, what) -> None:
        if what[0] == "definition":
            self.engine.define(what[3], what[1], what[2], [CLASS])
        else:
            self.engine.take(what[3], what[1], what[2], 0)

    def settle(self, most: int = 1 << 30) -> None:
        while most and (found := self.engine.tick(0)) is not None:
            most -= 1
            for output in found.outputs:
                self.rows += [row for p in output.pieces() for row in plain(*p)]
                mark = Mark(CLASS, output.kind.name, found.epoch, found.end_ns)
                self.marks[mark[:2]] = mark
            self.marks[CLASS, ""] = Mark(CLASS, "", found.epoch, found.end_ns)


def pdus(random_: random.Random) -> list[tuple]:
    """Two flows whose packets enter at a or b as it happens; a is killed in the midst, and starts anew. Packets are lost, late,
    doubled."""
    seen = {key: [] for key in NUMBERS}
    for n in range(600):
        flow = random_.randrange(2)
        time_ns = T0 + n * 50 * MS
        entry = random_.choice((("a", 1 if n < 300 else 2), ("b", 1)))
        seen[entry].append((NUMBERS[entry][flow], 1 if entry[0] == "a" else 2, n, time_ns))
        if random_.random() < 0.9:
            for _ in range(1 + (random_.random() < 0.05)):
                seen["c", 1].append((NUMBERS["c", 1][flow], 3, n, time_ns + random_.randrange(20, 200) * MS))
    made = []
    for key, rows in seen.items():
        made += [("definition", *key, definition(NUMBERS[key][flow], 1 + flow, 10)) for flow in range(2)]
        rows.sort(key=lambda row: row[3])
        parts = [rows[i : i + 40] for i in range(0, len(rows), 40)]
        made += [("block", *key, block(part, k, part[-1][3] + 1, ended=k == len(parts) - 1 and key != ("a", 1)))
                 for k, part in enumerate(parts)]
    return made


@pytest.mark.parametrize("seed", range(10))
def test_equal_rows(seed):
    random_ = random.Random(seed)
    told = pdus(random_)
    outcomes = []
    for _ in range(2):
        definitions = [t for t in told if t[0] == "definition"]
        blocks = [t for t in told if t[0] == "block"]
        random_.shuffle(definitions)
        random_.shuffle(blocks)
        of_a = iter(sorted((t for t in blocks if t[1] == "a"), key=lambda t: t[2]))  # a run's come before the next one's
        blocks = [next(of_a) if t[1] == "a" else t for t in blocks]
        one = One()
        for what in (*definitions, *blocks):
            one.take(what)
            one.settle()
        assert one.engine.epoch == 1
        outcomes.append(sorted(one.rows, key=repr))
    assert outcomes[0] == outcomes[1]
    assert sum(row[0] == ONE_WAY_PACKET.name for row in outcomes[0]) >= 600
    assert {row[0] for row in outcomes[0]} >= {"one_way_packet", "one_way_counters", "one_way_delay_histogram", "one_way_lost"}
    assert {row[1:3] for row in outcomes[0] if row[0] == "one_way_packet"} >= {("a", 1), ("a", 2), ("b", 1)}


@pytest.mark.parametrize("after", range(1, 6))
def test_a_restart_repeats_nothing_and_leaves_nothing_out(after):
    """Killed when so many rounds are written; the next start gets the same PDUs and the marks. Both together write what one does.
    """
    told = pdus(random.Random(99))
    whole, first = One(), One()
    for what in told:
        whole.take(what)
        first.take(what)
    whole.settle()
    first.settle(after)
    second = One()
    second.engine.begin_restoring(first.marks)
    for what in told:
        second.take(what)
    second.engine.end_restoring()
    second.settle()
    assert second.rows
    assert sorted([*first.rows, *second.rows], key=repr) == sorted(whole.rows, key=repr)


@pytest.mark.parametrize("interval_s", [5, 30])
def test_flows_are_forgotten_only_when_their_rows_are_made(interval_s, monkeypatch):
    """More flows than there is room for, of one packet each: those of the open interval are still known when it is closed."""
    monkeypatch.setattr(flows.Definitions.__init__, "__defaults__", (600,))
    made = a_class()
    made = replace(made, one_way=replace(made.one_way, interval_ns=interval_s * SECOND, max_transit_ns=SECOND // 2))
    one = One()
    one.engine = ClassEngine(made, "abc", partial(Results, made, {}))
    for n in range(1200):
        time_ns = T0 + n * 100 * MS
        for probe, point in (("a", 1), ("c", 3)):
            one.take(("definition", probe, 1, definition(n, n + 1, 10)))
            one.take(("block", probe, 1, block([(n, point, n, time_ns + point * MS)], n, time_ns + 50 * MS)))
        one.take(("block", "b", 1, block([], n, time_ns)))
        one.settle()
    counted = [row for row in one.rows if row[0] == "one_way_counters"]
    assert one.engine.counts.definitions_forgotten > 1000
    assert one.engine.counts.undefined == 0 or interval_s == 30
    packets = [row for row in one.rows if row[0] == "one_way_packet"]
    assert len(packets) + one.engine.counts.undefined // 2 >= 1100 - 10 * interval_s
    assert len({row[3] for row in counted}) == len(counted) >= len(packets) - 10 * interval_s


def test_flows_that_have_ended_are_forgotten_and_nothing_else_changes():
    """For hours ever new flows, and one that is silent for almost as long as its probes remember it: what has ended costs no
    memory, and rows are those of a collector that forgets nothing."""
    made = a_class()
    kept, forgets = One(), One()
    for one in (kept, forgets):
        one.engine = ClassEngine(made, "abc", partial(Results, made, {}))
    kept.engine._silence_ns = 1 << 60
    silence_s = forgets.engine._silence_ns // SECOND
    step_s, most = made.flows[0].obsolescence_ns // SECOND - 1, 0
    for n in range(4 * silence_s // step_s):
        time_ns = T0 + n * step_s * SECOND
        for one in (kept, forgets):
            for probe, point in (("a", 1), ("b", 2), ("c", 3)):
                if n == 0:
                    one.take(("definition", probe, 1, definition(1_000_000, 1, 2)))
                one.take(("definition", probe, 1, definition(n, n + 3, 2)))
                one.take(("block", probe, 1, block([(flow, point, flow, time_ns + point * MS) for flow in (n, 1_000_000)], n,
                                                   time_ns + SECOND)))
            one.settle()
        most = max(most, len(forgets.engine.definitions))
    assert most <= 3 * (silence_s // step_s + 4) < len(kept.engine.definitions)
    assert forgets.engine.counts.undefined == forgets.engine.counts.definitions_forgotten == 0
    assert sorted(forgets.rows, key=repr) == sorted(kept.rows, key=repr)
    assert sum(row[0] == "one_way_packet" for row in kept.rows) > 2 * (n - 5)
