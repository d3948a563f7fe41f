"""The block says of each collector what its publisher says, and nothing of one of the other."""

from tests.unit.publish.playbook import SECOND, Playbook, counters
from tmon_common.config.model import Configuration, Interface, Probe, Publication
from tmon_probe import health
from tmon_probe.child.link_figures import put_link_figures
from tmon_probe.health_names import LINK

PROBE = Probe("edge", (Interface("lan", device="eth0"),), (Publication("a", "127.0.0.1", 1), Publication("b", "127.0.0.1", 2)))


def test_of_each_collector(tmp_path):
    """One answers; the other does not, and is lost: what waits for it is given up in the end."""
    configuration = Configuration(tmp_path / "tmon.xml", (PROBE,))
    good, bad = Playbook(heartbeat_ns=5 * SECOND), Playbook(final_timeout_ns=20 * SECOND)
    for play in (good, bad):
        play.add(counters(0, 7))
        play.publisher.flush(play.now)
    good.run_answering(30 * SECOND)
    bad.run(15 * SECOND)
    block = health.create(configuration, "edge")
    try:
        parts = [block.link(0), block.link(1)]
        put_link_figures(parts, [good.publisher, bad.publisher])
        lost = figures(block, 1)
        bad.run(25 * SECOND)
        put_link_figures(parts, [good.publisher, bad.publisher])
        heard, given_up = figures(block, 0), figures(block, 1)
    finally:
        parts = None  # they look into the block
        block.close()
    assert heard["pdus_sent"] == heard["pdus_acknowledged"] == 1
    assert heard["heartbeats"] == good.publisher.statistics.heartbeats > 1
    assert heard["octets_sent"] == good.publisher.statistics.octets_sent
    assert [heard[n] for n in ("pdus_retried", "pdus_waiting", "long_retry", "rows_given_up", "backlog_octets")] == [0] * 5
    assert lost["pdus_sent"] == 1 + lost["pdus_retried"] > 5
    assert (lost["pdus_waiting"], lost["long_retry"], lost["rows_given_up"]) == (1, 1, 0)
    assert lost["backlog_octets"] > 0
    assert (given_up["pdus_waiting"], given_up["long_retry"], given_up["rows_given_up"]) == (0, 1, 7)
    assert given_up["pdus_acknowledged"] == given_up["backlog_octets"] == 0


def figures(block, collector):
    numbers = block.snapshot()
    return {name: numbers[f"collector_{collector}_{name}"] for name in LINK}
