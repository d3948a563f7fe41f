"""How far the time of each probe has come, seen from here.

A probe that captures lives in our time. One that replays recordings lives in theirs: as late as the newest row says, and from there
on at the pace of our clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

MARKS = 1024
_MARKS_PER_GRACE = 256


class Progress:
    """Of one probe. All but wall clock and interval times are on the monotonic clock, ns.

    live        it captures from devices
    silence_ns  not heard for so long, it is silent
    heard_ns    when it was last heard; None: never
    whole_from_ns   intervals that begin before were not observed, or not told, from their beginning; None: not known yet
    """

    def __init__(self, *, live: bool, grace_ns: int, silence_ns: int, started_wall_ns: int) -> None:
        self.live, self.silence_ns = live, silence_ns
        self.heard_ns: int | None = None
        self.whole_from_ns: int | None = started_wall_ns if live else None
        self._newest_ns: int | None = None
        self._newest_at_ns = 0
        self._was_silent = False  # until the next look at the wall clock
        self._every_ns = grace_ns // _MARKS_PER_GRACE
        self._marks: deque[tuple[int, int]] = deque(maxlen=MARKS)  # (how far its time had come, when), both ascending

    def rows_came(self, oldest_ns: int, newest_ns: int, now_ns: int) -> None:
        """Rows of intervals that begin between these, both included."""
        if self._newest_ns is None or newest_ns > self._newest_ns:
            self._newest_ns, self._newest_at_ns = newest_ns, now_ns
        if self.whole_from_ns is None:
            self.whole_from_ns = oldest_ns + 1  # the first interval of a recording begins before its first packet
        self.heard(now_ns, now_ns)

    def run_began(self, wall_ns: int) -> None:
        """A run that was not known: its probe has observed since then. One that replays begins a time anew."""
        if not self.live:
            self.whole_from_ns = self._newest_ns = None
            self._marks.clear()
        elif self.whole_from_ns is not None:
            self.whole_from_ns = max(self.whole_from_ns, wall_ns)

    def clock_was_set(self, now_wall_ns: int) -> None:
        """Ours, by more than the grace, or it stood still: what was observed before cannot be told from what comes."""
        if self.live:
            self.whole_from_ns = now_wall_ns
            self._marks.clear()

    def heard(self, heard_ns: int, now_ns: int, now_wall_ns: int | None = None) -> None:
        """After a silence, what it observed meanwhile may still be on its way: those intervals do not count as whole."""
        if self.heard_ns is not None and heard_ns - self.heard_ns > self.silence_ns:
            self._was_silent = True
        if self._was_silent and now_wall_ns is not None:
            self._was_silent = False
            reached = self.reached_ns(now_ns, now_wall_ns)
            if reached is not None:
                self.whole_from_ns = max(self.whole_from_ns or reached, reached)
        self.heard_ns = max(heard_ns, self.heard_ns if self.heard_ns is not None else heard_ns)

    def reached_ns(self, now_ns: int, now_wall_ns: int) -> int | None:
        """What its packets' time is now."""
        if self.live:
            return now_wall_ns
        return None if self._newest_ns is None else self._newest_ns + now_ns - self._newest_at_ns

    def mark(self, now_ns: int, now_wall_ns: int) -> None:
        """Takes note of how far it has come."""
        reached = self.reached_ns(now_ns, now_wall_ns)
        if reached is None:
            return
        if not self._marks or (reached > self._marks[-1][0] and now_ns >= self._marks[-1][1] + self._every_ns):
            self._marks.append((reached, now_ns))

    def passed_ns(self, end_ns: int) -> int | None:
        """When its time had come that far; None: not yet."""
        if not self._marks or self._marks[-1][0] < end_ns:
            return None
        return self._marks[bisect_left(self._marks, (end_ns,))][1]

    def is_whole(self, start_ns: int, end_ns: int, now_ns: int) -> bool | None:
        """Whether all of an interval that was passed was observed, and told; None: that is not known yet.

        A probe that captures must have been heard after its end; of a recording there must be rows of a later interval.
        """
        passed_ns = self.passed_ns(end_ns)
        if passed_ns is None:
            return None
        if not self.live:
            observed = self._newest_ns is not None and self._newest_ns >= end_ns
        elif self.heard_ns is None or self.heard_ns < passed_ns:
            if now_ns < passed_ns + self.silence_ns:
                return None
            observed = False
        else:
            observed = True
        return observed and self.whole_from_ns is not None and start_ns >= self.whole_from_ns


class Together:
    """Several probes: as far as the one that is behind most. Those that were never heard do not count."""

    def __init__(self, members: Sequence[Progress]) -> None:
        self._members = members

    @property
    def _heard(self) -> list[Progress]:
        return [m for m in self._members if m.heard_ns is not None]

    @property
    def live(self) -> bool:
        return all(m.live for m in self._members)

    @property
    def heard_ns(self) -> int | None:
        return min((m.heard_ns for m in self._heard), default=None)

    def reached_ns(self, now_ns: int, now_wall_ns: int) -> int | None:
        reached = [m.reached_ns(now_ns, now_wall_ns) for m in self._heard]
        return None if None in reached else min(reached, default=None)

    def passed_ns(self, end_ns: int) -> int | None:
        passed = [m.passed_ns(end_ns) for m in self._heard]
        return None if None in passed else max(passed, default=None)

    def is_whole(self, start_ns: int, end_ns: int, now_ns: int) -> bool | None:
        """False as soon as one of them did not observe it all."""
        whole = [m.is_whole(start_ns, end_ns, now_ns) for m in self._heard]
        return False if False in whole else None if None in whole else True


class Settled:
    """Of a one-way class: its rows come when packets are judged, an interval and more after they passed, or much later if a probe
    is waited for. So its time is as far as all is judged and written. Like Progress otherwise.
    """

    live = False
    heard_ns = None

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque(maxlen=MARKS)

    def settled(self, until_ns: int, now_ns: int) -> None:
        """Rows of all intervals that end by then have been told. Packet time may begin anew, for another recording."""
        if self._marks and until_ns < self._marks[-1][0]:
            self._marks.clear()
        self._marks.append((until_ns, now_ns))

    def reached_ns(self, _now_ns: int, _now_wall_ns: int) -> int | None:
        return self._marks[-1][0] if self._marks else None

    def passed_ns(self, end_ns: int) -> int | None:
        if not self._marks or self._marks[-1][0] < end_ns:
            return None
        return self._marks[bisect_left(self._marks, (end_ns,))][1]

    def is_whole(self, _start_ns: int, end_ns: int, _now_ns: int) -> bool | None:
        return None if self.passed_ns(end_ns) is None else True
