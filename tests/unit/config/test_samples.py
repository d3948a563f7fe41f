"""The sample configurations are correct and show what the grammar has."""

from pathlib import Path

import pytest
from lxml import etree

from tmon_common.config.grammar import grammar
from tmon_common.config.model import Conjunction, Disjunction
from tmon_common.config.read import read

SAMPLES = Path(__file__).parents[3] / "etc" / "xml"


@pytest.mark.parametrize("sample", sorted({*SAMPLES.glob("*.xml")} - {SAMPLES / "organisation.xml"}), ids=lambda p: p.name)
def test_sample(sample):
    """Valid as it is, recordings included. Other tools find it valid too."""
    read(sample)
    assert grammar().dtd.validate(etree.parse(sample))


def test_there_are_samples():
    assert {"minimal.xml", "two-probes.xml", "replay.xml", "tap.xml", "database.xml"} <= {p.name for p in SAMPLES.glob("*.xml")}


def test_a_tap_is_shown():
    """tap.xml has two directions of one link, with two fathers each on CPUs of their own, and flows that hold both."""
    configuration = read(SAMPLES / "tap.xml")
    [probe] = configuration.probes
    assert [("uplink", 2, "off", "inner")] * 2 == [(i.link, i.fathers, i.offloads, i.tunnel) for i in probe.interfaces]
    assert 6 == len({c for i in probe.interfaces for c in i.father_cpus} | set(probe.child_cpus))
    assert all("interface" not in f.fields for c in configuration.classes for f in c.flows)


def test_all_three_layers_are_shown():
    """two-probes.xml has every layer, and each NOT."""
    classes = read(SAMPLES / "two-probes.xml").classes
    middle = [t for c in classes for t in c.filter.terms if isinstance(t, Disjunction)]
    bottom = [t for d in middle for t in d.terms if isinstance(t, Conjunction)]
    assert {True, False} == {d.negated for d in middle} == {c.negated for c in bottom}
