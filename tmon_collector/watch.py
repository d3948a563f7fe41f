"""What a collector has to tell: probes silent and back, datagrams that changed nothing. An engine: times passed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tmon_common.config.model import SECOND, Configuration
from tmon_common.events import Event, event

HEARTBEATS = 3
MARGIN_NS = 5 * SECOND
"""A probe is silent when so many of its heartbeats, and this time, have gone by without it."""
REPEAT_NS = 60 * SECOND
"""Datagrams that changed nothing are told at once, then at most once in this time."""


def silences(configuration: Configuration, collector: str) -> dict[str, int]:
    """How long each probe that sends to a collector may be silent, ns."""
    return {probe.name: HEARTBEATS * publication.heartbeat_ns + MARGIN_NS for probe in configuration.probes
            for publication in probe.publications if publication.collector == collector}


class Watch:
    """collector: its name; silences: as above; now_ns: monotonic, its start.

    silent      probes that are, as it was told; also those that were never heard for so long
    """

    def __init__(self, collector: str, silences_ns: Mapping[str, int], now_ns: int) -> None:
        self._collector, self._silences_ns = collector, silences_ns
        self._since_ns = dict.fromkeys(silences_ns, now_ns)
        self.silent: set[str] = set()
        self._told: Counter[str] = Counter()
        self._told_total = 0
        self._next_silence_ns: int | None = None
        self._bad_from_ns = now_ns
        self._bad_after_ns = now_ns
        self._expect_silence()

    def listens(self, now_ns: int) -> None:
        """From now on probes can be heard."""
        self._since_ns = dict.fromkeys(self._silences_ns, now_ns)
        self._expect_silence()

    def look(self, heard_ns: Mapping[str, int], bad: Mapping[str, int], source: str, now_ns: int, wall_ns: int) -> list[Event]:
        """To be called now and then.

        heard_ns    when each probe was last heard (monotonic); bad: datagrams that changed nothing so far, by reason; source: the
                    address of the last of them
        """
        return [*self._look_at_probes(heard_ns, now_ns, wall_ns), *self._look_at_bad(bad, source, now_ns, wall_ns)]

    def next_look_ns(self, bad: int) -> int | None:
        """Monotonic time at which `look` may have something to say though nothing comes; None: never. bad: datagrams that changed
        nothing so far."""
        silence_ns = self._next_silence_ns
        if bad <= self._told_total:
            return silence_ns
        return self._bad_after_ns if silence_ns is None else min(silence_ns, self._bad_after_ns)

    def _expect_silence(self) -> None:
        times = (self._since_ns[p] + limit for p, limit in self._silences_ns.items() if p not in self.silent)
        self._next_silence_ns = min(times, default=None)

    def _look_at_probes(self, heard_ns: Mapping[str, int], now_ns: int, wall_ns: int) -> list[Event]:
        events = []
        for probe, limit_ns in self._silences_ns.items():
            since_ns = self._since_ns[probe]
            last_ns = max(heard_ns.get(probe, since_ns), since_ns)
            if probe in self.silent and last_ns > since_ns:
                self.silent.remove(probe)
                events.append(event("probe_back", wall_ns, probe, seconds=(last_ns - since_ns) // SECOND))
            self._since_ns[probe] = last_ns
            if probe not in self.silent and now_ns - last_ns >= limit_ns:
                self.silent.add(probe)
                events.append(event("probe_silent", wall_ns, probe, seconds=(now_ns - last_ns) // SECOND))
        self._expect_silence()
        return events

    def _look_at_bad(self, bad: Mapping[str, int], source: str, now_ns: int, wall_ns: int) -> list[Event]:
        if now_ns < self._bad_after_ns:
            return []
        new = Counter(bad) - self._told
        if not new:
            return []
        seconds = (now_ns - self._bad_from_ns) // SECOND
        self._told, self._told_total = Counter(bad), sum(bad.values())
        self._bad_from_ns, self._bad_after_ns = now_ns, now_ns + REPEAT_NS
        reasons = ", ".join(f"{n} {reason}" for reason, n in new.most_common())
        return [event("bad_pdus", wall_ns, self._collector, datagrams=new.total(), seconds=seconds, source=source, reasons=reasons)]
