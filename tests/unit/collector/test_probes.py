"""Which PDUs are written already, and whose runs they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_collector.probes import MAX_RANGES, MAX_RUNS, Probes, WrittenPdus
from tmon_common.pdu.header import probe_number


@given(st.lists(st.one_of(st.tuples(st.just("add"), st.integers(0, 40)), st.tuples(st.just("forget"), st.integers(0, 40)))))
def test_written_pdus_behave_as_a_set(steps):
    """Ranges and floor say the same as a plain set."""
    written, reference = WrittenPdus(), set()
    for what, pdu in steps:
        if what == "add":
            written.add(pdu)
            reference.add(pdu)
        else:
            written.forget_below(pdu)
            reference.update(range(pdu))
        assert [pdu in reference for pdu in range(45)] == [pdu in written for pdu in range(45)]


def test_memory_is_that_of_the_holes():
    written = WrittenPdus()
    for pdu in range(1, 2 * MAX_RANGES, 2):
        written.add(pdu)
    assert written.full
    for pdu in range(0, 2 * MAX_RANGES, 2):
        written.add(pdu)
    assert not written.full
    assert written.floor == 2 * MAX_RANGES


def test_ids_wrap():
    """Only 32 bits travel."""
    written = WrittenPdus()
    assert written.identify(2**32 - 1) == 2**32 - 1
    assert written.identify(3) == 2**32 + 3
    assert written.identify(2**32 - 2) == 2**32 - 2


def test_runs_of_a_probe():
    """Each run has its own ids; the run heard least lately is forgotten."""
    probes = Probes(["a", "b"])
    number = probe_number("a")
    first = probes.heard(number, 1, 10)
    first.written.add(0)
    assert probes.heard(number, 1, 11) is first
    assert 0 not in probes.heard(number, 2, 12).written
    assert probes.heard_ns == {"a": 12}
    for run in range(3, 2 + MAX_RUNS):
        probes.heard(number, 1, 13)
        probes.heard(number, run, 13)
    assert probes.heard(number, 1, 14) is first
    assert probes.name_of(12345) is None


def test_source_begins_the_lines():
    assert Probes(["a, b"]).heard(probe_number("a, b"), 5, 0).source == b'"a, b",5,'


def test_names_of_one_number_are_refused(monkeypatch):
    """Improbable (CRC-32C), but then their observations would mix."""
    monkeypatch.setattr("tmon_collector.probes.probe_number", lambda _: 1)
    with pytest.raises(ValueError, match="same number"):
        Probes(["a", "b"])
