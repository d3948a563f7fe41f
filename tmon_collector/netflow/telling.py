"""What a receiver of flow records tells: events at most once a minute of each sort, and a line of figures."""

from __future__ import annotations

from collections import Counter

from tmon_collector.netflow.sessions import Session
from tmon_collector.netflow.statistics import NetflowStatistics
from tmon_common.events import Event, event

AGAIN_NS = 60_000_000_000
"""Trouble is told at once, then at most this often."""
MAX_EXPORTERS = 1024
"""Of whose losses is told at a time."""
_UNITS = {5: "flows", 9: "datagrams", 10: "records"}


class Telling:
    """An engine: times (monotonic, wall; ns) are passed in. name: the receiver's."""

    def __init__(self, name: str, statistics: NetflowStatistics, now_ns: int) -> None:
        self._name, self._statistics = name, statistics
        self._lost: Counter[tuple[str, str]] = Counter()
        self._told_ns: dict[str, int] = {}
        self._since_ns = now_ns
        self._told: dict[str, Counter[str]] = {"not_understood": Counter(), "misdated": Counter()}
        self._at_once: list[tuple[str, str, dict]] = []
        self._line_ns = now_ns
        self._line_datagrams = 0

    def happened(self, session: Session, what: str, count: int) -> None:
        """For Decoder."""
        if what == "lost":
            key = (session.name, _UNITS[session.version])
            if key in self._lost or len(self._lost) < MAX_EXPORTERS:
                self._lost[key] += count
        elif what == "sampling" and self._room():
            self._at_once.append(("netflow_sampling", session.name, {"rate": count}))
        elif what == "restart" and self._room():
            self._at_once.append(("netflow_restarted", session.name, {}))

    def events(self, now_ns: int, wall_ns: int) -> list[Event]:
        """What is to be told now."""
        told = [event(code, wall_ns, subject, **values) for code, subject, values in self._at_once]
        self._at_once.clear()
        if self._is_lost() and (seconds := self._may("lost", now_ns)) is not None:
            told += [event("netflow_lost", wall_ns, subject, count=n, what=what, seconds=seconds)
                     for (subject, what), n in self._lost.items() if n > 0]
            self._lost.clear()
        for what, counted in (("not_understood", self._statistics.not_understood), ("misdated", self._statistics.misdated)):
            fresh = counted - self._told[what]
            if fresh and (seconds := self._may(what, now_ns)) is not None:
                self._told[what] = counted.copy()
                source = {"source": self._statistics.last_bad} if what == "not_understood" else {}
                reasons = ", ".join(f"{n} {reason}" for reason, n in fresh.most_common())
                told.append(event(f"netflow_{what}", wall_ns, self._name, count=fresh.total(), seconds=seconds, reasons=reasons,
                                  **source))
        return told

    def line(self, now_ns: int, exporters: int, flows: int, waiting: int, early: int = 0) -> str | None:
        """Figures since the start, a minute after the last line if something has come since. early: sets without template."""
        counted = self._statistics
        if now_ns - self._line_ns < AGAIN_NS or counted.datagrams == self._line_datagrams:
            return None
        self._line_ns, self._line_datagrams = now_ns, counted.datagrams
        text = figures(counted, exporters) + f"; {flows} flows known, {waiting} rows open"
        return text + (f", {early} sets wait for their templates" if early else "")

    def next_ns(self) -> int | None:
        """Monotonic time at which `events` or `line` may have something though nothing comes; None: never."""
        times = [self._told_ns.get("lost", 0) + AGAIN_NS] if self._is_lost() else []
        for what, counted in (("not_understood", self._statistics.not_understood), ("misdated", self._statistics.misdated)):
            if counted != self._told[what]:
                times.append(self._told_ns.get(what, 0) + AGAIN_NS)
        if self._statistics.datagrams != self._line_datagrams:
            times.append(self._line_ns + AGAIN_NS)
        return min(times, default=None)

    def _is_lost(self) -> bool:
        return any(n > 0 for n in self._lost.values())

    def _may(self, what: str, now_ns: int) -> int | None:
        """None: it was told less than AGAIN_NS ago; else for how many seconds it was not told."""
        before = self._told_ns.get(what)
        if before is not None and now_ns - before < AGAIN_NS:
            return None
        self._told_ns[what] = now_ns
        return max(round((now_ns - (self._since_ns if before is None else before)) / 1e9), 0)

    def _room(self) -> bool:
        return len(self._at_once) < MAX_EXPORTERS


def figures(counted: NetflowStatistics, exporters: int) -> str:
    """For a person."""
    text = (f"{counted.records} flow records of {exporters} exporters in {counted.datagrams} datagrams, {counted.flow_octets} "
            f"octets in {counted.flow_packets} packets; {counted.rows} rows and {counted.definitions} definitions written")
    others = {"did not arrive": counted.lost, "rows written early": counted.early, "rows given up": counted.given_up,
              **{f"not understood ({reason})": n for reason, n in sorted(counted.not_understood.items())},
              **{f"times moved ({reason})": n for reason, n in sorted(counted.misdated.items())}}
    return text + "".join(f", {n} {what}" for what, n in others.items() if n)
