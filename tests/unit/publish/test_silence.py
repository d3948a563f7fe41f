"""Silence of the collectors: only while something waits, and until the next acknowledgement."""

from tmon_probe.publish.silence import Silence


def test_it_lasts_while_something_waits_and_nothing_is_acknowledged():
    """Not while there is nothing to acknowledge; anew after every acknowledgement."""
    silence = Silence(100)
    steps = [(0, 0, 200), (0, 1, 210), (0, 5, 250), (1, 5, 260), (1, 5, 300), (1, 0, 310), (1, 1, 400)]
    assert [0, 10, 50, 0, 40, 0, 90] == [silence.lasts_ns(*step) for step in steps]
