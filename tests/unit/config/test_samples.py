"""The sample configurations are correct and show what the grammar has."""

from pathlib import Path

import pytest
from lxml import etree

from tmon_common.config.grammar import grammar
from tmon_common.config.model import Conjunction, Disjunction
from tmon_common.config.read import read

SAMPLES = Path(__file__).parents[3] / "etc" / "xml"


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.xml")), ids=lambda p: p.name)
def test_sample(sample):
    """Valid as it is, recordings included. Other tools find it valid too."""
    read(sample)
    assert grammar().dtd.validate(etree.parse(sample))


def test_there_are_samples():
    assert {"minimal.xml", "two-probes.xml", "replay.xml"} <= {p.name for p in SAMPLES.glob("*.xml")}


def test_all_three_layers_are_shown():
    """two-probes.xml has every layer, and each NOT."""
    classes = read(SAMPLES / "two-probes.xml").classes
    middle = [t for c in classes for t in c.filter.terms if isinstance(t, Disjunction)]
    bottom = [t for d in middle for t in d.terms if isinstance(t, Conjunction)]
    assert {True, False} == {d.negated for d in middle} == {c.negated for c in bottom}
