"""Silent probes and bad datagrams, on made-up time."""

from tmon_collector.watch import MARGIN_NS, REPEAT_NS, Watch
from tmon_common.config.model import SECOND

LIMIT = 90 * SECOND + MARGIN_NS


def codes(events):
    return [(e.code, e.subject, dict(e.values)) for e in events]


def test_a_probe_never_heard_is_silent_once():
    watch = Watch("c", {"p": LIMIT}, 0)
    assert watch.look({}, {}, "", LIMIT - 1, 7) == []
    assert watch.next_look_ns(0) == LIMIT
    assert codes(watch.look({}, {}, "", LIMIT, 7)) == [("probe_silent", "p", {"seconds": 95})]
    assert watch.look({}, {}, "", 2 * LIMIT, 7) == []
    assert watch.next_look_ns(0) is None
    assert codes(watch.look({"p": 2 * LIMIT}, {}, "", 2 * LIMIT, 7)) == [("probe_back", "p", {"seconds": 190})]
    assert watch.next_look_ns(0) == 3 * LIMIT


def test_what_a_start_takes_is_no_silence():
    watch = Watch("c", {"p": LIMIT}, 0)
    watch.listens(2 * LIMIT)
    assert watch.next_look_ns(0) == 3 * LIMIT
    assert watch.look({}, {}, "", 3 * LIMIT - 1, 7) == []
    assert codes(watch.look({}, {}, "", 3 * LIMIT, 7)) == [("probe_silent", "p", {"seconds": 95})]


def test_a_probe_that_is_heard_is_not_silent():
    watch = Watch("c", {"p": LIMIT}, 0)
    for now in range(0, 10 * LIMIT, 30 * SECOND):
        assert watch.look({"p": now}, {}, "", now, 7) == []


def test_bad_datagrams_at_once_then_once_a_minute():
    watch, bad = Watch("c", {}, 0), {"corrupt": 2}
    told = codes(watch.look({}, bad, "10.0.0.1", SECOND, 7))
    assert told == [("bad_pdus", "c", {"datagrams": 2, "seconds": 1, "source": "10.0.0.1", "reasons": "2 corrupt"})]
    bad = {"corrupt": 5, "short": 1}
    assert watch.look({}, bad, "10.0.0.2", REPEAT_NS, 7) == []
    assert watch.next_look_ns(sum(bad.values())) == SECOND + REPEAT_NS
    told = codes(watch.look({}, bad, "10.0.0.2", SECOND + REPEAT_NS, 7))
    assert told == [("bad_pdus", "c", {"datagrams": 4, "seconds": 60, "source": "10.0.0.2", "reasons": "3 corrupt, 1 short"})]
    assert watch.look({}, bad, "10.0.0.2", 10 * REPEAT_NS, 7) == []
