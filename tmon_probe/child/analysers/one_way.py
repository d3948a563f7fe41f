"""What is told of each packet of a one-way class: its digest, and when it passed an observation point."""

from __future__ import annotations

import numpy as np

from tmon_common.config.model import Analysis
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task
from tmon_probe.demand import Demand, Signature


class OneWayObserver:
    def __init__(self, tasks: list[Task], context: Context) -> None:
        self._tasks, self._emit = tasks, context.emit

    @staticmethod
    def demand(analysis: Analysis) -> Demand:
        options = dict(analysis.options)
        return Demand(signature=Signature(options.get("nat") == "yes", options.get("algorithm", "fast64")))

    def process(self, batch: FlowBatch) -> None:
        pass

    def flush(self, now_ns: int) -> None:
        pass

    def retire(self, entries: np.ndarray) -> None:
        pass

    def finish(self) -> None:
        pass
