"""Definitions of flows that observations wait for. An engine: times are passed in.

Definitions and observations travel in PDUs of their own. One with definitions may wait for more of them as long as max_build says,
and it may be lost and sent again, while observations are here already.
"""

from __future__ import annotations

import numpy as np

from tmon_collector.one_way.flows import Definitions
from tmon_collector.one_way.progress import FOREVER
from tmon_common.config.model import SECOND

PATIENCE_NS = 60 * SECOND
"""Then no round is held up any more for a definition: what waits for it is undefined."""


class Awaited:
    """Of one class."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._waiting: dict[int, tuple[int, int]] = {}  # by index of the definition: earliest time, since when (monotonic)

    def heard(self, indexes: np.ndarray, first_ns: int, now_ns: int) -> None:
        """Observations of flows came, the earliest of time first_ns. indexes: of their definitions (int32)."""
        for index in np.unique(indexes[self._definitions.undefined(indexes)]).tolist():
            earliest_ns, since_ns = self._waiting.get(index, (FOREVER, now_ns))
            self._waiting[index] = min(earliest_ns, first_ns), since_ns

    def first_ns(self, now_ns: int) -> int:
        """No round that needs observations of that time, or later, should be settled yet; FOREVER: nothing is awaited."""
        if self._waiting:
            known = ~self._definitions.undefined(np.fromiter(self._waiting, np.int64))
            for index in [i for i, is_known in zip(self._waiting, known.tolist(), strict=True) if is_known]:
                del self._waiting[index]
        return min((first_ns for first_ns, since_ns in self._waiting.values() if now_ns - since_ns < PATIENCE_NS), default=FOREVER)

    def settled(self, before_ns: int) -> None:
        """What waited from before that is settled, or given up."""
        self._waiting = {i: (max(first_ns, before_ns), since_ns) for i, (first_ns, since_ns) in self._waiting.items()}

    def forget(self) -> None:
        """Indexes may get another meaning."""
        self._waiting.clear()
