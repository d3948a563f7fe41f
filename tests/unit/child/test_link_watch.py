"""Events of the links: lost and back at once, what was given up each time once, held back while a link is broken."""

from tests.unit.publish.playbook import SECOND, Playbook, counters
from tmon_probe.child.link_watch import TELL_EVERY_NS, LinkWatch

WALL_NS = 1_700_000_000 * SECOND


def one(play, flow):
    play.add(counters(flow, 1))
    play.publisher.flush(play.now)


def told(watch, play, **options):
    return [(e.code, dict(e.values)) for e in watch.look(play.now, WALL_NS, **options)]


def test_a_break():
    """Lost is told with how long; back with how long and how much; and then of which kind and why, summing up."""
    play = Playbook(final_timeout_ns=20 * SECOND)
    watch = LinkWatch([play.publisher])
    for flow in range(4):
        one(play, flow)
    play.run(15 * SECOND)
    [(code, values)] = told(watch, play)
    assert code == "link_lost"
    assert values == {"address": "127.0.0.1", "port": 9, "seconds": 10, "waiting": 4}
    one(play, 4)
    play.run(25 * SECOND)
    assert play.publisher.losses.total == 4
    assert told(watch, play) == []
    play.answer(4)
    back, lost = told(watch, play)
    assert back == ("link_back", {"address": "127.0.0.1", "port": 9, "seconds": 25, "rows": 4})
    assert lost == ("observations_given_up", {"kind": "ip_counters", "rows": 4, "cause": "final timeout"})
    assert told(watch, play) == []


def test_losses_of_a_working_link_are_told_once_a_minute():
    play = Playbook(queue_octets=4096)
    watch = LinkWatch([play.publisher])
    rows = 0
    for n in range(3):
        play.add(counters(1000 * n, 500))
        rows += sum(v["rows"] for _, v in told(watch, play))
        assert told(watch, play) == []
        play.add(counters(1000 * n + 500, 100))
        assert told(watch, play) == []
        play.now += TELL_EVERY_NS
    rows += sum(v["rows"] for _, v in told(watch, play))
    assert rows == play.publisher.losses.total


def test_at_the_end_everything_is_told():
    play = Playbook(final_timeout_ns=20 * SECOND)
    watch = LinkWatch([play.publisher])
    one(play, 0)
    play.run(30 * SECOND)
    assert [code for code, _ in told(watch, play)] == ["link_lost"]
    assert [code for code, _ in told(watch, play, last=True)] == ["observations_given_up"]


def test_several_collectors():
    """Each for itself."""
    good, bad = Playbook(), Playbook()
    watch = LinkWatch([good.publisher, bad.publisher])
    for play in (good, bad):
        one(play, 0)
    good.run_answering(30 * SECOND)
    bad.run(30 * SECOND)
    assert [code for code, _ in told(watch, bad)] == ["link_lost"]
