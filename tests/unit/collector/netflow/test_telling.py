"""What a receiver tells, and how often."""

from tmon_collector.netflow.sessions import Session
from tmon_collector.netflow.statistics import NetflowStatistics
from tmon_collector.netflow.telling import AGAIN_NS, Telling


def codes(events):
    return [e.code for e in events]


def test_losses_at_once_then_once_a_minute():
    statistics = NetflowStatistics()
    telling = Telling("netflow", statistics, 0)
    session = Session("192.0.2.1 domain 0", 10, 0)
    telling.happened(session, "lost", 5)
    (told,) = telling.events(1_000_000_000, 77)
    assert "exporter 192.0.2.1 domain 0: 5 records did not arrive, within 1 s" == told.text
    telling.happened(session, "lost", 5)
    telling.happened(session, "lost", 6)
    telling.happened(session, "lost", -1)
    assert telling.events(2_000_000_000, 77) == []
    assert telling.next_ns() == 1_000_000_000 + AGAIN_NS
    (told,) = telling.events(1_000_000_000 + AGAIN_NS, 77)
    assert "10 records did not arrive, within 60 s" in told.text
    assert telling.next_ns() is None


def test_what_came_after_all_is_not_told():
    telling = Telling("netflow", NetflowStatistics(), 0)
    for count in (5, -5):
        telling.happened(Session("x", 5, 0), "lost", count)
    assert telling.events(0, 0) == []
    telling.happened(Session("x", 5, 0), "lost", -5)
    assert telling.next_ns() is None


def test_reasons_since_the_last_time():
    statistics = NetflowStatistics()
    telling = Telling("netflow", statistics, 0)
    statistics.refuse("short", "192.0.2.1")
    assert codes(telling.events(0, 0)) == ["netflow_not_understood"]
    statistics.refuse("short", "192.0.2.1", 2)
    statistics.refuse("version", "192.0.2.2")
    statistics.misdated["long"] += 3
    assert codes(telling.events(1, 0)) == ["netflow_misdated"]
    (told,) = telling.events(AGAIN_NS, 0)
    assert told.text.endswith("not understood: 3 within 60 s, the last from 192.0.2.2: 2 short, 1 version")


def test_a_line_of_figures_a_minute():
    statistics = NetflowStatistics()
    telling = Telling("netflow", statistics, 0)
    assert telling.line(AGAIN_NS, 0, 0, 0) is None
    statistics.records, statistics.datagrams = 7, 2
    assert telling.next_ns() == AGAIN_NS
    told = telling.line(AGAIN_NS, 2, 5, 6, 9)
    assert "7 flow records of 2 exporters" in told
    assert told.endswith("5 flows known, 6 rows open, 9 sets wait for their templates")
    assert telling.line(2 * AGAIN_NS, 2, 5, 6) is None
