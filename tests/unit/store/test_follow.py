"""When a spool is worth a run, and what signals do."""

import os
import signal

import pytest

from tmon_store.follow import RETRY_NS, Stop, Watch

A, AB = frozenset("a"), frozenset("ab")


def test_new_files_only():
    """At first, and whenever a name is new; a file that has gone is none."""
    watch = Watch()
    assert watch.due(frozenset(), 0)
    assert [] == watch.loaded(frozenset(), [], 0)
    assert not watch.due(frozenset(), 10 * RETRY_NS)
    assert watch.due(A, 1)
    watch.loaded(A, [], 1)
    assert not watch.due(A, 10 * RETRY_NS)
    assert watch.due(AB, 2)
    watch.loaded(AB, [], 2)
    assert not watch.due(A, 10 * RETRY_NS)


def test_trouble_is_told_once_and_tried_again():
    """After a while, or when files appear; another trouble is told, and the end of it."""
    watch = Watch()
    assert ["down"] == watch.failed("down", A, 0)
    assert not watch.due(A, RETRY_NS - 1)
    assert watch.due(A, RETRY_NS)
    assert watch.due(AB, 1)
    assert [] == watch.failed("down", AB, RETRY_NS)
    assert ["full"] == watch.failed("full", AB, 2 * RETRY_NS)
    assert ["loading works again", "odd"] == watch.loaded(AB, ["odd"], 3 * RETRY_NS)
    assert ["down"] == watch.failed("down", AB, 4 * RETRY_NS)


def test_warnings_are_told_once_as_long_as_they_last():
    """What stays is looked at again; the same warning is told again only if it was gone in between."""
    watch = Watch()
    assert ["x", "y"] == watch.loaded(A, ["x", "y"], 0)
    assert not watch.due(A, RETRY_NS - 1)
    assert watch.due(A, RETRY_NS)
    assert ["z"] == watch.loaded(A, ["x", "z"], RETRY_NS)
    assert [] == watch.loaded(A, [], 2 * RETRY_NS)
    assert not watch.due(A, 9 * RETRY_NS)
    assert ["x"] == watch.loaded(AB, ["x"], 3 * RETRY_NS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting(number):
    """At once, and it is remembered; the second one interrupts; handlers are put back."""
    before = signal.getsignal(number)
    with Stop().listening() as stop:
        assert not stop()
        assert not stop.wait(0)
        os.kill(os.getpid(), number)
        assert stop()
        assert stop.wait(1000)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert before == signal.getsignal(number)
