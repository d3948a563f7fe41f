"""Rows of the collector's own: written, or waiting for the disk."""

from tmon_collector.own_rows import MAX_WAITING, OwnRows
from tmon_collector.statistics import CollectorStatistics
from tmon_common.events import event
from tmon_common.events.rows import rows_of


class Paper:
    full = False
    written = b""

    def append(self, kind, lines):
        if not self.full:
            self.written += bytes(lines)
        return not self.full


def started(port):
    return rows_of([event("collector_started", port * 1_000_000_000, "c", port=port)], "here", "collector")


def test_what_cannot_be_written_waits():
    """In order, with its own time; beyond the maximum the oldest are lost, and counted."""
    paper, statistics = Paper(), CollectorStatistics()
    own = OwnRows(paper, "c", 5, statistics)
    own.publish(started(1))
    paper.full = True
    for port in range(2, MAX_WAITING + 5):
        own.publish(started(port))
    assert own.waiting == MAX_WAITING
    assert statistics.own_lost == 3
    paper.full = False
    own.flush()
    assert own.waiting == 0
    lines = paper.written.decode().splitlines()
    assert [int(line.split(",")[2].split(".")[0]) for line in lines] == [1, *range(5, MAX_WAITING + 5)]
    assert lines[0].startswith("c,5,1.000000000,collector,here,info,collector_started,c,")
