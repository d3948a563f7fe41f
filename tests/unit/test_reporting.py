"""Events of a father: told to the log and to the child; what was lost on the way is told too."""

import logging

import pytest

from tmon_common.events import event
from tmon_probe.event_pipe import EventPipe
from tmon_probe.reporting import Reporter


class Part(dict):
    """Statistics that only remember."""

    def set(self, **values):
        self.update(values)


@pytest.fixture
def pipe():
    pipe = EventPipe()
    yield pipe
    pipe.close()


def test_lost_events_are_counted_and_told_when_there_is_room(pipe, caplog):
    """Once, with how many; all of them stand in the log."""
    caplog.set_level(logging.INFO)
    part = Part()
    reporter = Reporter("edge", pipe, part)
    drop = event("kernel_drops", 7, "lan", packets=1, seconds=1)
    sent = 0
    while not pipe.lost:
        reporter.tell([drop])
        sent += 1
    reporter.tell([drop] * 2)
    assert 3 == part["events_lost"]
    assert [drop] * (sent - 1) == pipe.read()
    reporter.tell([drop, drop])
    assert [drop, event("events_lost", 7, "edge", events=3), drop] == pipe.read()
    assert sent + 4 == caplog.text.count(drop.text)
    assert 1 == caplog.text.count("probe edge: 3 events could not be told")
