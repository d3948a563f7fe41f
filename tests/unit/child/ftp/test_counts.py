"""Rows of ftp_counters: one for each flow and interval."""

import numpy as np

from tests.unit.child.ftp.playbook import Play
from tmon_common.observations import FTP_COUNTERS, Rows
from tmon_probe.child.ftp.counts import LATE_NS, CounterRows

SECOND = 1_000_000_000
INTERVAL = 10 * SECOND


def _rows(words: np.ndarray, *names: str) -> list[tuple]:
    values = Rows.from_words(FTP_COUNTERS, words).values
    return sorted(tuple(int(row[name]) for name in ("flow", "start", *names)) for row in values)


def test_by_flow_and_aligned_interval():
    """What happened in an interval stands in the row of its flow; late things find it while it is open."""
    rows = CounterRows(INTERVAL)
    for flow, time_ns in ((1, 12), (2, 12), (1, 25), (1, 19), (1, 20)):
        rows.count(flow, "commands", time_ns * SECOND)
    expected = [(1, 10 * SECOND, 2, 20 * SECOND), (1, 20 * SECOND, 2, 30 * SECOND), (2, 10 * SECOND, 1, 20 * SECOND)]
    assert expected == _rows(rows.close_all(), "commands", "end")
    assert [] == _rows(rows.close_all())


def test_closed_late():
    """A row is published when its interval ended so long ago that transfers in it are known to have ended, and once."""
    rows = CounterRows(INTERVAL)
    rows.count(1, "replies_2xx", 12 * SECOND)
    assert [] == _rows(rows.close(20 * SECOND + LATE_NS - 1))
    assert [(1, 10 * SECOND, 1)] == _rows(rows.close(20 * SECOND + LATE_NS), "replies_2xx")
    assert [] == _rows(rows.close_all())


def test_transfers():
    """By direction and outcome, in the interval of their end; in a later one where that row is gone."""
    play = Play().login().passive(40001, "RETR a", octets=(0, 5)).passive(40002, "STOR b", octets=(7, 0)).passive(40003, "NLST")
    play.passive(40004, "APPE b", "< 552 full", octets=(1, 0)).passive(40005, "RETR c", "< 426 broken")
    rows = CounterRows(INTERVAL)
    for transfer in play.transfers:
        rows.count_transfer(1, transfer, transfer.end_ns)
    names = ("retrievals_completed", "retrievals_failed", "stores_completed", "stores_refused", "listings_completed",
             "octets_retrieved", "octets_stored", "octets_listed")
    start = play.transfers[0].end_ns // INTERVAL * INTERVAL
    assert [(1, start, 1, 1, 1, 1, 1, 5, 8, 0)] == _rows(rows.close(start + INTERVAL + LATE_NS), *names)
    rows.count_transfer(1, play.transfers[0], start + INTERVAL + LATE_NS)
    assert [(1, (start + INTERVAL + LATE_NS) // INTERVAL * INTERVAL, 5)] == _rows(rows.close_all(), "octets_retrieved")
