"""<histograms> and <flow_classes>: what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from tmon_common.analyses.declaration import AnalysisDeclaration
from tmon_common.config.fields import FLOW_FIELDS
from tmon_common.config.filters import read_filter
from tmon_common.config.model import SECOND, Analysis, FlowClass, GranularFlow, Histogram
from tmon_common.config.node import Node, check_unique
from tmon_common.config.one_way import KIND as ONE_WAY
from tmon_common.config.one_way import Place, analysis_of, check_filter, read_one_way
from tmon_common.config.quantities import parse_duration, parse_interval, parse_octets, split_list
from tmon_common.config.structure import nearest
from tmon_common.observations import MAX_SLICES

DAY = 86_400 * SECOND
OPTION_ATTRIBUTES = ("records", "mode", "metrics")
"""Options that may also be written as attributes of <analysis>."""


def read_histograms(nodes: list[Node]) -> tuple[Histogram, ...]:
    check_unique(nodes, "the configuration")
    return tuple(_histogram(n) for n in nodes)


def _histogram(node: Node) -> Histogram:
    unit = node.text("unit") or "octets"
    return Histogram(node.name(), unit, node.value("bounds", _bounds, unit) or ())


def _bounds(text: str, unit: str) -> tuple[int, ...]:
    texts = split_list(text)
    if not texts:
        raise ValueError("expected at least one upper bound")
    if len(texts) >= MAX_SLICES:
        raise ValueError(f"{len(texts)} bounds make {len(texts) + 1} slices; expected at most {MAX_SLICES - 1} bounds")
    bounds = tuple(parse_octets(t) if unit == "octets" else parse_duration(t) for t in texts)
    for lower, upper in pairwise(bounds):
        if lower >= upper:
            raise ValueError(f"{upper} follows {lower}; expected ascending bounds")
    return bounds


def read_classes(
    nodes: list[Node], histograms: tuple[Histogram, ...], places: Mapping[str, Place], known: Mapping[str, AnalysisDeclaration]
) -> tuple[FlowClass, ...]:
    """places: what probes there are, by name; known: the analysis kinds that exist."""
    check_unique(nodes, "the configuration")
    by_name = {h.name: h for h in reversed(histograms)}  # of one name, the first
    return tuple(_flow_class(n, by_name, places, known) for n in nodes)


def _flow_class(node: Node, histograms: dict, places: Mapping[str, Place], known: Mapping[str, AnalysisDeclaration]) -> FlowClass:
    name, interfaces = node.name(), frozenset().union(*(p.interfaces for p in places.values()))
    flows, analyses = node.children("flow"), node.children("analysis")
    check_unique(flows, f'flow class "{name}"')
    check_unique(analyses, f'flow class "{name}"', "kind")
    filter_, granular = read_filter(node.child("filter"), interfaces), tuple(_granular_flow(f) for f in flows)
    measured = tuple(_analysis(a, histograms, known) for a in analyses)
    followed = node.child("one_way")
    if followed is None:
        return FlowClass(name, filter_, granular, measured)
    one_way = read_one_way(followed, name, flows, granular, histograms, places)
    check_filter(followed, node.child("filter"), one_way.per)
    return FlowClass(name, filter_, granular, (*measured, analysis_of(one_way)), one_way)


def _granular_flow(node: Node) -> GranularFlow:
    fields = node.value("fields", _flow_fields)
    bidirectional = node.text("direction") != "unidirectional"
    if fields is not None and bidirectional:
        _check_pairs(node, fields)
    return GranularFlow(node.name(), frozenset(fields or ()), bidirectional,
                        node.value("obsolescence", parse_duration, SECOND, DAY))


def _flow_fields(text: str) -> list[str]:
    fields = split_list(text)
    for name in fields:
        if name not in FLOW_FIELDS:
            raise ValueError(f'a flow has no field "{name}"{nearest(name, FLOW_FIELDS)}')
        if fields.count(name) > 1:
            raise ValueError(f"{name} stands there twice; expected each field once")
    return fields


def _check_pairs(node: Node, fields: list[str]) -> None:
    """Directions are told apart by who is source and who destination, so both must be there."""
    for source, destination in (("src_addr", "dst_addr"), ("src_port", "dst_port")):
        if (source in fields) != (destination in fields):
            there, lacking = (source, destination) if source in fields else (destination, source)
            node.problem(f'a bidirectional flow with {there} but without {lacking}; expected both, or direction="unidirectional"',
                         "fields")
    if not {"src_addr", "dst_addr"} & set(fields):
        node.problem('a bidirectional flow needs src_addr and dst_addr to tell its directions apart; expected them in fields, or '
                     'direction="unidirectional"', "fields")


def _analysis(node: Node, histograms: dict[str, Histogram], known: Mapping[str, AnalysisDeclaration]) -> Analysis:
    kind = node.text("kind") or ""
    declared = known.get(kind)
    histogram, options = node.text("histogram"), _options(node, kind)
    if kind == ONE_WAY:
        node.problem('kind="one_way": its hops must be told; expected <one_way> as last element of the class instead', "kind")
    elif declared is None and node.given("kind"):
        node.problem(f'kind="{kind}": there is no such analysis{nearest(kind, known)}', "kind")
    elif declared is not None:
        _check_histogram(node, declared, histogram, histograms)
        _check_options(declared, options)
    return Analysis(kind, node.value("interval", parse_interval), histogram, tuple((name, text) for name, text, _, _ in options))


def _options(node: Node, kind: str) -> list[tuple[str, str, Node, str]]:
    """(name, text, element where it stands, attribute there) of each option of an <analysis>."""
    children = node.children("option")
    check_unique(children, f'analysis "{kind}"')
    options = [(o.text("name") or "", o.text("value") or "", o, "value") for o in children]
    for attribute in OPTION_ATTRIBUTES:
        if node.given(attribute):
            if attribute in (name for name, *_ in options):
                node.problem(f"{attribute} stands there as an <option> too; expected one of them", attribute)
            options.append((attribute, node.text(attribute) or "", node, attribute))
    return options


def _check_options(declared: AnalysisDeclaration, options: list[tuple[str, str, Node, str]]) -> None:
    by_name = {o.name: o for o in declared.options}
    for name, text, where, attribute in options:
        if name not in by_name:
            named = attribute if attribute == name else "name"
            where.problem(f'{declared.name} has no option "{name}"{nearest(name, sorted(by_name))}', named)
            continue
        try:
            by_name[name].read(text)
        except ValueError as error:
            where.problem(f'{name}="{text}": {error}', attribute)


def _check_histogram(node: Node, declared: AnalysisDeclaration, name: str | None, histograms: dict[str, Histogram]) -> None:
    unit = declared.histogram_unit
    if name is None:
        if unit:
            suitable = [f'"{h.name}"' for h in histograms.values() if h.unit == unit][:10]
            node.problem(f'{declared.name} needs slices; expected histogram="..." with the name of a <histogram> in {unit}'
                         f"{' such as ' if suitable else ''}{', '.join(suitable)}")
    elif not unit:
        node.problem(f"{declared.name} uses no histogram; expected the attribute to be left out", "histogram")
    elif name not in histograms:
        node.problem(f'histogram="{name}": there is no such histogram{nearest(name, histograms)}', "histogram")
    elif histograms[name].unit != unit:
        node.problem(f'histogram="{name}" is in {histograms[name].unit}; {declared.name} expects one in {unit}', "histogram")
