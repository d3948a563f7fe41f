"""Analysers as the chain calls them: whatever goes wrong in one is told with the name of its analysis."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from traceback import extract_tb

import numpy as np

from tmon_common.analyses.catalogue import PluginError, catalogue
from tmon_common.events import CATALOGUE
from tmon_common.observations import Rows
from tmon_probe.child.analyser import Analyser
from tmon_probe.child.analysers.load import lacking
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task
from tmon_probe.health_names import CHILD, CHILD_HEALTH, PLACED

_COUNTER = re.compile(r"[a-z][a-z0-9_]*")


class AnalysisError(Exception):
    """An analyser failed while it was at work: which, in what, why, and where in its code."""


class GuardedAnalyser:
    """The analyser that `factory` makes. PluginError if it makes none.

    Kinds that the declaration does not name, and rows of another form than their kind, are not let through. alerts: see Analyser.
    """

    def __init__(self, name: str, factory: Callable[..., Analyser], tasks: list[Task], context: Context) -> None:
        self.name, self._publish, self._kinds = name, context.emit, ()
        if declared := catalogue().analyses.get(name):  # what is not installed is made by tests alone
            self._kinds, context = declared.kinds, replace(context, emit=self._emit)
        try:
            self.analyser = factory(tasks, context)
            if missing := lacking(self.analyser):
                raise TypeError(f"it made no analyser: {', '.join(missing)} is missing")
            self.alerts = dict(getattr(self.analyser, "alerts", {}))
            self._names = frozenset(self._counted())
            _check(self._names, self.alerts)
        except Exception as error:  # whatever the code of others does
            raise PluginError(f"analysis {name} cannot be used: {_told(error)}; correct it, or take it out of the "
                              "configuration") from error

    def process(self, batch: FlowBatch) -> None:
        self._call("process", batch)

    def flush(self, now_ns: int) -> None:
        self._call("flush", now_ns)

    def retire(self, entries: np.ndarray) -> None:
        self._call("retire", entries)

    def finish(self) -> None:
        self._call("finish")

    def counters(self) -> Mapping[str, int]:
        try:
            found = self._counted()
            if found.keys() != self._names:
                raise ValueError(f"counters {sorted(found.keys() ^ self._names)} were not there from the beginning, or are there "
                                 "no more")
        except Exception as error:  # whatever the code of others does
            raise self._failed("counters", error) from error
        return found

    def _counted(self) -> Mapping[str, int]:
        return getattr(self.analyser, "counters", dict)()

    def _call(self, method: str, *arguments: object) -> None:
        try:
            getattr(self.analyser, method)(*arguments)
        except AnalysisError:
            raise
        except Exception as error:  # whatever the code of others does
            raise self._failed(method, error) from error

    def _emit(self, rows: Rows) -> None:
        if not any(k is rows.kind for k in self._kinds):
            raise ValueError(f"rows of the kind {rows.kind.name}, which its declaration does not name")
        if rows.values.dtype != rows.kind.dtype:
            raise ValueError(f"rows of the kind {rows.kind.name} that do not have its dtype")
        self._publish(rows)

    def _failed(self, method: str, error: Exception) -> AnalysisError:
        return AnalysisError(f"analysis {self.name} failed in {method}: {_told(error)}")


def _check(names: frozenset[str], alerts: Mapping[str, str]) -> None:
    for name in names:
        if not isinstance(name, str) or not _COUNTER.fullmatch(name) or PLACED.fullmatch(name) or name in {*CHILD, *CHILD_HEALTH}:
            raise ValueError(f"counter {name!r}: expected small letters, digits and _, and no name that the probe counts by itself")
    for name, code in alerts.items():
        if name not in names:
            raise ValueError(f"alert for the counter {name}, which it does not have")
        if code not in CATALOGUE or [p.name for p in CATALOGUE[code].parameters] != ["count"]:
            raise ValueError(f"alert {code} for the counter {name}: expected an event that tells a count (docs/events.md)")


def _told(error: Exception) -> str:
    """What, and where it came up, in the code of the analysis."""
    frames = [f for f in extract_tb(error.__traceback__) if f.filename != __file__]
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
