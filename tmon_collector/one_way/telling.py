"""What a one-way class has to tell: who is waited for, and what makes its figures incomplete or doubtful. An engine."""

from __future__ import annotations

from dataclasses import replace

from tmon_collector.one_way.counts import OneWayCounts
from tmon_collector.one_way.engine import ClassEngine
from tmon_common.config.model import SECOND
from tmon_common.events import Event, event

REPEAT_NS = 600 * SECOND
WAITING_NS = 60 * SECOND
"""It is told that probes are waited for when others have delivered so long ago what they have not."""
FEW = 10
"""Clashes, at least, before their share says anything."""
_UNUSED = ("late", "refused", "ahead", "undefined", "unexpected", "outdated")


class ClassTelling:
    """Of one class."""

    def __init__(self, engine: ClassEngine) -> None:
        self._engine = engine
        self._told = OneWayCounts()  # as they were when each was told last
        self._after_ns: dict[str, int] = {}  # monotonic: not again before
        self._packets_told: dict[str, int] = {}
        self._waiting = False

    def look(self, now_ns: int, wall_ns: int) -> list[Event]:
        """To be called now and then, now_ns monotonic."""
        looks = (self._look_at_waiting, self._look_at_forced, self._look_at_unused, self._look_at_clashes, self._look_at_negative)
        return [found for look in looks for found in look(now_ns, wall_ns)]

    def _look_at_waiting(self, now_ns: int, wall_ns: int) -> list[Event]:
        since_ns = self._engine.waiting_since_ns
        long = since_ns is not None and now_ns - since_ns >= WAITING_NS
        told, self._waiting = self._waiting, long
        if not long or told:
            return []
        return [event("one_way_waiting", wall_ns, self._engine.name, probes=", ".join(self._engine.waits_for),
                      seconds=(now_ns - since_ns) // SECOND)]

    def _look_at_forced(self, now_ns: int, wall_ns: int) -> list[Event]:
        counts = self._engine.counts
        if counts.rounds_forced == self._told.rounds_forced or not self._may_tell("forced", now_ns):
            return []
        self._told = replace(self._told, rounds_forced=counts.rounds_forced)
        probes, reason = self._engine.forced_by
        return [event("one_way_forced", wall_ns, self._engine.name, probes=", ".join(probes), reason=reason,
                      rounds=counts.rounds_forced)]

    def _look_at_unused(self, now_ns: int, wall_ns: int) -> list[Event]:
        new = {name: getattr(self._engine.counts, name) - getattr(self._told, name) for name in _UNUSED}
        if not any(new.values()) or not self._may_tell("unused", now_ns):
            return []
        self._told = replace(self._told, **{name: getattr(self._engine.counts, name) for name in _UNUSED})
        return [event("one_way_unused", wall_ns, self._engine.name, observations=sum(new.values()),
                      reasons=", ".join(f"{n} {name}" for name, n in new.items() if n))]

    def _look_at_clashes(self, now_ns: int, wall_ns: int) -> list[Event]:
        packets, clashes = self._since("clashes")
        if clashes < FEW or clashes <= packets * self._engine.one_way.clash_rate or not self._may_tell("clashes", now_ns):
            return []
        self._told = replace(self._told, clashes=self._engine.counts.clashes)
        self._packets_told["clashes"] = self._engine.counts.packets
        return [event("signature_clashes", wall_ns, self._engine.name, clashes=clashes, packets=packets)]

    def _look_at_negative(self, now_ns: int, wall_ns: int) -> list[Event]:
        packets, negative = self._since("negative")
        if not negative or not self._may_tell("negative", now_ns):
            return []
        self._told = replace(self._told, negative=self._engine.counts.negative)
        self._packets_told["negative"] = self._engine.counts.packets
        return [event("negative_delays", wall_ns, self._engine.name, negative=negative, packets=packets)]

    def _since(self, name: str) -> tuple[int, int]:
        """(packets, those counted under that name) since that was told last."""
        told_packets = self._packets_told.get(name, 0)
        return self._engine.counts.packets - told_packets, getattr(self._engine.counts, name) - getattr(self._told, name)

    def _may_tell(self, what: str, now_ns: int) -> bool:
        """If so, it is told, and not again for a while."""
        if now_ns < self._after_ns.get(what, now_ns):
            return False
        self._after_ns[what] = now_ns + REPEAT_NS
        return True
