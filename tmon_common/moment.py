"""An instant, on both clocks."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """monotonic_ns: for lengths of time; wall_ns: for the stamps of events, ns since 1970-01-01 UTC."""

    monotonic_ns: int
    wall_ns: int

    @classmethod
    def of(cls, clock) -> Moment:
        """Of a tmon_common.clock.Clock, which is not for engines to import."""
        return cls(clock.monotonic_ns(), clock.wall_ns())
