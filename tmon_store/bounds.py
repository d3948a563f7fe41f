"""What rows must keep to besides being readable, so that no file can make tables or keys that the database cannot hold.

Every day has a place of its own in the tables of some engines. A probe with a broken clock, or a forged row, must not make
thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tmon_common.observations import Column, Kind, Merge, Type
from tmon_store.schema import KEY_TEXT_LIMIT, is_counted, record_table

if TYPE_CHECKING:
    import polars as pl

DAY_NS = 86_400_000_000_000
EARLIEST_NS = 946_684_800_000_000_000
"""2000-01-01 00:00 UTC; recordings may be old, but no clock that was ever set says less."""
MAX_AHEAD_NS = 2 * DAY_NS
"""How far after the time of loading a row may be: clocks differ, though not by days."""
MAX_DAYS = 400
"""Days that the rows of one file may lie in: more than a probe keeps while its collector is away."""


class Bounds:
    """Of the rows of one file. time: the column that says when a row was, or empty.

    now_ns      the time of loading; None: any time will do
    """

    def __init__(self, kind: Kind, columns: Sequence[Column], now_ns: int | None) -> None:
        self.time = "start" if is_counted(kind) else record_table(kind).time
        self._latest_ns = (now_ns or 0) + MAX_AHEAD_NS
        self._at = next((i for i, c in enumerate(columns) if c.name == self.time), None) if now_ns is not None else None
        self._texts = [i for i, c in enumerate(columns) if c.type is Type.STRING and c.merge is Merge.KEY]
        self._columns = columns
        self._days: set[int] = set()

    def hold(self, frame: pl.DataFrame) -> bool:
        """Whether all rows keep to them; `time` is not empty in any."""
        for i in self._texts:
            if (frame[self._columns[i].name].str.len_chars().max() or 0) > KEY_TEXT_LIMIT:
                return False
        if self._at is None or frame.is_empty():
            return True
        time = frame[self.time]
        first, last = time.min(), time.max()
        if first < EARLIEST_NS or last > self._latest_ns:
            return False
        return last // DAY_NS - first // DAY_NS < MAX_DAYS or (time // DAY_NS).n_unique() <= MAX_DAYS

    def check(self, row: Sequence) -> None:
        """One row (values of the columns) after the other. ValueError says why it is refused."""
        for i in self._texts:
            if row[i] is not None and len(row[i]) > KEY_TEXT_LIMIT:
                msg = f"{self._columns[i].name}: {len(row[i])} characters; {KEY_TEXT_LIMIT} is the most"
                raise ValueError(msg)
        if self._at is None:
            return
        name, time = self.time, row[self._at]
        if time < EARLIEST_NS:
            msg = f"{name}: before 2000; a clock was not set"
            raise ValueError(msg)
        if time > self._latest_ns:
            msg = f"{name}: more than {MAX_AHEAD_NS // DAY_NS} days after it was loaded; a clock is wrong"
            raise ValueError(msg)
        day = time // DAY_NS
        if day not in self._days:
            if len(self._days) == MAX_DAYS:
                msg = f"{name}: the file has rows of more than {MAX_DAYS} days"
                raise ValueError(msg)
            self._days.add(day)
