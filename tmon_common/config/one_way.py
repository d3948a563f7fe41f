"""<one_way>: the hops of a class whose packets are followed from probe to probe, and what is made of their times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from tmon_common.config.addresses import MAPPED, MAPPED_LAST, parse_address
from tmon_common.config.model import (
    SECOND,
    Analysis,
    FlowClass,
    GranularFlow,
    Histogram,
    Hop,
    Latency,
    OneWay,
    Point,
    Probe,
)
from tmon_common.config.node import Node, check_unique
from tmon_common.config.quantities import (
    format_duration,
    parse_count,
    parse_duration,
    parse_interval,
    parse_number,
    parse_octets,
    parse_ratio,
)
from tmon_common.config.structure import nearest
from tmon_common.observations.one_way import MAX_EXTRAS, MAX_HOPS

KIND = "one_way"
"""Name of the analysis that <one_way> asks for."""
MAX_POINTS = 255
"""Observation points of a class: their number travels in an octet."""
MAX_HASHED_OCTETS = 65_535
MAX_STAMPS = 9
"""Entries that the Timestamp option of an IPv4 header has room for (RFC 791 section 3.1): 40 octets less 4, 4 for each."""
HEADERS = 128
"""Octets of a frame before its transport header, for all that is likely: tags, options, extension headers."""
LONGEST = 9216
"""Octets of a jumbo frame: who captures that much cuts nothing."""
MILLISECOND, MINUTE, DAY = SECOND // 1000, 60 * SECOND, 86_400 * SECOND
MAX_LATE_SLOTS = 1440
FRAGMENTED_FIELDS = ("length", "fragment")
"""Of a filter: other values in a fragment than in the datagram."""


@dataclass(frozen=True)
class Place:
    """What a <probe> says before it is read: names of its interfaces, and of the classes it observes (None: all)."""

    interfaces: frozenset[str]
    classes: frozenset[str] | None


def places_of(probes: Iterable[Node]) -> dict[str, Place]:
    """By name of the probe."""
    return {p.text("name") or "": Place(frozenset(i.text("name") or "" for i in p.children("interface")),
                                        frozenset(re.split(r"[\s,]+", p.text("classes") or "")) if p.given("classes") else None)
            for p in probes}


def read_one_way(node: Node, flow_class: str, flows: list[Node], fields: list[GranularFlow], histograms: Mapping[str, Histogram],
                 places: Mapping[str, Place]) -> OneWay:
    """flows, fields: the granular flows of the class, as elements and as they were read; places: see `places_of`."""
    _check_flows(node, flows, fields)
    hops = _hops(node, flow_class, places)
    max_transit_ns = node.value("max_transit", parse_duration, MILLISECOND, 5 * MINUTE)
    return OneWay(
        hops=hops,
        latencies=_latencies(node, hops, histograms),
        direction=node.text("direction") or "forward",
        signature_octets={"16": 2, "24": 3}.get(node.text("signature"), 4),
        hashed_octets=node.value("hashed_octets", parse_octets, 0, MAX_HASHED_OCTETS),
        algorithm=node.text("algorithm") or "fast64",
        nat=node.flag("nat"),
        per=node.text("per") or "packet",
        resolution_ns=node.value("resolution", _resolution),
        sizes=node.flag("sizes"),
        max_transit_ns=max_transit_ns,
        max_lifetime_ns=_lifetime(node, max_transit_ns),
        output=node.text("output") or "both",
        individual=node.text("exceptions") == "individual",
        interval_ns=node.value("interval", parse_interval),
        late_slots=node.value("late_slots", parse_number, 0, MAX_LATE_SLOTS),
        max_in_flight=node.value("max_in_flight", parse_count, 1 << 10, 1 << 28),
        clash_rate=node.value("clash_rate", parse_ratio),
    )


def check_filter(node: Node, filter_: Node | None, per: str) -> None:
    """The class of a datagram is that of its first fragment: nothing may count that a fragment has and the whole one has not."""
    if per != "datagram":
        return
    for match in _matches(filter_) if filter_ else ():
        field = match.text("field")
        if field in FRAGMENTED_FIELDS:
            match.problem(f'field="{field}" differs where a datagram is in fragments, and the class has per="datagram" (line '
                          f"{node.line}); expected a filter without {' and '.join(FRAGMENTED_FIELDS)}", "field")


def _matches(node: Node) -> Iterator[Node]:
    for child in node.children():
        if child.tag == "match":
            yield child
        else:
            yield from _matches(child)


def analysis_of(one_way: OneWay) -> Analysis:
    """What the probes do for it."""
    options = {"nat": "yes" if one_way.nat else "no", "algorithm": one_way.algorithm, "hashed_octets": str(one_way.hashed_octets),
               "per": one_way.per, "ntp": "yes" if any(hop.ntp for hop in one_way.hops) else "no"}
    return Analysis(KIND, one_way.interval_ns, None, tuple(options.items()))


def check_signatures(nodes: Sequence[Node], classes: Sequence[FlowClass], probes: Sequence[Probe]) -> None:
    """nodes: the elements <flow_class> of the classes. Can the probes sign as the classes want it, all of them alike, and does some
    collector hear of several hops?"""
    elements = {c.name: n.child(KIND) for c, n in zip(classes, nodes, strict=True) if c.one_way}
    _check_one_way_to_sign(elements, classes, probes)
    for flow_class in classes:
        if node := elements.get(flow_class.name):
            _check_snaplens(node, flow_class.one_way, probes)
            _check_collectors(node, flow_class.one_way, probes)


def _check_collectors(node: Node, one_way: OneWay, probes: Sequence[Probe]) -> None:
    """Delays and losses are found where observations of several hops come together."""
    told: dict[str, set[int]] = {p.collector: set() for probe in probes for p in probe.publications}
    hops = [{p.probe for p in hop.points} for hop in one_way.hops if hop.points]
    if len(hops) < 2 or not told or not set().union(*hops) <= {probe.name for probe in probes}:
        return  # that is told already
    for probe in probes:
        for publication in probe.publications:
            told[publication.collector] |= {n for n, names in enumerate(hops) if probe.name in names}
    if max(len(heard) for heard in told.values()) < 2:
        node.problem("no collector hears of more than one of its hops: their probes publish to different ones; expected a "
                     "collector to which the probes of all hops publish")


def _check_one_way_to_sign(elements: dict[str, Node | None], classes: Sequence[FlowClass], probes: Sequence[Probe]) -> None:
    """A probe signs a packet once, for all its classes, and once more with nat."""
    by_name = {c.name: c for c in classes}
    for probe in probes:
        first: FlowClass | None = None
        of_length: dict[bool, FlowClass] = {}
        for name in probe.classes:
            flow_class, node = by_name[name], elements.get(name)
            one_way = flow_class.one_way
            if node is None or one_way is None or not one_way.points_at(probe.name):
                continue
            first = first or flow_class
            if first.one_way.algorithm != one_way.algorithm:
                node.problem(f'algorithm="{one_way.algorithm}", but probe "{probe.name}" signs for class "{first.name}" by '
                             f"{first.one_way.algorithm}; expected one algorithm for all classes of a probe", "algorithm")
            other = of_length.setdefault(one_way.nat, flow_class)
            if other.one_way.hashed_octets != one_way.hashed_octets:
                node.problem(f'hashed_octets="{one_way.hashed_octets}", but probe "{probe.name}" hashes '
                             f'{other.one_way.hashed_octets} octets for class "{other.name}"; expected the same for all classes of '
                             f'a probe with nat="{"yes" if one_way.nat else "no"}"', "hashed_octets")


def _check_snaplens(node: Node, one_way: OneWay, probes: Sequence[Probe]) -> None:
    """What one interface cuts off must not be hashed where another one has it."""
    captured = sorted(((i.snaplen, i.name, p.name, i.tunnel) for p in probes for i in p.interfaces
                       if not i.files and i.name in one_way.points_at(p.name)), key=itemgetter(0))
    if not captured:
        return
    snaplen, interface, probe, _ = captured[0]
    differ, peeled = snaplen != captured[-1][0], len({tunnel for *_, tunnel in captured}) > 1
    hashed = max(snaplen - HEADERS, 0)
    if one_way.hashed_octets <= hashed or not (differ or (peeled and snaplen < LONGEST + HEADERS)):
        return
    others, cure = "others more", ", or the same snaplen for all"
    if not differ:
        others = "as others do, but some measure what tunnels carry, behind more headers"
        cure = f", or a snaplen from {LONGEST + HEADERS} on"
    node.problem(f'interface "{interface}" of probe "{probe}" captures {snaplen} octets of a packet, {others}: the digests of long '
                 f'packets would differ; expected hashed_octets="{hashed}" at most{cure}',
                 "hashed_octets" if node.given("hashed_octets") else None)


def _check_flows(node: Node, flows: list[Node], fields: list[GranularFlow]) -> None:
    if len(flows) > 1:
        flows[1].problem("second <flow> of a class with <one_way>, which counts every packet for one flow; expected one only")
    for element, flow in zip(flows, fields, strict=True):
        if flow.bidirectional:
            element.problem('each direction is a way of its own for <one_way>; expected direction="unidirectional"', "direction")
        if "interface" in flow.fields:
            element.problem("a packet has another interface at every hop; expected fields without interface, as the class has "
                            "<one_way>", "fields")
        if node.text("direction") == "both" and not flow.fields & {"src_addr", "dst_addr"}:
            element.problem('both directions are one flow, but <one_way> has direction="both", which learns the way of each flow; '
                            "expected fields with src_addr or dst_addr", "fields")
    if not flows:
        node.problem("the class has no flow; expected one <flow>")


def _hops(node: Node, flow_class: str, places: Mapping[str, Place]) -> tuple[Hop, ...]:
    elements = node.children("hop")
    check_unique(elements, "this <one_way>")
    if len(elements) > MAX_HOPS:
        elements[MAX_HOPS].problem(f"{len(elements)} hops; expected at most {MAX_HOPS}")
    extras = [e for e in elements if not e.children("at")]
    if len(extras) > MAX_EXTRAS:
        extras[MAX_EXTRAS].problem(f"{len(extras)} hops whose times stand in the packets; expected at most {MAX_EXTRAS}")
    for element, which in ((elements[0], "first"), (elements[-1], "last")) if elements else ():
        if element in extras:
            element.problem(f"the {which} hop has no observation point; expected <at probe=... interface=...>, as nothing else "
                            "tells whether packets got there")
    hops: list[Hop] = []
    seen: dict[tuple[str, str], Node] = {}
    for element in elements:
        before = sum(len(h.points) for h in hops)
        points = tuple(_point(n, before + 1 + i, flow_class, places, seen) for i, n in enumerate(element.children("at")))
        entry, address = _ip_timestamp(element.child("ip_timestamp"))
        ntp = element.child("ntp")
        hops.append(Hop(element.name(), points, entry, address, (ntp.text("timestamp") or "") if ntp else ""))
    if sum(len(h.points) for h in hops) > MAX_POINTS:
        node.problem(f"{sum(len(h.points) for h in hops)} observation points; expected at most {MAX_POINTS}")
    return tuple(hops)


def _point(node: Node, number: int, flow_class: str, places: Mapping[str, Place], seen: dict[tuple[str, str], Node]) -> Point:
    probe, interface = node.text("probe") or "", node.text("interface") or ""
    place = places.get(probe)
    if place is None:
        if node.given("probe"):
            node.problem(f'probe="{probe}": there is no such probe{nearest(probe, places)}', "probe")
    elif interface not in place.interfaces:
        if node.given("interface"):
            node.problem(f'interface="{interface}": probe "{probe}" has no such interface{nearest(interface, place.interfaces)}',
                         "interface")
    elif place.classes is not None and flow_class not in place.classes:
        node.problem(f'probe "{probe}" does not observe class "{flow_class}"; expected that name in its classes="..."', "probe")
    first = seen.setdefault((probe, interface), node)
    if first is not node and node.given("probe") and node.given("interface"):
        node.problem(f'interface "{interface}" of probe "{probe}" is an observation point already, in line {first.line}; expected '
                     "each once", "interface")
    return Point(number, probe, interface)


def _ip_timestamp(node: Node | None) -> tuple[int, int]:
    """(entry, address) of <ip_timestamp>, 0 for what it does not tell."""
    if node is None:
        return 0, 0
    given = [a for a in ("entry", "address") if node.given(a)]
    if len(given) != 1:
        node.problem(f"it has {' and '.join(given) or 'neither'}; expected exactly one of entry, address", *given[:1])
        return 0, 0
    return node.value("entry", parse_number, 1, MAX_STAMPS) or 0, node.value("address", _ipv4) or 0


def _ipv4(text: str) -> int:
    """128 bits."""
    number = parse_address(text)
    if not MAPPED <= number <= MAPPED_LAST:
        raise ValueError("the Timestamp option is one of IPv4; expected an IPv4 address")
    return number


def _latencies(node: Node, hops: tuple[Hop, ...], histograms: Mapping[str, Histogram]) -> tuple[Latency, ...]:
    positions = {h.name: i for i, h in reversed(list(enumerate(hops)))}
    found: dict[tuple[int, int], Latency] = {}
    for element in node.children("latency"):
        ends = []
        for attribute in ("from", "to"):
            name = element.text(attribute) or ""
            if name not in positions and element.given(attribute):
                element.problem(f'{attribute}="{name}": there is no such hop{nearest(name, positions)}', attribute)
            ends.append(positions.get(name))
        if None in ends:
            continue
        start, end = ends
        if start >= end:
            element.problem(f'hop "{hops[start].name}" does not stand before "{hops[end].name}"; expected them in the order of the '
                            "hops", "from")
        elif (start, end) in found:
            element.problem(f'second <latency> from "{hops[start].name}" to "{hops[end].name}"; expected each pair once', "from")
        else:
            found[start, end] = Latency(start, end, _histogram(element, histograms))
    return tuple(found.values())


def _histogram(node: Node, histograms: Mapping[str, Histogram]) -> str | None:
    name = node.text("histogram")
    if name is None:
        return None
    if name not in histograms:
        node.problem(f'histogram="{name}": there is no such histogram{nearest(name, histograms)}', "histogram")
    elif histograms[name].unit != "ns":
        node.problem(f'histogram="{name}" is in {histograms[name].unit}; delays are lengths of time, expected one in ns',
                     "histogram")
    return name


def _lifetime(node: Node, max_transit_ns: int) -> int:
    lifetime = node.value("max_lifetime", parse_duration, SECOND, DAY)
    if lifetime < max_transit_ns:
        node.problem(f'max_lifetime="{node.text("max_lifetime")}" is shorter than max_transit; expected at least '
                     f"{format_duration(max_transit_ns)}", "max_lifetime")
    return lifetime


def _resolution(text: str) -> int:
    resolution = parse_duration(text, 1, MILLISECOND)
    if str(resolution).strip("0") != "1":
        raise ValueError("expected 1ns, 10ns, 100ns, 1us, 10us, 100us or 1ms")
    return resolution
