"""What one manager is told, one event after the other: those severe enough, in their order, neither too many at once nor for ever.

An event waits until those before it are settled: answered, or given up. Where too many come, those that find no room are summed,
and one notification tells how many of each code there were; after it, in their order, come those that followed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace

from tmon_common.event_board import BoardEvent
from tmon_common.events import Severity, event

SECOND = 1_000_000_000
MAX_WAITING = 100
"""Events for which there is room."""
ROOM_AGAIN = MAX_WAITING // 2
"""Events that still wait when the sum of those that found no room is told."""
RATE = 10
"""Notifications a second that a manager gets for long."""
BURST = 20
"""And at once."""
SUMMED = "events_summed"
"""Code of a notification that stands for several events."""
MAX_CODES = 8
"""That it names."""
_SEVERITIES = tuple(Severity)


class Outlet:
    """severity: the least that is told; told: number of the last event that was settled in an earlier life."""

    def __init__(self, severity: Severity, told: int = 0) -> None:
        self.sent = self.lost = 0
        self._counted = (0, 0)
        self._least = _SEVERITIES.index(severity)
        self._told = self._seen = told
        self._waiting: deque[BoardEvent] = deque()
        self._summed: Counter[str] = Counter()
        self._sum: BoardEvent | None = None
        self._missed = 0
        self._current: BoardEvent | None = None
        self._tokens, self._filled_ns = float(BURST), 0

    @property
    def told(self) -> int:
        """Number up to which every event is settled: what need not be told again."""
        unsettled = self._current or (self._waiting[0] if self._waiting else None)
        return self._told if unsettled or self._summed or self._missed else self._seen

    @property
    def seen(self) -> int:
        """Number of the last event that was offered."""
        return self._seen

    @property
    def waiting(self) -> int:
        return len(self._waiting) + (self._current is not None)

    def offer(self, events: Iterable[BoardEvent], missed: int, now_ns: int) -> None:
        """events: those since the last ones, oldest first; missed: how many there were before them that nobody can read any more;
        now_ns: since 1970."""
        if missed:
            self._missed += missed
            self.lost += missed
            self._summed_as(BoardEvent(self._seen + missed, now_ns, Severity.WARNING, SUMMED, "", ""))
        for new in events:
            self._seen = new.sequence
            if _SEVERITIES.index(new.severity) < self._least:
                continue
            self._tell_sum()
            if self._sum is None and len(self._waiting) < MAX_WAITING:
                self._waiting.append(new)
            else:
                self.lost += 1
                self._summed[new.code] += 1
                self._summed_as(new)
        self._tell_sum()

    def take(self, now_ns: int) -> BoardEvent | None:
        """What is to be told now, if anything: `settled` has to follow before there is more. now_ns: never goes back."""
        if self._current or not self._waiting:
            return None
        if self._filled_ns:
            self._tokens = min(BURST, self._tokens + (now_ns - self._filled_ns) * RATE / SECOND)
        self._filled_ns = now_ns
        if self._tokens < 1:
            return None
        self._tokens -= 1
        self._current = self._waiting.popleft()
        return self._current

    def settled(self, *, delivered: bool) -> None:
        """The one that was taken is: it has arrived, as far as one can know, or is given up."""
        if self._current is None:
            return
        self._told = max(self._told, self._current.sequence)
        self._current = None
        self.sent += delivered
        self.lost += not delivered
        self._tell_sum()

    def untaken(self) -> None:
        """The one that was taken could not be tried, or nobody knows what became of it; it is the next again."""
        if self._current is not None:
            self._waiting.appendleft(self._current)
            self._current = None
            self._tokens += 1

    def take_counts(self) -> tuple[int, int]:
        """How many more have arrived, and are lost, since this was last asked."""
        before, self._counted = self._counted, (self.sent, self.lost)
        return self.sent - before[0], self.lost - before[1]

    def _summed_as(self, latest: BoardEvent) -> None:
        """The sum is as late and as severe as the latest and the worst in it."""
        worst = max(self._sum.severity if self._sum else latest.severity, latest.severity, key=_SEVERITIES.index)
        self._sum = replace(latest, severity=worst, code=SUMMED, subject="", text="")

    def _tell_sum(self) -> None:
        if self._sum is None or len(self._waiting) > ROOM_AGAIN:
            return
        codes = self._summed.most_common()
        parts = [f"{count:,} {code}" for code, count in codes[:MAX_CODES]]
        if others := sum(count for _, count in codes[MAX_CODES:]):
            parts.append(f"{others:,} of other codes")
        if self._missed:
            parts.append(f"{self._missed:,} overwritten before they could be read")
        told = event(SUMMED, self._sum.time_ns, told_as=self._sum.severity, events=self._summed.total() + self._missed,
                     which=", ".join(parts))
        self._waiting.append(replace(self._sum, text=told.text))
        self._sum, self._missed = None, 0
        self._summed.clear()
