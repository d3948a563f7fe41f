"""<interface>: an observation point of a probe, a device or a recording."""

from __future__ import annotations

import re

from tmon_common.config.bpf import parse_bpf
from tmon_common.config.model import SECOND, Interface
from tmon_common.config.node import Node, check_unique
from tmon_common.config.quantities import (
    parse_cpus,
    parse_duration,
    parse_name,
    parse_number,
    parse_octets,
    parse_octets_power_of_two,
    parse_signed_duration,
)

MAX_INTERFACES = 256
"""Interfaces of one probe: their number in a packet record is an octet."""
MAX_FATHERS = 64
AFPACKET_ONLY = ("block", "timestamps", "fathers", "father_cpus")
LIVE_ONLY = ("device", "snaplen", "buffer", "promiscuous", "no_traffic", "offloads", *AFPACKET_ONLY)
"""Attributes of an interface that say nothing of a replay."""
REPLAY_ONLY = ("pace", "clock_ahead")
DAY = 86_400 * SECOND
MAX_AHEAD = 36_525 * DAY
"""100 years: a machine without a clock of its own begins in 1970 or 2000."""


def read_interfaces(probe: Node, *, files_are_here: bool) -> tuple[Interface, ...]:
    """Those of a probe. files_are_here: recordings must exist on this machine."""
    nodes, where = probe.children("interface"), f'probe "{probe.text("name") or ""}"'
    check_unique(nodes, where)
    if len(nodes) > MAX_INTERFACES:
        probe.problem(f"{len(nodes)} interfaces; expected at most {MAX_INTERFACES}")
    interfaces = tuple(_interface(n, files_are_here) for n in nodes)
    _check_links(nodes, interfaces)
    return interfaces


def _interface(node: Node, files_are_here: bool) -> Interface:
    device = node.value("device", _device) or ""
    file_nodes = node.children("file")
    capture = node.text("capture") or ("replay" if file_nodes else "")
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
        for attribute in filter(node.given, REPLAY_ONLY):
            node.problem(f"{attribute} is for replay only; expected the attribute to be left out", attribute)
        if capture == "libpcap":
            for attribute in filter(node.given, AFPACKET_ONLY):
                node.problem(f'{attribute} is for capture="afpacket" only; expected the attribute to be left out', attribute)
    files = tuple(f.path("path") for f in file_nodes if f.given("path"))
    if files_are_here and capture == "replay":
        _check_files(file_nodes)
    buffer = node.value("buffer", parse_octets, 64 << 10, 2 << 30)
    block = node.value("block", parse_octets_power_of_two, 4 << 10, 64 << 20)
    if node.given("block") and 2 * block > buffer:
        node.problem(f"a block of {block} octets is more than half the buffer of {buffer}; expected a smaller block or a larger "
                     "buffer", "block")
    fathers, cpus = node.value("fathers", parse_number, 1, MAX_FATHERS), node.value("father_cpus", parse_cpus) or ()
    if cpus and len(cpus) != fathers:
        node.problem(f'father_cpus="{node.text("father_cpus")}": {fathers} fathers; expected as many CPUs', "father_cpus")
    return Interface(
        name=node.name(),
        device=device,
        files=files,
        capture=capture,
        pace=node.text("pace") or "full",
        clock_ahead_ns=node.value("clock_ahead", parse_signed_duration, MAX_AHEAD) or 0,
        bpf=node.value("filter", parse_bpf),
        snaplen=node.value("snaplen", parse_number, 64, 262_144),
        buffer_octets=buffer,
        promiscuous=node.flag("promiscuous"),
        tunnel=node.text("tunnel") or "outer",
        link=node.value("link", parse_name) or "",
        no_traffic_ns=node.value("no_traffic", _silence),
        offloads=node.text("offloads") or "keep",
        block_octets=min(block, 1 << (buffer // 2).bit_length() - 1),
        timestamps=node.text("timestamps") or "kernel",
        fathers=fathers,
        father_cpus=cpus,
    )


def _check_links(nodes: list[Node], interfaces: tuple[Interface, ...]) -> None:
    """A link has two directions, both live or both recorded."""
    members: dict[str, list[int]] = {}
    for number, interface in enumerate(interfaces):
        if interface.link:
            members.setdefault(interface.link, []).append(number)
    for link, numbers in members.items():
        if len(numbers) != 2:
            said = "one interface" if len(numbers) == 1 else f"{len(numbers)} interfaces"
            nodes[numbers[-1]].problem(f'link="{link}" is said of {said}; expected two, one for each direction', "link")
        elif len({interfaces[n].capture == "replay" for n in numbers}) == 2:
            nodes[numbers[1]].problem(f'link="{link}" joins a device and a recording; expected two of a kind', "link")


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
        except OSError as error:
            node.problem(f'path="{text}": {path} cannot be read: {error.strerror}', "path")
        except ValueError as error:
            node.problem(f'path="{text}": {error}', "path")


def _device(text: str) -> str:
    if not re.fullmatch(r"[^\s/]{1,15}", text):
        raise ValueError("expected the name of a network device, 1 to 15 characters without blanks and /")
    return text


def _silence(text: str) -> int:
    length = parse_duration(text, 0, DAY)
    if 0 < length < SECOND:
        raise ValueError("expected 0 for never, or 1s to 1d")
    return length
