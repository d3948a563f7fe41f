"""When does a new version of the configuration take force? The state machine of the scheduled switch (seed section 1.6).

    nothing --a sound file--> scheduled --its time--> begun          (the program then ends its work and starts anew)
       ^                          |
       +------ removed -----------+           an unsound file: told once it stays as it is, and nothing is scheduled

Several programs of a machine share the files, and whoever comes first puts the new version in the place of the old. So the others
may find that it is there already; and none takes force sooner than NOTICE_NS after it was put there: all have seen it then.

Files are looked at through `Files`; the clock is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from tmon_common.events import Event, event
from tmon_common.file_stamp import Stamp
from tmon_common.moment import Moment

SECOND = 1_000_000_000
LOOK_EVERY_NS = 1 * SECOND
SETTLED_NS = SECOND // 2
"""A file that cannot be used is refused when it has stayed the same for so long: it may have been half written."""
NOTICE_NS = 3 * SECOND
BLIND_NS = NOTICE_NS - LOOK_EVERY_NS
"""Who has not looked for longer may have missed a switch of the others."""
PLACE_PATIENCE_NS = 5 * SECOND
"""How long putting the file in its place is tried, or left to another program, before that is told."""
DIGEST_CHARACTERS = 12
"""Of a digest, as many are told."""


@dataclass(frozen=True)
class Examined:
    """What a file holds. problem: why it cannot be used, "" if it can; then start_at_ns is its `startAt` (None: at once)."""

    digest: str
    problem: str = ""
    start_at_ns: int | None = None


class Files(Protocol):
    """The configuration in force (`current`) and the one to follow (`next`)."""

    next_name: str

    def next_stamp(self) -> Stamp | None:
        """None: there is none."""

    def examine_next(self) -> Examined | None:
        """None: it has just gone."""

    def current_digest(self) -> str | None:
        """None: it cannot be read."""

    def examine_current(self) -> Examined | None:
        """As examine_next."""

    def put_in_force(self) -> str:
        """Next takes the place of current, in one step. "" if that was done, else why it could not be."""


@dataclass
class _Scheduled:
    """put_there_ns: wall time; noticed_ns: monotonic; not_placed_ns: monotonic time when putting it in its place failed first;
    told: and that was told."""

    examined: Examined
    put_there_ns: int
    noticed_ns: int
    not_placed_ns: int | None = None
    told: bool = False


class Switch:
    """running: digest of the version with which the program runs.

    begun   the new version is in its place, or was put there by another program: the time has come to start anew
    """

    def __init__(self, files: Files, running: str) -> None:
        self._files = files
        self._current = running
        self._stamp: Stamp | None = None
        self._unsound: tuple[Examined, int] | None = None  # not yet told, and since when it is so
        self._refused: Examined | None = None
        self._scheduled: _Scheduled | None = None
        self._looked_ns: int | None = None
        self._next_look_ns = 0
        self.begun = False

    def look(self, now: Moment, *, at_once: bool = False) -> list[Event]:
        """To be called often; looks at the files once a second, when a version is due, and `at_once`. What there is to tell."""
        if self.begun or not (at_once or self.wait_ns(now) == 0):
            return []
        blind = self._looked_ns is None or now.monotonic_ns - self._looked_ns > BLIND_NS
        self._looked_ns, self._next_look_ns = now.monotonic_ns, now.monotonic_ns + LOOK_EVERY_NS
        told = self._look_at_next(now)
        self._look_at_current(blind=blind)
        if not self.begun and self._scheduled and _until_due_ns(self._scheduled, now) <= 0:
            told += self._put_in_force(now)
        return told

    def wait_ns(self, now: Moment) -> int:
        """How long until `look` has something to do; the wall clock may be set meanwhile, so at most until the next look."""
        wait_ns = self._next_look_ns - now.monotonic_ns
        if self._scheduled and self._scheduled.not_placed_ns is None:
            wait_ns = min(wait_ns, _until_due_ns(self._scheduled, now))
        return max(wait_ns, 0)

    # ---- the file that follows

    def _look_at_next(self, now: Moment) -> list[Event]:
        stamp = self._files.next_stamp()
        if stamp is not None and stamp == self._stamp:
            return self._refuse_if_settled(now)
        self._stamp = stamp
        examined = self._files.examine_next() if stamp is not None else None
        if stamp is None or examined is None:
            self._stamp = self._unsound = self._refused = None
            return self._gone(now)
        if examined.problem:
            self._scheduled = None
            self._unsound = (examined, now.monotonic_ns) if examined != self._refused else None
            return []
        self._unsound = self._refused = None
        if self._scheduled and self._scheduled.examined == examined:
            return []
        self._scheduled = _Scheduled(examined, stamp.changed_ns, now.monotonic_ns)
        return [event("configuration_scheduled", now.wall_ns, self._files.next_name, version=shortened(examined.digest),
                      start=moment_text(examined.start_at_ns))]

    def _refuse_if_settled(self, now: Moment) -> list[Event]:
        if self._unsound is None or now.monotonic_ns - self._unsound[1] < SETTLED_NS:
            return []
        self._refused, self._unsound = self._unsound[0], None
        return [self._refusal(self._refused, self._refused.problem, now)]

    def _gone(self, now: Moment) -> list[Event]:
        """No file any more: another program has put it in force, or somebody has changed his mind."""
        scheduled = self._scheduled
        if scheduled is None or self._files.current_digest() == scheduled.examined.digest:
            return []
        self._scheduled = None
        return [event("configuration_cancelled", now.wall_ns, self._files.next_name, version=shortened(scheduled.examined.digest),
                      start=moment_text(scheduled.examined.start_at_ns))]

    # ---- the file in force

    def _look_at_current(self, *, blind: bool) -> None:
        """Another program may have switched while this one could not look, or was only starting: then it is its turn, too. A file
        edited in its place counts from the next start on."""
        digest = self._files.current_digest()
        if digest is None or digest == self._current:
            return
        self._current = digest
        if not blind or (self._scheduled and self._scheduled.examined.digest == digest):
            return
        examined = self._files.examine_current()
        self.begun = examined is not None and not examined.problem

    def _put_in_force(self, now: Moment) -> list[Event]:
        scheduled = self._scheduled
        if scheduled.told and self._stamp is not None:
            return []
        examined = self._files.examine_next()
        if examined is None:
            return self._begin_after_another(now)
        if examined != scheduled.examined:  # changed within the grain of the system's time, or what it names has
            self._stamp = None
            return self._look_at_next(now)
        problem = self._files.put_in_force()
        if not problem:
            self.begun = True
            return []
        if self._files.next_stamp() is None:
            return self._begin_after_another(now)
        if scheduled.not_placed_ns is None:
            scheduled.not_placed_ns = now.monotonic_ns
        if now.monotonic_ns - scheduled.not_placed_ns < PLACE_PATIENCE_NS:
            return []
        scheduled.told = True
        return [self._refusal(scheduled.examined, problem, now)]

    def _begin_after_another(self, now: Moment) -> list[Event]:
        """The file is gone: another program was quicker, unless it was removed at the last moment."""
        self._stamp = None
        told = self._gone(now)
        self.begun = self._scheduled is not None
        return told

    def _refusal(self, examined: Examined, problem: str, now: Moment) -> Event:
        return event("configuration_refused", now.wall_ns, self._files.next_name, version=shortened(examined.digest),
                     problem=problem)


def _until_due_ns(scheduled: _Scheduled, now: Moment) -> int:
    """How long until it takes force, as the clocks stand now. It is due when all programs of the machine have had time to see it;
    for all at the same moment, unless the clock was set back meanwhile."""
    known_ns = now.monotonic_ns - scheduled.noticed_ns
    seen_by_all_ns = min(scheduled.put_there_ns + NOTICE_NS - now.wall_ns, NOTICE_NS - known_ns)
    return max((scheduled.examined.start_at_ns or 0) - now.wall_ns, BLIND_NS - known_ns, seen_by_all_ns)


def shortened(digest: str) -> str:
    """As much of a digest as people compare."""
    return digest[:DIGEST_CHARACTERS] or "unknown"


def moment_text(start_at_ns: int | None) -> str:
    """2026-11-22T10:00:00.5Z, or "at once"."""
    if start_at_ns is None:
        return "at once"
    seconds, ns = divmod(start_at_ns, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return "at " + text + (f".{ns:09d}".rstrip("0") if ns else "") + "Z"
