"""The contract of an analyser, built-in or plugged in, and the shape shared by those that count per flow and interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from tmon_common.config.model import Analysis
from tmon_common.observations import Kind, Rows
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task
from tmon_probe.child.intervals import OpenRows
from tmon_probe.demand import Demand, Fragments


class Analyser(Protocol):
    """Made once, by `factory(tasks, context)`; tasks: all granular flows whose classes ask for it. Times are packet times in ns."""

    @staticmethod
    def demand(analysis: Analysis) -> Demand:
        """What the father must deliver of the packets of a class that asks for this analysis. May be left out: `Demand()`.

        Who wants whole fragments gets each datagram as one more record, with REASSEMBLED, and leaves FRAGMENT alone; who does not,
        passes over REASSEMBLED.
        """

    def process(self, batch: FlowBatch) -> None:
        """Look at every record of the batch once."""

    def flush(self, now_ns: int) -> None:
        """Publish what ended at or before now_ns."""

    def retire(self, entries: np.ndarray) -> None:
        """These flow entries (int32) are about to be reused: publish and forget what is known of them."""

    def finish(self) -> None:
        """Nothing more comes: publish everything."""

    def counters(self) -> Mapping[str, int]:
        """What a monitor should see, by name: fill of tables, what was given up. May be left out. The names never change."""

    alerts: Mapping[str, str]
    """Counters whose growth is an event: name -> code of the event. May be left out."""


class IntervalAnalyser:
    """Counts into open rows with one compiled kernel.

    Subclasses set `kind`, `fragments` where the first one will do, and `kernel(records, first, count, flow, direction, numbers,
    interval_ns, *open rows, *parameters)`; they may override `template` (a row with nothing counted), `parameters` (further
    arguments of the kernel) and `strings`.
    """

    kind: Kind
    fragments = Fragments.EVERY
    """Those of a datagram that it wants to see."""

    def __init__(self, tasks: list[Task], context: Context) -> None:
        self._tasks, self._configuration, self._emit = tasks, context.configuration, context.emit
        self._open = [OpenRows(self.kind, t.analysis.interval_ns, self.template(t)) for t in tasks]
        self._parameters = [self.parameters(t) for t in tasks]

    @classmethod
    def demand(cls, analysis: Analysis) -> Demand:  # noqa: ARG003 for those who override
        return Demand(cls.fragments)

    @staticmethod
    def kernel(*arguments) -> None:
        raise NotImplementedError

    def template(self, task: Task) -> np.ndarray:  # noqa: ARG002 for those who override
        return np.zeros(self.kind.words, np.int64)

    def parameters(self, task: Task) -> tuple:  # noqa: ARG002 for those who override
        return ()

    def strings(self) -> list[str]:
        """String table of the rows."""
        return []

    def process(self, batch: FlowBatch) -> None:
        for task, opened, parameters in zip(self._tasks, self._open, self._parameters, strict=True):
            arrays = opened.prepare(batch.count - batch.first, len(batch.numbers))
            self.kernel(batch.records, batch.first, batch.count, batch.flow[task.number], batch.direction[task.number],
                        batch.numbers, opened.interval_ns, *arrays, *parameters)

    def flush(self, now_ns: int) -> None:
        for opened in self._open:
            for words in opened.closing(now_ns):
                self._publish(words)

    def retire(self, entries: np.ndarray) -> None:
        for opened in self._open:
            self._publish(opened.close_flows(entries))

    def finish(self) -> None:
        for opened in self._open:
            for words in opened.closing_all():
                self._publish(words)

    def _publish(self, words: np.ndarray) -> None:
        if len(words):
            self._emit(Rows.from_words(self.kind, words, self.strings()))
