"""From when to when a question asks, and the granularity of the rollups that answer it. An engine: `now` is passed in.

Moments are naive datetimes in UTC, as in the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from tmon_common.config.quantities import parse_duration

STEPS = {"1min": timedelta(minutes=1), "1h": timedelta(hours=1), "1day": timedelta(days=1)}
"""Granularity: length of its intervals, which start at multiples of it since 1970 (UTC); the finest first."""

EARLIEST, LATEST = datetime(1970, 1, 1), datetime(2262, 1, 1)  # noqa: DTZ001  UTC without a zone, as said above
"""Moments that can be asked for: what an int64 of nanoseconds holds."""
_LONGEST_NS = (LATEST - EARLIEST) // timedelta(microseconds=1) * 1000
MAX_STEPS = 200
"""Points of a course over time, unless the granularity is given: a week by hours, three hours by minutes."""
MINUTES_UP_TO, HOURS_UP_TO = timedelta(hours=6), timedelta(days=10)
"""Longest spans that are summed from minutes, or from hours, where their ends are not those of longer intervals: what is read
stays within a few hundred rows of each flow."""


@dataclass(frozen=True)
class Span:
    """since: included; until: not. None: from the first, to the last that there is. granularity: of the rollups, see STEPS."""

    since: datetime | None = None
    until: datetime | None = None
    granularity: str = "1day"

    @property
    def step(self) -> timedelta:
        """Length of the intervals."""
        return STEPS[self.granularity]


def parse_time(text: str, now: datetime) -> datetime:
    """ISO 8601: a day, or date and time; without a zone UTC. Or now, today, yesterday (the start of that day, UTC).

    ValueError, which says what was expected, for anything else and beyond EARLIEST and LATEST.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    words = {"now": now, "today": midnight, "yesterday": midnight - STEPS["1day"]}
    if text in words:
        return words[text]
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise ValueError("expected a day or a moment such as 2026-11-22, 2026-11-22T10:30 or 2026-11-22T10:30:00+01:00 "
                         "(UTC without a zone), or now, today, yesterday")
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(f"expected a moment from {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}")
    return moment


def parse_address(text: str) -> str:
    """An IP address as the database writes it: dotted, or RFC 5952. ValueError for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"--address {text}: expected an IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1") from None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def parse_span(since: str | None, until: str | None, last: str | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """What --since, --until and --last say together. ValueError, beginning with the option, if they do not fit."""
    moments: dict[str, datetime | None] = {"--since": None, "--until": None}
    for option, text in (("--since", since), ("--until", until)):
        try:
            moments[option] = parse_time(text, now) if text is not None else None
        except ValueError as error:
            raise ValueError(f"{option} {text}: {error}") from None
    begin, end = moments.values()
    if last is not None:
        if begin is not None:
            raise ValueError(f"--last {last}: expected either --since or --last")
        try:
            length = timedelta(microseconds=parse_duration(last, 1_000, _LONGEST_NS) // 1000)
        except ValueError as error:
            raise ValueError(f"--last {last}: {error}") from None
        end = now if end is None else end
        begin = max(end - length, EARLIEST)
    if begin is not None and end is not None and begin >= end:
        raise ValueError(f"the time ends before it begins: from {begin.isoformat()} until {end.isoformat()}")
    return begin, end


def choose(since: datetime | None, until: datetime | None, by: str | None, now: datetime, *, course: bool = False,
           held: tuple[datetime, datetime] | None = None) -> Span:
    """The span in whole intervals of a granularity: `by` if given. Ends in the midst of an interval move outward.

    Sums come from days or hours that begin and end as the span does; if they do not, by MINUTES_UP_TO and HOURS_UP_TO.
    A course over time (`course`) has at most MAX_STEPS points, where days allow that.
    held    first and last moment of the data, which an open end stands for; None: not known
    """
    return _widened(since, until, by or (_of_course if course else _of_sums)(since, until, _length(since, until, now, held)))


def _length(since: datetime | None, until: datetime | None, now: datetime, held: tuple[datetime, datetime] | None) -> timedelta:
    first, last = held or (EARLIEST, now)
    return max((until or max(last, since or last)) - (since or min(first, until or first)), timedelta())


def _of_course(_since: datetime | None, _until: datetime | None, length: timedelta) -> str:
    return next((name for name, step in STEPS.items() if length <= MAX_STEPS * step), "1day")


def _of_sums(since: datetime | None, until: datetime | None, length: timedelta) -> str:
    for name in ("1day", "1h"):
        if all(moment is None or moment == floor(moment, STEPS[name]) for moment in (since, until)):
            return name
    return "1min" if length <= MINUTES_UP_TO else "1h" if length <= HOURS_UP_TO else "1day"


def _widened(since: datetime | None, until: datetime | None, granularity: str) -> Span:
    step = STEPS[granularity]
    begin = None if since is None else floor(since, step)
    end = None if until is None else -((EARLIEST - until) // step) * step + EARLIEST
    return Span(begin, end, granularity)


def floor(moment: datetime, step: timedelta) -> datetime:
    """Start of the interval of that length in which the moment lies."""
    return EARLIEST + (moment - EARLIEST) // step * step
