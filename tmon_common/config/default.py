"""The configuration of `trafmon analyse`: recordings in, everything measured, all on this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lxml import etree

from tmon_common.analyses.catalogue import catalogue
from tmon_common.config.problems import ConfigurationError, Problem

DOCTYPE = '<!DOCTYPE trafmon SYSTEM "trafmon.dtd">'
PROBE, COLLECTOR = "analyse", "analyse"
HISTOGRAMS = {  # unit -> name and bounds
    "octets": ("packet_sizes", "64 128 256 512 1024 1500"),
    "ns": ("round_trips", "1ms 2ms 5ms 10ms 20ms 50ms 100ms 200ms 500ms 1s 2s 5s"),
}
LOOPBACK = "127.0.0.1"
FLOW_FIELDS = "interface src_addr dst_addr protocol src_port dst_port"
PUBLICATION = {"max_pdu": "8192", "min_gap": "0", "window": "64"}
"""On loopback nothing is gained by small and slow."""


def analyse_configuration_xml(
    captures: Sequence[Path], spool: Path, database: Path, port: int, *, interval: str = "60s", pace: str = "full",
    bpf: str = "", tunnel: str = "outer",
) -> str:
    """XML text: one probe that replays the captures, an interface each; one class, every IP packet, all standard analyses.

    interval    of all analyses, as it is written in the configuration
    bpf         filter of all captures, "" for none
    tunnel      outer or inner packets are measured
    Paths are written as absolute ones, so that the text may be put anywhere.
    """
    root = etree.Element("trafmon")
    histograms = etree.SubElement(root, "histograms")
    for unit, (name, bounds) in HISTOGRAMS.items():
        etree.SubElement(histograms, "histogram", name=name, unit=unit, bounds=bounds)
    everything = etree.SubElement(etree.SubElement(root, "flow_classes"), "flow_class", name="all")
    etree.SubElement(everything, "flow", name="conversation", fields=FLOW_FIELDS, direction="bidirectional")
    for declared in catalogue().analyses.values():
        if not declared.standard:
            continue
        analysis = etree.SubElement(everything, "analysis", kind=declared.name, interval=interval)
        if declared.histogram_unit:
            analysis.set("histogram", HISTOGRAMS[declared.histogram_unit][0])
        if any(o.name == "records" and "yes" in o.values for o in declared.options):
            analysis.set("records", "yes")
    etree.SubElement(root, "collectors").append(collector_element(spool, port))
    probe = etree.SubElement(etree.SubElement(root, "probes"), "probe", name=PROBE)
    probe.extend(replay_elements(captures, interface_names(captures), pace, [bpf] * len(captures), [tunnel] * len(captures)))
    probe.append(publish_element(port))
    root.append(store_element(database))
    return xml_text(root)


def interface_names(captures: Sequence[Path], taken: Sequence[str] = ()) -> list[str]:
    """A name for each capture: its file's, without endings of recordings, made possible and unlike the others and those taken.

    A descriptor (/dev/fd/63, as a shell's <(command) gives) has no name: capture-1, after its place.
    """
    names: list[str] = []
    for place, capture in enumerate(captures, 1):
        name = f"capture-{place}" if is_descriptor(capture) else capture.name
        stem = re.sub(r"(\.(pcap|pcapng|cap|dmp|gz))+$", "", name, flags=re.IGNORECASE)
        base = (re.sub(r"[^\w.:-]", "_", stem) or "capture")[:50]
        if not re.match(r"\w", base):
            base = f"_{base[1:]}"
        name, number = base, 1
        while name in names or name in taken:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names


def is_descriptor(capture: Path) -> bool:
    return str(capture.parent) in ("/dev/fd", "/proc/self/fd") and capture.name.isdecimal()


def collector_element(spool: Path, port: int) -> etree._Element:
    """The collector of analyse: on loopback, its files in `spool`."""
    element = etree.Element("collector", name=COLLECTOR, address=LOOPBACK, port=str(port))
    etree.SubElement(element, "spool", directory=_absolute(spool))
    return element


def publish_element(port: int) -> etree._Element:
    """How the probe of analyse sends to it."""
    return etree.Element("publish", collector=COLLECTOR, address=LOOPBACK, port=str(port), **PUBLICATION)


def store_element(database: Path) -> etree._Element:
    """The DuckDB file."""
    return etree.Element("store", backend="duckdb", database=_absolute(database))


def replay_elements(
    captures: Sequence[Path], names: Sequence[str], pace: str, filters: Sequence[str], tunnels: Sequence[str],
) -> list[etree._Element]:
    """An interface for each capture, with its BPF filter ("" for none) and what of tunnels is measured (outer or inner)."""
    interfaces = []
    for name, capture, bpf, tunnel in zip(names, captures, filters, tunnels, strict=True):
        interface = etree.Element("interface", name=name, capture="replay", pace=pace)
        if bpf:
            interface.set("filter", bpf)
        if tunnel != "outer":
            interface.set("tunnel", tunnel)
        etree.SubElement(interface, "file", path=_absolute(capture))
        interfaces.append(interface)
    return interfaces


def _absolute(path: Path) -> str:
    """ConfigurationError if XML cannot hold it: control characters, or octets that are not UTF-8."""
    text = str(path.absolute())
    try:
        etree.Element("file", path=text)
    except ValueError:
        message = "has characters in its name that XML cannot hold; expected another name"
        raise ConfigurationError([Problem(Path(ascii(text)), 0, "", message)]) from None
    return text


def xml_text(root: etree._Element) -> str:
    """As it is written to a file."""
    etree.indent(root)
    return etree.tostring(root, encoding="unicode", doctype=DOCTYPE) + "\n"
