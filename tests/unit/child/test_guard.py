"""Analysers of others, as the chain calls them."""

from pathlib import Path

import numpy as np
import pytest

from tmon_common.analyses.catalogue import PluginError
from tmon_common.config.model import Analysis, Configuration, FlowClass, Probe
from tmon_common.observations import IP_COUNTERS, UDP_COUNTERS, Rows
from tmon_probe.child.analysers.load import factories_of
from tmon_probe.child.context import Context
from tmon_probe.child.guard import AnalysisError, GuardedAnalyser
from tmon_probe.demand import Demand, demands_of

PROBE = Probe("p", (), ())


class Good:
    """Counts how often it was called, and publishes what it is told to."""

    alerts = {"lost": "analysis_gave_up"}  # noqa: RUF012

    def __init__(self, tasks, context):
        self.context, self.calls, self.counted = context, [], {"lost": 0}

    def process(self, batch):
        self.calls.append(("process", batch))

    def flush(self, now_ns):
        self.calls.append(("flush", now_ns))

    def retire(self, entries):
        self.calls.append(("retire", entries))

    def finish(self):
        self.calls.append(("finish",))

    def counters(self):
        return self.counted


def guarded(factory, emitted: list | None = None, name: str = "foreign") -> GuardedAnalyser:
    emit = [].append if emitted is None else emitted.append
    return GuardedAnalyser(name, factory, [], Context(Configuration(Path("none")), PROBE, emit))


def test_a_good_one_is_only_passed_on():
    """Every call with what it was given; counters and alerts as they are."""
    made = []
    guard = guarded(lambda *arguments: made.append(Good(*arguments)) or made[0])
    guard.process(1)
    guard.flush(2)
    guard.retire(3)
    guard.finish()
    assert [("process", 1), ("flush", 2), ("retire", 3), ("finish",)] == made[0].calls
    assert ({"lost": 0}, Good.alerts) == (guard.counters(), guard.alerts)


@pytest.mark.parametrize("method", ["process", "flush", "retire", "finish", "counters"])
def test_failures_are_named(method):
    """Which analysis, in which method, what, and the line of its code."""
    class Failing(Good):
        """Not from the start."""

        armed = False

    def fail(self, *arguments):
        if self.armed:
            raise ZeroDivisionError("of a kind")
        return self.counted

    setattr(Failing, method, fail)
    guard = guarded(Failing)
    Failing.armed = True
    with pytest.raises(AnalysisError) as error:
        getattr(guard, method)(*[None] * (method in ("process", "flush", "retire")))
    assert str(error.value).startswith(f"analysis foreign failed in {method}: ZeroDivisionError: of a kind ({__file__}:")


def test_counters_keep_their_names():
    """The block of statistics has a place for each from the beginning."""
    made = []
    guard = guarded(lambda *arguments: made.append(Good(*arguments)) or made[0])
    made[0].counted = {"lost": 0, "late": 1}
    with pytest.raises(AnalysisError, match=r"failed in counters: .*counters \['late'\] were not there from the beginning"):
        guard.counters()


@pytest.mark.parametrize("name", ["Lost", "lost-rows", "flows", "links_broken", "collector_0_pdus_sent", "interface_3_read_octets"])
def test_names_of_counters_are_its_own(name):
    """Not those that the probe counts by itself: a name stands for one number of the block."""
    class Other(Good):
        def counters(self):
            return {name: 1}

    with pytest.raises(PluginError, match=f"counter {name!r}: expected"):
        guarded(Other)


def test_rows_are_those_declared():
    """Of a kind that the declaration names, in its form."""
    emitted, made = [], []
    guarded(lambda *arguments: made.append(Good(*arguments)) or made[0], emitted, "ip_counters")
    emit = made[0].context.emit
    rows = Rows(IP_COUNTERS, np.zeros(2, IP_COUNTERS.dtype))
    emit(rows)
    assert [rows] == emitted
    with pytest.raises(ValueError, match="udp_counters, which its declaration does not name"):
        emit(Rows(UDP_COUNTERS, np.zeros(2, UDP_COUNTERS.dtype)))
    with pytest.raises(ValueError, match="do not have its dtype"):
        emit(Rows(IP_COUNTERS, np.zeros(2, UDP_COUNTERS.dtype)))


@pytest.mark.parametrize(("change", "told"), [
    ({"process": None}, "it made no analyser: process is missing"),
    ({"counters": lambda self: {"flows": 1}}, "counter 'flows'"),
    ({"counters": lambda self: {"Not Good": 1}}, "counter 'Not Good'"),
    ({"counters": lambda self: {7: 1}}, "counter 7"),
    ({"counters": lambda self: {}}, "alert for the counter lost, which it does not have"),
    ({"alerts": {"lost": "no_such_event"}}, "alert no_such_event for the counter lost"),
    ({"alerts": {"lost": "probe_started"}}, "expected an event that tells a count"),
    ({"__init__": lambda self: None}, "TypeError"),
], ids=str)
def test_what_is_no_analyser(change, told):
    """Told when it is made: before the first packet."""
    with pytest.raises(PluginError, match="analysis foreign cannot be used: ") as error:
        guarded(type("Bad", (Good,), change))
    assert told in str(error.value)


@pytest.mark.parametrize("demand", [lambda analysis: None, lambda: None, lambda analysis: Demand(services=("dns",))])
def test_demands_that_are_none(demand):
    """Named too."""
    classes = [FlowClass("c", None, (), (Analysis("foreign"),))]
    with pytest.raises(PluginError, match="analysis foreign: its demand cannot be used"):
        demands_of(classes, {"foreign": type("Asking", (Good,), {"demand": staticmethod(demand)})})


def test_classes_without_the_methods(monkeypatch):
    """Told when they are loaded."""
    monkeypatch.setattr("tmon_probe.child.analysers.ip_counters.IpCounters", type("Empty", (), {"process": print}))
    with pytest.raises(PluginError, match=r"analysis ip_counters: .* is no analyser: it has no method flush, retire, finish"):
        factories_of([FlowClass("c", None, (), (Analysis("ip_counters"),))])
