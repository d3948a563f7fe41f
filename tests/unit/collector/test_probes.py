"""Which PDUs are written already, and whose runs they are."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_collector.probes import MAX_RUNS, Probes
from tmon_collector.written import FIRST_CLOCKED, MAX_OLD_RUNS, MAX_RANGES, OldRuns, WrittenPdus
from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import probe_number


@given(st.lists(st.one_of(st.tuples(st.just("add"), st.integers(0, 40)), st.tuples(st.just("told"), st.integers(0, 40)))))
def test_written_pdus_behave_as_a_set(steps):
    """Ranges say the same as a plain set of what was written, whatever the probe is said to hold."""
    written, reference = WrittenPdus(), set()
    for what, pdu in steps:
        if what == "add":
            written.add(pdu)
            reference.add(pdu)
        else:
            written.may_forget_below(pdu)
            assert written.make_room()
        assert [pdu in reference for pdu in range(45)] == [pdu in written for pdu in range(45)]


def test_memory_is_that_of_the_holes():
    written = WrittenPdus()
    for pdu in range(1, 2 * MAX_RANGES, 2):
        written.add(pdu)
    assert not written.make_room()
    for pdu in range(0, 2 * MAX_RANGES, 2):
        written.add(pdu)
    assert written.make_room()
    assert 2 * MAX_RANGES - 1 in written


def test_room_is_made_of_what_the_probe_no_longer_holds():
    """The lowest range goes, only when there is no room, and only below what the probe holds."""
    written = WrittenPdus()
    for pdu in range(0, 2 * MAX_RANGES, 2):
        written.add(pdu)
    written.may_forget_below(2)
    assert 0 in written
    assert written.make_room()
    assert 0 not in written
    written.add(2 * MAX_RANGES)
    assert not written.make_room()
    assert 2 in written
    written.may_forget_below(10**9)
    assert written.make_room()
    assert 2 not in written
    assert 4 in written


def test_ids_wrap():
    """Only 32 bits travel."""
    written = WrittenPdus()
    for _ in range(2):
        assert written.identify(2**32 - 1) == 2**32 - 1
        assert written.identify(3) == 2**32 + 3
        assert written.identify(2**32 - 2) == 2**32 - 2
        written.add(2**32 + 3)


def test_runs_of_a_probe():
    """Each run has its own ids; the run silent for longest is forgotten."""
    probes = Probes(["a", "b"])
    number = probe_number("a")
    first = probes.run_of(number, 1)
    first.written.add(0)
    probes.remember(first)
    probes.forget_candidates()
    assert probes.run_of(number, 1) is first
    assert 0 not in probes.run_of(number, 2).written
    for run in range(2, 2 + MAX_RUNS):
        assert probes.known(number, 1) is first
        probes.remember(probes.run_of(number, run))
    assert probes.known(number, 1) is first
    assert probes.known(number, 2) is None
    assert probes.name_of(12345) is None


def test_a_run_that_is_remembered_is_not_over():
    """Not even when the floor of old runs rises above it."""
    probes = Probes(["a"])
    number = probe_number("a")
    living = probes.run_of(number, FIRST_CLOCKED)
    probes.remember(living)
    for run in range(100, 100 + MAX_OLD_RUNS + MAX_RUNS):
        probes.remember(probes.run_of(number, FIRST_CLOCKED + run))
        assert probes.known(number, FIRST_CLOCKED) is living
    assert probes.old[number].floor >= FIRST_CLOCKED + 100
    probes.check(number, FIRST_CLOCKED)
    for run in (2, 100, 101):
        with pytest.raises(PduError, match="old_run"):
            probes.check(number, FIRST_CLOCKED + run)


def test_a_probe_without_clock_is_not_shut_out():
    """Its runs start in 1970, in no order: none that is new is over, however many were, of whatever time; those of late are."""
    old, chance = OldRuns(), random.Random(3)
    for run in range(2 * MAX_OLD_RUNS):
        old.add(FIRST_CLOCKED + run)
    runs = [20_000 + chance.randrange(5000) << 16 | n for n in range(3 * MAX_OLD_RUNS)]
    for run in runs:
        assert run not in old
        old.add(run)
        assert run in old
    assert all(run in old for run in runs[-MAX_OLD_RUNS:])
    assert len(old.clockless) == len(old.numbers) == MAX_OLD_RUNS
    assert FIRST_CLOCKED in old


def test_candidates_leave_no_trace():
    """A run of which nothing is written is one object while datagrams are handled, and nothing afterwards."""
    probes = Probes(["a"])
    number = probe_number("a")
    candidate = probes.run_of(number, 1)
    assert probes.run_of(number, 1) is candidate
    assert probes.known(number, 1) is None
    probes.forget_candidates()
    assert probes.run_of(number, 1) is not candidate


def test_source_begins_the_lines():
    assert Probes(["a, b"]).run_of(probe_number("a, b"), 5 << 16 | 77).source == b'"a, b",5,'


def test_names_of_one_number_are_refused(monkeypatch):
    """Improbable (CRC-32C), but then their observations would mix."""
    monkeypatch.setattr("tmon_collector.probes.probe_number", lambda _: 1)
    with pytest.raises(ValueError, match="same number"):
        Probes(["a", "b"])
