"""What is written of a probe's runs: ids of PDUs, and which runs are over."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from tmon_common.pdu.contents import expand

MAX_RANGES = 4096  # ranges of written ids, with holes between them, remembered of one run
MAX_OLD_RUNS = 1024  # numbers of old runs of one probe
FIRST_CLOCKED = 1_577_836_800_000 << 16  # runs that started before 2020: of clocks that nobody has set


class WrittenPdus:
    """Which ids of one run are known to be written, as ranges. What somebody tells adds none: only `add` does.

    highest     largest id written, -1: none
    """

    def __init__(self) -> None:
        self.highest = -1
        self._reference = -1  # what 32 bits are read against: highest, or before anything is written the first id heard of
        self._not_held = 0
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __contains__(self, pdu: int) -> bool:
        i = bisect_right(self._starts, pdu) - 1
        return i >= 0 and pdu < self._ends[i]

    def identify(self, low: int) -> int:
        """The id whose last 32 bits are `low`."""
        if self._reference < 0:
            self._reference = low
        return expand(low, self._reference)

    def add(self, pdu: int) -> None:
        """This one is written."""
        if self._ends and self._ends[-1] == pdu:  # most often: the one that follows
            self._ends[-1] = pdu + 1
            self.highest = self._reference = pdu
        else:
            self.add_range(pdu, pdu + 1)

    def add_range(self, first: int, end: int) -> None:
        """Those from `first` up to, not including, `end` are written."""
        self.highest = self._reference = max(self.highest, end - 1)
        i, j = bisect_left(self._ends, first), bisect_right(self._starts, end)
        if i < j:  # these touch it
            first, end = min(first, self._starts[i]), max(end, self._ends[j - 1])
        self._starts[i:j], self._ends[i:j] = [first], [end]

    def ranges(self) -> list[tuple[int, int]]:
        """All as [first, end)."""
        return list(zip(self._starts, self._ends, strict=True))

    def may_forget_below(self, oldest: int) -> None:
        """The probe says that it holds nothing below `oldest`: ranges there may go when the room is needed (`make_room`)."""
        self._not_held = max(self._not_held, oldest)

    def make_room(self) -> bool:
        """Whether one more id can be remembered. The lowest ranges go for it, but only those that may.

        False: new PDUs have to wait until holes are filled, or the probe no longer holds the oldest ones.
        """
        surplus = len(self._starts) - MAX_RANGES + 1
        if surplus > 0:
            forgotten = min(surplus, bisect_right(self._ends, self._not_held))
            del self._starts[:forgotten], self._ends[:forgotten]
        return len(self._starts) < MAX_RANGES


class OldRuns:
    """Numbers of runs of one probe that are over and no longer remembered: the largest MAX_OLD_RUNS of them, and a floor below.

    Numbers grow with time (header.new_run), so the ones below the floor are the oldest. But those of a machine that starts without
    knowing the time do not: of them the last MAX_OLD_RUNS are remembered apart, and no floor shuts new ones out.
    """

    def __init__(self) -> None:
        self.floor = -1
        self.numbers: list[int] = []  # ascending
        self.clockless: dict[int, None] = {}  # in the order they were added

    def __contains__(self, run: int) -> bool:
        if run < FIRST_CLOCKED:
            return run in self.clockless
        i = bisect_left(self.numbers, run)
        return run <= self.floor or (i < len(self.numbers) and self.numbers[i] == run)

    def add(self, run: int) -> None:
        """This one is over."""
        if run in self:
            return
        if run < FIRST_CLOCKED:
            self.clockless[run] = None
            if len(self.clockless) > MAX_OLD_RUNS:
                del self.clockless[next(iter(self.clockless))]
            return
        insort(self.numbers, run)
        if len(self.numbers) > MAX_OLD_RUNS:
            self.floor = self.numbers.pop(0)

    def raise_floor(self, run: int) -> None:
        """This one and all below are over."""
        self.floor = max(self.floor, run)
        del self.numbers[: bisect_right(self.numbers, self.floor)]
