"""The user's own configuration, made to replay recordings on this machine: `trafmon analyse --config FILE`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from lxml import etree

from tmon_common.config.default import (
    collector_element,
    interface_names,
    publish_element,
    replay_elements,
    store_element,
    xml_text,
)
from tmon_common.config.document import Document, load_document
from tmon_common.config.model import Configuration, Interface
from tmon_common.config.one_way import KIND as ONE_WAY
from tmon_common.config.problems import ProblemList
from tmon_common.config.quantities import split_list
from tmon_common.config.read import read_document
from tmon_common.config.select import select_probe
from tmon_common.metrics import METRICS


def with_replay(
    configuration: Configuration, captures: Sequence[Path], spool: Path, database: Path, port: int, *,
    probe: str | None = None, pace: str = "full", bpf: str = "", tunnel: str = "",
) -> str:
    """XML text of the configuration with one of its probes left, which replays the captures; collector and store as in analyse.

    The first capture takes the name of the probe's first interface, and so on, so that filters on interfaces still hold; those
    beyond are named after their files. probe: its name; by default the only one, or the first one. bpf, tunnel: of all captures in
    place of what the interfaces have; "" for theirs.
    ConfigurationError if the file is wrong, has no probe of that name, or filters on an interface for which there is no capture.
    """
    document = load_document(configuration.path)
    declared = read_document(document)
    wanted = select_probe(declared, probe or declared.probes[0].name)
    own_names = [i.name for i in wanted.interfaces][: len(captures)]
    names = own_names + interface_names(captures[len(own_names):], own_names)
    ways = [(bpf or (i.bpf if i else ""), tunnel or (i.tunnel if i else "outer"))
            for _, i in zip_longest(captures, wanted.interfaces[: len(captures)])]
    _leave_out_other_interfaces(document, names)

    root = document.root
    root.attrib.pop("startAt", None)
    _make_destinations_absolute(root, configuration.path.absolute().parent)
    kept = _only_probe(root.find("probes"), wanted.name)
    for attribute in ("host", "seal", "key"):  # analyse makes a key of its own, beside its configuration
        kept.attrib.pop(attribute, None)
    for old in kept.findall("interface") + kept.findall("publish"):
        kept.remove(old)
    replays = replay_elements(captures, names, pace, *zip(*ways, strict=True))
    _leave_out_one_way(root, wanted.name, names)
    _keep_links(replays, wanted.interfaces)
    kept.extend(replays)
    kept.append(publish_element(port))
    root.find("collectors")[:] = [collector_element(spool, port)]
    for old in root.findall("store"):
        root.remove(old)
    root.append(store_element(database))
    return xml_text(root)


def _keep_links(replays: list[etree._Element], interfaces: Sequence[Interface]) -> None:
    """Links of which both directions are there."""
    pairs = list(zip(replays, interfaces, strict=False))
    links = [i.link for _, i in pairs]
    for element, interface in pairs:
        if interface.link and links.count(interface.link) == 2:
            element.set("link", interface.link)


def _leave_out_one_way(root: etree._Element, probe: str, names: Sequence[str]) -> None:
    """Way of packets of which not all observation points are left, and thresholds of what is made of that."""
    for node in list(root.iter(ONE_WAY)):
        if all(at.get("probe", "").strip() == probe and at.get("interface", "").strip() in names for at in node.iter("at")):
            continue
        flow_class = node.getparent()
        flow_class.remove(node)
        for threshold in list(root.iter("threshold")):
            metric = METRICS.get(threshold.get("metric", "").strip())
            if metric and metric.analysis == ONE_WAY and threshold.get("class", "").strip() == flow_class.get("name", "").strip():
                threshold.getparent().remove(threshold)
    for thresholds in root.findall("thresholds"):
        if not len(thresholds):
            root.remove(thresholds)


def _leave_out_other_interfaces(document: Document, names: Sequence[str]) -> None:
    """Conditions on interfaces keep only those that there are; the others match nothing anyway."""
    problems = ProblemList(document.path)
    for match in document.root.iter("match"):
        if match.get("field", "").strip() != "interface":
            continue
        way = "in" if "in" in match.attrib else "is"
        kept = [n for n in split_list(match.get(way)) if n in names]
        if kept:
            match.set(way, " ".join(kept))
        else:
            problems.add(document.line(match, way), match.tag,
                         f'{way}="{match.get(way)}": no capture stands for that interface (captures stand for {", ".join(names)}); '
                         "expected a capture for each interface of the probe, in the order of the configuration")
    problems.raise_if_any()


def _only_probe(probes: etree._Element, name: str) -> etree._Element:
    """The probe of that name, the others being removed."""
    for element in probes.findall("probe"):
        if element.get("name").strip() == name:
            kept = element
        else:
            probes.remove(element)
    return kept


def _make_destinations_absolute(root: etree._Element, base: Path) -> None:
    """The text is put elsewhere, so that files of diagnostics must not depend on where it lies."""
    for element in root.iter("diagnostics", "module"):
        destination = element.get("destination", "").strip()
        if destination.startswith("file:"):
            element.set("destination", f"file:{base / destination.removeprefix('file:')}")
