"""Going on: loads what appears in the spools until a signal says stop.

`Watch` decides when a spool is looked into (no clocks, no files); `Stop` is the signals.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

RETRY_NS = 60_000_000_000
"""How long after a failure, or a warning, it is tried again though no new file has appeared."""


class Watch:
    """When the files of one spool are worth a run, and what of it is worth telling. All times are of one clock, ns."""

    def __init__(self) -> None:
        self._seen: frozenset[str] | None = None
        self._again_ns: int | None = None
        self._trouble = ""
        self._told: frozenset[str] = frozenset()

    def due(self, names: frozenset[str], now_ns: int) -> bool:
        """Whether to load. names: of the files that are there: some have appeared, or what did not work is to be tried again."""
        if self._seen is None or names - self._seen:
            return True
        return self._again_ns is not None and now_ns >= self._again_ns

    def loaded(self, names: frozenset[str], warnings: Sequence[str], now_ns: int) -> list[str]:
        """A run was done; names: of the files before it. Gives its warnings that are new."""
        self._seen, self._again_ns = names, now_ns + RETRY_NS if warnings else None
        new = [w for w in warnings if w not in self._told]
        self._told = frozenset(warnings)
        if self._trouble:
            self._trouble = ""
            new.insert(0, "loading works again")
        return new

    def failed(self, trouble: str, names: frozenset[str], now_ns: int) -> list[str]:
        """A run could not do its work. Gives what to tell: the same trouble is told once."""
        new = [] if trouble == self._trouble else [trouble]
        self._seen, self._again_ns, self._trouble = names, now_ns + RETRY_NS, trouble
        return new


class Stop:
    """SIGTERM and Ctrl-C, as a question. A second one interrupts at once (KeyboardInterrupt)."""

    def __init__(self) -> None:
        self._asked = False
        self._ear, self._mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __call__(self) -> bool:
        return self._asked

    def wait(self, seconds: float) -> bool:
        """Until a signal comes or the time is over; gives whether one has come."""
        select.select([self._ear], [], [], seconds)
        return self._asked

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        with suppress(OSError):
            os.write(self._mouth, b"!")

    @contextmanager
    def listening(self) -> Iterator[Stop]:
        """Signals are heard from here to the end of the block."""
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._ear)
            os.close(self._mouth)
