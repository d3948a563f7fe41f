"""How long a collector that is to start anew goes on receiving."""

import pytest

from tmon_collector.linger import LEAST_NS, LINGER_LOOK_NS, MOST_NS, QUIET_NS, Linger

SECOND = 1_000_000_000


def lasts_ns(pdus) -> int:
    """From the first question to the first yes; pdus(ns): how many have come by then."""
    linger, at_ns = Linger(), 0
    while not linger.over(pdus(at_ns), 77 * SECOND + at_ns):
        at_ns += LINGER_LOOK_NS
    return at_ns


@pytest.mark.parametrize(("pdus", "expected_ns"), [
    (lambda _: 0, LEAST_NS),
    (lambda _: 1000, LEAST_NS),
    (lambda at: min(at, 7 * SECOND) // LINGER_LOOK_NS, 7 * SECOND + QUIET_NS),
    (lambda at: at // LINGER_LOOK_NS, MOST_NS),
])
def test_as_long_as_probes_deliver(pdus, expected_ns):
    assert expected_ns == lasts_ns(pdus)
