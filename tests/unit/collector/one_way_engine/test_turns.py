"""Classes take turns: one round is settled at a time, then the socket is looked at."""

from __future__ import annotations

from collections import deque

from tmon_collector.one_way.online import AT_ONCE, TICK_NS, OneWayClasses
from tmon_common.clock import FakeClock


class Turns(OneWayClasses):
    """Classes of which each has some rounds due."""

    def __init__(self, **due: int) -> None:
        self.engines = {name: name for name in due}
        self.due, self.settled = due, []
        self._turns, self._clock, self._next_tick_ns = deque(self.engines), FakeClock(), 0

    def _settle(self, engine, now_ns):
        if not self.due[engine]:
            return TICK_NS
        self.due[engine] -= 1
        self.settled.append(engine)
        return AT_ONCE

    def _tell(self, now_ns):
        pass


def test_one_round_a_tick_and_nobody_starves():
    turns = Turns(x=3, y=1, z=2)
    for n in range(6):
        turns.tick()
        assert len(turns.settled) == n + 1
    assert turns.settled == ["x", "y", "z", "x", "z", "x"]
    turns.tick()
    turns.tick()
    assert turns.settled == ["x", "y", "z", "x", "z", "x"]
