"""Events of the links to the collectors: lost, back, and what was given up. An engine: times passed in."""

from __future__ import annotations

from collections.abc import Sequence

from tmon_common.events import Event, event
from tmon_probe.publish.link import LinkLost
from tmon_probe.publish.publisher import Publisher

TELL_EVERY_NS = 60_000_000_000
SECOND = 1_000_000_000


class LinkWatch:
    """All rows given up are told, each once; while a link is broken they wait for its return."""

    def __init__(self, publishers: Sequence[Publisher]) -> None:
        self._publishers = publishers
        self._tell_after_ns = [0] * len(publishers)

    def look(self, now_ns: int, wall_ns: int, *, last: bool = False) -> list[Event]:
        """What has happened since the last look. last: what is held back is told too."""
        events: list[Event] = []
        for n, publisher in enumerate(self._publishers):
            p = publisher.parameters
            happened = publisher.happened()
            for what in happened:
                where = {"address": p.address, "port": p.port}
                if isinstance(what, LinkLost):
                    events.append(event("link_lost", wall_ns, p.collector, **where, seconds=_seconds(what.silent_ns),
                                        waiting=what.waiting))
                else:
                    events.append(event("link_back", wall_ns, p.collector, **where, seconds=_seconds(what.lost_ns),
                                        rows=what.given_up))
            due = (now_ns >= self._tell_after_ns[n] or bool(happened)) and not publisher.broken
            if publisher.losses.untold and (due or last):
                self._tell_after_ns[n] = now_ns + TELL_EVERY_NS
                events += [event("observations_given_up", wall_ns, p.collector, kind=kind, rows=rows, cause=cause.value)
                           for kind, cause, rows in publisher.losses.tell()]
        return events


def _seconds(ns: int) -> int:
    return (ns + SECOND // 2) // SECOND
