"""The configuration of `trafmon one-way`: a probe for each capture, one class, every packet followed from hop to hop."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from lxml import etree

from tmon_common.config.default import (
    HISTOGRAMS,
    collector_element,
    interface_names,
    publish_element,
    replay_elements,
    store_element,
    xml_text,
)
from tmon_common.config.quantities import format_signed_duration

CLASS = "packets"
PROTOCOLS = "tcp udp icmp icmpv6"
FLOW_FIELDS = "src_addr dst_addr protocol src_port dst_port"
INTERFACE = "capture"
HISTOGRAM = "one_way_delays"
MAX_IN_FLIGHT = "64M"
"""Captures are read as fast as it goes, one may be far ahead of another: all of it waits, and nothing is judged before its time."""
MAX_BUILD = "100ms"
"""Definitions of flows fill no PDU. A round waits for those of its flows, and at full speed much is read meanwhile."""
CLASH_RATE = "100%"
"""That is, never told by an event: the result shows how many there are, and that some packets are equal is usual."""


@dataclass(frozen=True)
class OneWayWishes:
    """As they are written in the configuration. hops: a name for each capture; captures with the same one are alternatives.

    packets     a row for every packet, not only distributions and counters
    octets      of a packet, behind its IP header, that are looked at; as many as there are
    ahead_ns    by how much the clock of each capture was ahead, so that its times are corrected; none was
    """

    captures: tuple[Path, ...]
    hops: tuple[str, ...] = ()
    nat: bool = False
    per: str = "packet"
    max_transit: str = "2s"
    direction: str = "both"
    signature: str = "32"
    interval: str = "60s"
    bpf: str = ""
    tunnel: str = "outer"
    packets: bool = False
    octets: int | None = None
    ahead_ns: tuple[int, ...] = ()
    probes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "probes", tuple(interface_names(self.captures)))
        object.__setattr__(self, "hops", self.hops or self.probes)

    @property
    def ways(self) -> list[str]:
        """Names of the hops, in the order in which they come first."""
        return list(dict.fromkeys(self.hops))


def one_way_configuration_xml(wishes: OneWayWishes, spool: Path, database: Path, port: int) -> str:
    """XML text: probes that replay a capture each, a collector on loopback, a class of all TCP, UDP, ICMP and ICMPv6 packets."""
    root = etree.Element("trafmon")
    name, bounds = HISTOGRAM, HISTOGRAMS["ns"][1]
    etree.SubElement(etree.SubElement(root, "histograms"), "histogram", name=name, unit="ns", bounds=bounds)
    followed = etree.SubElement(etree.SubElement(root, "flow_classes"), "flow_class", name=CLASS)
    etree.SubElement(etree.SubElement(followed, "filter"), "match", {"field": "protocol", "in": PROTOCOLS})
    etree.SubElement(followed, "flow", name="flow", fields=FLOW_FIELDS, direction="unidirectional")
    followed.append(_one_way_element(wishes))
    etree.SubElement(root, "collectors").append(collector_element(spool, port))
    probes = etree.SubElement(root, "probes")
    fathers = _cpus(len(wishes.captures))
    ahead = wishes.ahead_ns or (0,) * len(fathers)
    for probe, capture, cpu, ahead_ns in zip(wishes.probes, wishes.captures, fathers, ahead, strict=True):
        element = etree.SubElement(probes, "probe", name=probe, father_cpu=str(cpu))
        element.extend(replay_elements([capture], [INTERFACE], "full", [wishes.bpf], [wishes.tunnel]))
        if ahead_ns:
            element[-1].set("clock_ahead", format_signed_duration(ahead_ns))
        element.append(publish_element(port))
        element[-1].set("max_build", MAX_BUILD)
    root.append(store_element(database))
    return xml_text(root)


def _one_way_element(wishes: OneWayWishes) -> etree._Element:
    element = etree.Element(
        "one_way", signature=wishes.signature, nat="yes" if wishes.nat else "no", per=wishes.per, resolution="1ns", sizes="yes",
        max_transit=wishes.max_transit, output="both" if wishes.packets else "histograms", interval=wishes.interval,
        late_slots="0", direction=wishes.direction, max_in_flight=MAX_IN_FLIGHT, clash_rate=CLASH_RATE)
    if wishes.octets is not None:
        element.set("hashed_octets", str(wishes.octets))
    for hop in wishes.ways:
        place = etree.SubElement(element, "hop", name=hop)
        for probe, at in zip(wishes.probes, wishes.hops, strict=True):
            if at == hop:
                etree.SubElement(place, "at", probe=probe, interface=INTERFACE)
    ways = wishes.ways
    for first, second in dict.fromkeys([*pairwise(ways), (ways[0], ways[-1])]):
        etree.SubElement(element, "latency", {"from": first, "to": second, "histogram": HISTOGRAM})
    return element


def _cpus(count: int) -> list[int]:
    """A CPU for each father, those of this process by turns."""
    cpus = sorted(os.sched_getaffinity(0))
    return [cpus[n % len(cpus)] for n in range(count)]
