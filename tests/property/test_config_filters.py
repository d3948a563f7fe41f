"""Filters: written as XML and read again, a model says the same of every packet; and our check of shapes agrees with libxml2."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.oracles.filter_evaluation import evaluate
from tests.unit.config.documents import GOOD
from tmon_common.config.addresses import MAPPED, format_address
from tmon_common.config.document import load_document
from tmon_common.config.fields import FIELDS
from tmon_common.config.grammar import grammar
from tmon_common.config.model import Conjunction, Disjunction, Filter, Predicate
from tmon_common.config.predicates import merge_ranges
from tmon_common.config.problems import ConfigurationError, ProblemList
from tmon_common.config.read import read
from tmon_common.config.structure import check_structure

NUMBERS = [f for f in FIELDS.values() if f.kind == "number" and f.name != "ip_version"]
INTERFACES = ("lan", "wan")
ADDRESSES = st.integers(MAPPED | 0x0A000000, MAPPED | 0x0A000007) | st.integers(1, 8)


@st.composite
def predicates(draw):
    kind = draw(st.sampled_from(["number", "masked", "address", "interface"]))
    negated = draw(st.booleans())
    if kind == "interface":
        return Predicate("interface", (), None, negated, tuple(draw(st.sets(st.sampled_from(INTERFACES), min_size=1))))
    if kind == "address":
        low, high = sorted(draw(st.tuples(ADDRESSES, ADDRESSES)))
        if high >= MAPPED > low:
            low = high
        return Predicate(draw(st.sampled_from(["src_addr", "dst_addr", "addr"])), ((low, high),), None, negated)
    field = draw(st.sampled_from(NUMBERS))
    values = st.integers(0, min((1 << field.bits) - 1, 70))
    if kind == "masked":
        mask = draw(st.integers(1, min((1 << field.bits) - 1, 70)))
        value = draw(values) & mask
        return Predicate(field.name, ((value, value),), mask, negated)
    pairs = draw(st.lists(st.tuples(values, values), min_size=1, max_size=3))
    return Predicate(field.name, merge_ranges([(min(p), max(p)) for p in pairs]), None, negated)


conjunctions = st.builds(Conjunction, st.lists(predicates(), min_size=1, max_size=3).map(tuple), st.booleans())
disjunctions = st.builds(
    Disjunction, st.lists(predicates() | conjunctions, min_size=1, max_size=3).map(tuple), st.booleans())
filters = st.builds(Filter, st.lists(predicates() | disjunctions, max_size=3).map(tuple), st.booleans())


@st.composite
def packets(draw):
    """Some of the fields a packet may have."""
    packet = {}
    for field in FIELDS.values():
        if field.name in {"addr", "port"} or not draw(st.booleans()):
            continue
        if field.kind == "interface":
            packet[field.name] = draw(st.sampled_from(INTERFACES))
        elif field.kind == "address":
            packet[field.name] = draw(ADDRESSES)
        else:
            packet[field.name] = draw(st.integers(0, min((1 << field.bits) - 1, 70)))
    return packet


def as_element(layer) -> etree._Element:
    """The XML of a layer, the most literal way."""
    if isinstance(layer, Predicate):
        element = etree.Element("match", field=layer.field)
        write = format_address if FIELDS[layer.field].kind == "address" else str
        if layer.names:
            element.set("in", " ".join(layer.names))
        elif layer.mask is not None:
            element.set("masked", f"{layer.ranges[0][0]}/{layer.mask:#x}")
        else:
            element.set("in", " ".join(f"{write(low)}-{write(high)}" if low < high else write(low) for low, high in layer.ranges))
    else:
        element = etree.Element({Filter: "filter", Disjunction: "any", Conjunction: "all"}[type(layer)])
        element.extend([as_element(t) for t in layer.terms])
    element.set("not", "yes" if layer.negated else "no")
    return element


def document_with(filter_: Filter) -> etree._Element:
    root = etree.fromstring(GOOD)
    root.find("probes/probe").insert(1, etree.Element("interface", name="wan", device="eth1"))
    old = root.find("flow_classes/flow_class/filter")
    old.getparent().replace(old, as_element(filter_))
    return root


@given(filters, st.lists(packets(), min_size=1, max_size=5))
def test_filters_round_trip(filter_, some_packets):
    """The filter read is the filter written, so it says the same of all packets."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "tmon.xml")
        path.write_bytes(etree.tostring(document_with(filter_)))
        found = read(path).classes[0].filter
    assert filter_ == found
    for packet in some_packets:
        assert evaluate(filter_, packet) == evaluate(found, packet)


@given(filters, packets())
def test_negation(filter_, packet):
    """NOT of a layer is the contrary, for every packet."""
    contrary = Filter(filter_.terms, not filter_.negated)
    assert evaluate(filter_, packet) != evaluate(contrary, packet)


TAGS = [*grammar().elements, "nonsense"]
ATTRIBUTES = [(e.name, a) for e in grammar().elements.values() for a in e.attributes]


@st.composite
def mutations(draw):
    """The good document after a few random changes of its shape."""
    root = etree.fromstring(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        elements = list(root.iter("*"))
        element = elements[draw(st.integers(0, len(elements) - 1))]
        change = draw(st.sampled_from(["insert", "remove", "rename", "attribute", "unset", "text", "copy"]))
        parent = element.getparent()
        if change == "insert":
            element.insert(draw(st.integers(0, len(element))), etree.Element(draw(st.sampled_from(TAGS))))
        elif change == "remove" and parent is not None:
            parent.remove(element)
        elif change == "copy" and parent is not None:
            parent.append(etree.fromstring(etree.tostring(element, with_tail=False)))
        elif change == "rename":
            element.tag = draw(st.sampled_from(TAGS))
        elif change == "attribute":
            element.set(draw(st.sampled_from(ATTRIBUTES))[1], draw(st.sampled_from(["yes", "no", "libpcap", "1", "", "ns", "x"])))
        elif change == "unset" and element.attrib:
            del element.attrib[min(element.attrib)]
        elif change == "text":
            element.text = draw(st.sampled_from(["stray", " ", ""]))
    return etree.tostring(root)


@settings(max_examples=200)
@given(mutations())
def test_shapes_as_libxml2_sees_them(data):
    """We complain of the shape exactly when libxml2 finds it invalid; `read` gives problems with lines, or a configuration."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "tmon.xml")
        path.write_bytes(data)
        document = load_document(path)
        problems = ProblemList(path)
        check_structure(document, grammar(), problems)
        assert grammar().dtd.validate(document.root) == (len(problems) == 0)
        try:
            read(path)
        except ConfigurationError as error:
            lines = data.count(b"\n") + 1
            assert all(1 <= p.line <= lines for p in error.problems), error.problems  # noqa: PT017
        else:
            assert not len(problems)
