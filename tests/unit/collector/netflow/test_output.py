"""Rows and definitions to the spool, also when its disk is full."""

import csv
import io
from collections import Counter

import numpy as np
import pytest

from tmon_collector.csv_text import csv_header
from tmon_collector.netflow import output as module
from tmon_collector.netflow.output import RETRY_NS, Output
from tmon_collector.netflow.records import records
from tmon_collector.netflow.statistics import NetflowStatistics
from tmon_common.observations import KINDS

MINUTE_NS = 60_000_000_000
NOW_NS = 28_333_333 * MINUTE_NS


class Paper:
    """A spool that takes `room` appends."""

    room = 1 << 30

    def __init__(self):
        self.written = []

    def append(self, kind, lines):
        if self.room <= 0:
            return False
        self.room -= 1
        self.written.append((kind.name, bytes(lines)))
        return True

    def rows(self, kind):
        text = csv_header(KINDS[kind]) + b"".join(lines for name, lines in self.written if name == kind)
        return list(csv.DictReader(io.StringIO(text.decode())))


@pytest.fixture
def paper():
    return Paper()


def output_of(paper, linger_ns=0, ports="both"):
    return Output(paper, ["west", "10.0.0.9"], 77, NetflowStatistics(), linger_ns, ports)


def flows_of(*numbers, minute=-5, octets=100):
    flows = records(len(numbers))
    flows["src_addr"], flows["dst_addr"] = [(0, n) for n in numbers], (0, 1)
    flows["exporter"], flows["octets"], flows["packets"] = np.array(numbers) % 2, octets, 2
    flows["start_ms"] = flows["end_ms"] = NOW_NS // 1_000_000 + minute * 60_000
    return flows


def sums(paper):
    """Octets of each (exporter, source address); every row's flow is defined before it."""
    defined, found = {}, Counter()
    for name, lines in paper.written:
        for row in csv.DictReader(io.StringIO((csv_header(KINDS[name]) + lines).decode())):
            key = row["probe"], row["run"], row["flow"]
            if name == "flow_definition":
                defined[key] = row["src_addr"]
            else:
                found[row["probe"], defined[key]] += int(row["octets"])
    return dict(found)


def test_rows_are_of_their_exporters(paper):
    """probe and run; the definition once; ends of minutes; what a class of flows they are of."""
    output = output_of(paper)
    for _ in range(2):
        output.add(flows_of(0x10, 0x11), NOW_NS)
        output.tick(NOW_NS + 1)
        output.close(NOW_NS)
    assert {("west", "::10"): 200, ("10.0.0.9", "::11"): 200} == sums(paper)
    assert [("west", "77", "netflow")] == [(r["probe"], r["run"], r["flow_class"]) for r in paper.rows("flow_definition")
                                           if r["probe"] == "west"]
    assert {60.0} == {float(r["end"]) - float(r["start"]) for r in paper.rows("netflow")}


def test_when_the_disk_is_full_rows_wait(paper):
    """They are tried again every second, and written once; definitions come before."""
    output = output_of(paper)
    paper.room = 0
    output.add(flows_of(1, 2), NOW_NS)
    output.tick(NOW_NS)
    assert (output.waiting, output.next_ns()) == (2, NOW_NS + RETRY_NS)
    paper.room = 1
    output.tick(NOW_NS + RETRY_NS - 1)
    assert paper.written == []
    output.tick(NOW_NS + RETRY_NS)
    assert [name for name, _ in paper.written] == ["flow_definition"]
    output.add(flows_of(2, 3), NOW_NS)
    paper.room = 1 << 30
    output.tick(NOW_NS + 2 * RETRY_NS)
    assert {("10.0.0.9", "::1"): 100, ("west", "::2"): 200, ("10.0.0.9", "::3"): 100} == sums(paper)
    assert (output.waiting, output.next_ns()) == (0, None)


def test_memory_is_bounded(paper, monkeypatch):
    """Rows are written early; if they cannot be, the oldest go, and are counted; at last definitions go with their rows."""
    monkeypatch.setattr(module, "MAX_WAITING", 100)
    statistics = NetflowStatistics()
    output = Output(paper, ["west", "10.0.0.9"], 77, statistics, MINUTE_NS, "both")
    output.add(flows_of(*range(101), minute=0), NOW_NS)
    assert (statistics.early, statistics.rows, output.waiting) == (101, 101, 0)
    paper.room = 0
    for minute in range(300):
        output.add(flows_of(*range(5), minute=-minute), NOW_NS + minute * MINUTE_NS)
        output.tick(NOW_NS + minute * MINUTE_NS)
        assert output.waiting <= 110
    assert statistics.given_up >= 1300
    for batch in range(5):
        output.add(flows_of(*range(1000 + 50 * batch, 1050 + 50 * batch), minute=0), NOW_NS)
        output.tick(NOW_NS + 400 * MINUTE_NS)
    paper.room = 1 << 30
    output.add(flows_of(1, minute=-1), NOW_NS)
    before = sums(paper)
    output.close(NOW_NS)
    after = sums(paper)
    assert after["10.0.0.9", "::1"] >= before["10.0.0.9", "::1"] + 100


def test_what_cannot_be_written_at_the_end_is_told(paper, caplog):
    output = output_of(paper)
    paper.room = 0
    output.add(flows_of(1), NOW_NS)
    output.close(NOW_NS)
    assert "1 rows could not be written" in caplog.text
