"""Definitions of several probes and runs become flows."""

from __future__ import annotations

import numpy as np

from tests.unit.collector.one_way_engine.make import CLASS, definition
from tmon_collector.one_way.flows import Definitions


def flow_of(definitions: Definitions, number: int, probe: str, run_ms: int = 1) -> int:
    index = definitions.indexes(np.array([number]), probe, run_ms, 0)[0]
    return int(definitions.flows().flow[index])


def test_equal_values_are_one_flow():
    """Whoever sees it under whatever number; another address is another flow, and swapped addresses are its reverse flow."""
    d = Definitions(CLASS)
    for number, probe, run_ms, ends in ((7, "a", 1, (1, 2)), (3, "b", 1, (1, 2)), (9, "b", 2, (1, 2)), (4, "a", 1, (2, 1)),
                                       (5, "a", 1, (1, 3))):
        d.define(definition(number, *ends), probe, run_ms, [CLASS])
    there, back, other = flow_of(d, 7, "a"), flow_of(d, 4, "a"), flow_of(d, 5, "a")
    assert there == flow_of(d, 3, "b") == flow_of(d, 9, "b", 2)
    assert len({there, back, other}) == 3
    flows = d.flows()
    assert (flows.reverse[there], flows.reverse[back], flows.reverse[other]) == (back, there, -1)
    assert flows.source[there] == flows.destination[back] == flows.source[other]
    assert flows.destination[there] != flows.destination[other]


def test_observations_may_come_first():
    d = Definitions(CLASS)
    indexes = d.indexes(np.array([7, 7, 8, 8, 7]), "a", 1, 5)
    assert indexes.tolist() == [0, 0, 1, 1, 0]
    assert d.flows().flow.tolist() == [-1, -1]
    d.define(definition(8), "a", 1, [CLASS])
    assert d.flows().flow.tolist() == [-1, 0]
    assert d.source(1) == ("a", 1, 8)


def test_definitions_of_other_classes_are_passed_over():
    d = Definitions("other")
    assert d.define(definition(8), "a", 1, [CLASS]).tolist() == [False]
    assert len(d) == 0


def test_forgetting_makes_room_and_frees_numbers():
    """The longest silent go; a flow is gone with its last definition, and its number is given anew."""
    d = Definitions(CLASS, limit=8)
    for n in range(8):
        d.define(definition(n, 1, 100 + n // 2), "a", 1, [CLASS])
        d.indexes(np.array([n]), "a", 1, n)
    assert d.room == 0
    assert d.forget(0).tolist() == []
    assert d.forget(100).tolist() == [0]
    assert (d.forgotten, d.room) == (2, 2)
    assert d.known(np.concatenate([definition(1), definition(2)]), "a", 1, [CLASS]).tolist() == [False, True]
    d.define(definition(99, 5, 6), "a", 1, [CLASS])
    assert flow_of(d, 99, "a") == 0
    assert d.source(int(d.indexes(np.array([99]), "a", 1, 0)[0])) == ("a", 1, 99)


def test_what_was_silent_for_long_is_forgotten():
    """With what waited in vain for its definition. What has not been observed yet counts from when that is seen."""
    d = Definitions(CLASS)
    for n in range(4):
        d.define(definition(n, 1, 100 + n), "a", 1, [CLASS])
    d.indexes(np.array([1, 2]), "a", 1, 50)
    d.indexes(np.array([2, 77]), "a", 1, 200)
    assert d.forget_silent(100, 300).tolist() == [1]
    assert (len(d), d.forgotten) == (4, 0)
    d.indexes(np.array([3]), "a", 1, 400)
    assert sorted(d.forget_silent(301, 500).tolist()) == [0, 2]
    assert d.known(np.concatenate([definition(n) for n in range(4)]), "a", 1, [CLASS]).tolist() == [False, False, False, True]
    assert len(d) == 1
    assert d.forget_silent(301, 500).tolist() == []


def test_runs_that_are_over_are_forgotten():
    """Not what still waits: what was observed before is settled."""
    d = Definitions(CLASS)
    for run_ms in (1, 2):
        for n in range(3):
            d.define(definition(n, 1, 2 + n), "a", run_ms, [CLASS])
            d.indexes(np.array([n]), "a", run_ms, 10 * n)
    assert d.forget_runs("a", 2, 15).tolist() == []  # the second run has the same flows
    assert len(d) == 4
    assert sorted(d.forget_runs("a", 3, 100).tolist()) == [0, 1, 2]
    assert len(d) == 0
