"""<probes>: who observes, where, and to whom it publishes."""

from __future__ import annotations

import ipaddress
import re

from tmon_common.config.bpf import parse_bpf
from tmon_common.config.model import SECOND, Collector, FlowClass, Interface, Probe, Publication
from tmon_common.config.node import Node, check_unique
from tmon_common.config.quantities import (
    parse_count,
    parse_cpus,
    parse_duration,
    parse_multiplier,
    parse_number,
    parse_octets,
    parse_port,
    parse_power_of_two,
    split_list,
)
from tmon_common.config.structure import nearest
from tmon_common.config.this_machine import is_this_machine
from tmon_common.pdu.header import MAX_PDU_OCTETS

MAX_CLASSES = 64
"""Classes of one probe: bits of the mask that the sieve gives."""
MAX_INTERFACES = 256
"""Interfaces of one probe: their number in a packet record is an octet."""
LIVE_ONLY = ("device", "snaplen", "buffer", "promiscuous")
"""Attributes of an interface that say nothing of a replay."""
LEAST_MAX_PDU = 200
"""Octets: shorter PDUs would hold little but their header."""
MILLISECOND = SECOND // 1000
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND


def read_probes(nodes: list[Node], classes: tuple[FlowClass, ...], collectors: tuple[Collector, ...]) -> tuple[Probe, ...]:
    check_unique(nodes, "the configuration")
    class_names, by_name = dict.fromkeys(c.name for c in classes), {c.name: c for c in reversed(collectors)}
    return tuple(_probe(n, class_names, by_name) for n in nodes)


def _probe(node: Node, classes: dict[str, None], collectors: dict[str, Collector]) -> Probe:
    name, host = node.name(), node.text("host") or ""
    interfaces, publications = node.children("interface"), node.children("publish")
    check_unique(interfaces, f'probe "{name}"')
    check_unique(publications, f'probe "{name}"', "collector")
    if len(interfaces) > MAX_INTERFACES:
        node.problem(f"{len(interfaces)} interfaces; expected at most {MAX_INTERFACES}")
    files_are_here = not host or is_this_machine(host)
    return Probe(
        name=name,
        host=host,
        interfaces=tuple(_interface(i, files_are_here) for i in interfaces),
        publications=tuple(_publication(p, collectors) for p in publications),
        classes=_classes(node, classes),
        father_cpu=node.value("father_cpu", parse_number, 0, 4095),
        child_cpus=node.value("child_cpus", parse_cpus) or (),
        ring_slots=node.value("ring_slots", parse_power_of_two, 1 << 10, 1 << 24),
        max_flows=node.value("max_flows", parse_count, 1 << 10, 1 << 26),
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


def _interface(node: Node, files_are_here: bool) -> Interface:
    device = node.value("device", _device) or ""
    file_nodes = node.children("file")
    capture = node.text("capture") or ("replay" if file_nodes else "libpcap")
    if capture == "replay":
        if not file_nodes:
            node.problem("a replay needs recordings; expected <file path=...> elements", "capture")
        for attribute in filter(node.given, LIVE_ONLY):
            node.problem(f"{attribute} is for live capture only; expected the attribute to be left out of a replay", attribute)
    else:
        if file_nodes:
            node.problem(f'capture="{capture}" takes no <file>; expected capture="replay", or a device only', "capture")
        elif not node.given("device"):
            node.problem("an interface with neither device nor recording; expected device=... or <file path=...>")
        if node.given("pace"):
            node.problem("pace is for replay only; expected the attribute to be left out", "pace")
    files = tuple(f.path("path") for f in file_nodes if f.given("path"))
    if files_are_here and capture == "replay":
        _check_files(file_nodes)
    return Interface(
        name=node.name(),
        device=device,
        files=files,
        capture=capture,
        pace=node.text("pace") or "full",
        bpf=node.value("filter", parse_bpf),
        snaplen=node.value("snaplen", parse_number, 64, 262_144),
        buffer_octets=node.value("buffer", parse_octets, 64 << 10, 2 << 30),
        promiscuous=node.flag("promiscuous"),
    )


def _check_files(nodes: list[Node]) -> None:
    for node in nodes:
        text = node.text("path")
        if not text:
            continue
        path = node.path("path")
        try:
            if path.is_dir():
                node.problem(f'path="{text}": {path} is a directory; expected a recording (pcap or pcapng)', "path")
            elif not path.exists():
                node.problem(f'path="{text}": there is no file {path}', "path")
        except (OSError, ValueError) as error:
            node.problem(f'path="{text}": {error}', "path")


def _device(text: str) -> str:
    if not re.fullmatch(r"[^\s/]{1,15}", text):
        raise ValueError("expected the name of a network device, 1 to 15 characters without blanks and /")
    return text


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
