"""<probes>: who observes, where, and to whom it publishes."""

from __future__ import annotations

import ipaddress
import re

from tmon_common.config.interfaces import read_interfaces
from tmon_common.config.model import SECOND, Collector, FlowClass, Probe, Publication
from tmon_common.config.monitoring import read_agent
from tmon_common.config.node import Node, check_unique
from tmon_common.config.quantities import (
    parse_bit_rate,
    parse_count,
    parse_cpus,
    parse_duration,
    parse_multiplier,
    parse_number,
    parse_octets,
    parse_octets_power_of_two,
    parse_port,
    parse_power_of_two,
    split_list,
)
from tmon_common.config.structure import nearest
from tmon_common.config.this_machine import is_this_machine
from tmon_common.pdu.header import MAX_PDU_OCTETS

MAX_CLASSES = 64
"""Classes of one probe: bits of the mask that the sieve gives."""
LEAST_MAX_PDU = 200
"""Octets: shorter PDUs would hold little but their header."""
KEY_DIRECTORY = "keys"
"""Beside the configuration; has the key files of probes that name none."""
MILLISECOND = SECOND // 1000
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND


def read_probes(nodes: list[Node], classes: tuple[FlowClass, ...], collectors: tuple[Collector, ...]) -> tuple[Probe, ...]:
    check_unique(nodes, "the configuration")
    class_names, by_name = dict.fromkeys(c.name for c in classes), {c.name: c for c in reversed(collectors)}
    return tuple(_probe(n, class_names, by_name) for n in nodes)


def _probe(node: Node, classes: dict[str, None], collectors: dict[str, Collector]) -> Probe:
    name, host = node.name(), node.text("host") or ""
    publications = node.children("publish")
    check_unique(publications, f'probe "{name}"', "collector")
    return Probe(
        name=name,
        host=host,
        seal=node.text("seal") or "aead",
        key=node.path("key") if node.given("key") else node.resolve(f"{KEY_DIRECTORY}/{name}.key"),
        interfaces=read_interfaces(node, files_are_here=not host or is_this_machine(host)),
        publications=tuple(_publication(p, collectors) for p in publications),
        classes=_classes(node, classes),
        father_cpu=node.value("father_cpu", parse_number, 0, 4095),
        child_cpus=node.value("child_cpus", parse_cpus) or (),
        ring_slots=node.value("ring_slots", parse_power_of_two, 1 << 10, 1 << 24),
        ring_octets=node.value("ring_octets", parse_octets_power_of_two, 1 << 20, 1 << 30),
        max_flows=node.value("max_flows", parse_count, 1 << 10, 1 << 26),
        agent=read_agent(node),
    )


def _classes(node: Node, known: dict[str, None]) -> tuple[str, ...]:
    """Names in the order of the configuration, at most MAX_CLASSES."""
    def parse(text: str) -> set[str]:
        names = split_list(text)
        if not names:
            raise ValueError("expected names of flow classes, or no such attribute for all of them")
        for name in names:
            if name not in known:
                raise ValueError(f'there is no flow class "{name}"{nearest(name, known)}')
        return set(names)

    wanted = node.value("classes", parse)
    chosen = tuple(n for n in known if wanted is None or n in wanted)
    if len(chosen) > MAX_CLASSES:
        node.problem(f'{len(chosen)} flow classes on one probe; expected at most {MAX_CLASSES}, chosen by classes="..."', "classes")
    return chosen


def _publication(node: Node, collectors: dict[str, Collector]) -> Publication:
    name = node.text("collector") or ""
    collector = collectors.get(name)
    if collector is None and node.given("collector"):
        node.problem(f'collector="{name}": there is no such collector{nearest(name, collectors)}', "collector")
    initial = node.value("initial_timeout", parse_duration, MILLISECOND, HOUR)
    final = node.value("final_timeout", parse_duration, SECOND, 30 * DAY)
    if final < initial:
        node.problem("final_timeout is shorter than initial_timeout; expected at least as long", "final_timeout")
    return Publication(
        collector=name,
        address=_reached_at(node, collector),
        port=node.value("port", parse_port) or (collector.port if collector else 0),
        max_pdu_octets=node.value("max_pdu", parse_octets, LEAST_MAX_PDU, MAX_PDU_OCTETS),
        max_build_ns=node.value("max_build", parse_duration, MILLISECOND, HOUR),
        min_gap_ns=node.value("min_gap", parse_duration, 0, 10 * SECOND),
        window=node.value("window", parse_count, 1, 1 << 16),
        initial_timeout_ns=initial,
        timeout_increment_ns=node.value("timeout_increment", parse_duration, 0, HOUR),
        timeout_multiplier=node.value("timeout_multiplier", parse_multiplier, 1, 10),
        max_retries=node.value("max_retries", parse_number, 0, 1000),
        final_timeout_ns=final,
        heartbeat_ns=node.value("heartbeat", parse_duration, 100 * MILLISECOND, HOUR),
        queue_octets=node.value("queue", parse_octets, 64 << 10, 16 << 30),
        break_border_ns=node.value("break_border", parse_duration, 0, DAY),
        max_rate=node.value("max_rate", parse_bit_rate, 1000, 10**12) or 0,
    )


def _reached_at(node: Node, collector: Collector | None) -> str:
    """The address given, else one that the collector's own declaration tells."""
    if node.given("address"):
        return node.value("address", _destination) or ""
    if collector is None:
        return ""
    if not ipaddress.ip_address(collector.address).is_unspecified:
        return collector.address
    if not collector.host:
        node.problem(f'collector "{collector.name}" listens on all addresses and tells no host; expected address="..." here')
    return collector.host


def _destination(text: str) -> str:
    """An address, or a host name by its looks (it is resolved when the probe starts)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        labels = text.rstrip(".").split(".")
        looks_right = all(re.fullmatch(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", label) for label in labels)
        if len(text) > 253 or not looks_right or labels[-1].isdigit():
            raise ValueError("expected an address or a host name") from None
        return text
    if address.is_unspecified or address.is_multicast:
        raise ValueError("expected the address of one machine")
    return str(address)
