"""The configuration file, checked and turned into dataclasses. All that is wrong in it is told together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tmon_common.analyses.catalogue import PluginError, catalogue
from tmon_common.analyses.declaration import AnalysisDeclaration
from tmon_common.config.classes import read_classes, read_histograms
from tmon_common.config.collectors import read_collectors, read_diagnostics
from tmon_common.config.document import Document, load_document
from tmon_common.config.grammar import grammar
from tmon_common.config.model import Configuration
from tmon_common.config.monitoring import check_agents, read_monitoring
from tmon_common.config.node import Node
from tmon_common.config.one_way import check_signatures, places_of
from tmon_common.config.probes import read_probes
from tmon_common.config.problems import ConfigurationError, Problem, ProblemList
from tmon_common.config.quantities import parse_moment
from tmon_common.config.store import read_store
from tmon_common.config.structure import check_structure
from tmon_common.config.thresholds import read_thresholds


def read(path: Path | str, known_analyses: Mapping[str, AnalysisDeclaration] | None = None) -> Configuration:
    """The configuration in a file. known_analyses: what <analysis kind> may be; None: all that are installed.

    ConfigurationError holds everything that is wrong, by line; nothing else is raised for what a file may contain.
    """
    return read_document(load_document(Path(path)), known_analyses)


def read_document(document: Document, known_analyses: Mapping[str, AnalysisDeclaration] | None = None) -> Configuration:
    """The same of a document that is in memory."""
    rules = grammar()
    problems = ProblemList(document.path)
    check_structure(document, rules, problems)
    if document.root.tag != "trafmon":
        problems.raise_if_any()
    root = Node(document.root, document, rules, problems)

    class_nodes, probe_nodes = _members(root, "flow_classes", "flow_class"), _members(root, "probes", "probe")
    collector_nodes = _members(root, "collectors", "collector")
    histograms = read_histograms(_members(root, "histograms", "histogram"))
    classes = read_classes(class_nodes, histograms, places_of(probe_nodes),
                           _installed(document) if known_analyses is None else known_analyses)
    collectors = read_collectors(collector_nodes)
    probes = read_probes(probe_nodes, classes, collectors)
    check_signatures(class_nodes, classes, probes)
    monitoring = read_monitoring(root)
    check_agents([*collector_nodes, *probe_nodes], monitoring)
    configuration = Configuration(
        path=document.path,
        probes=probes,
        collectors=collectors,
        classes=classes,
        histograms=histograms,
        diagnostics=read_diagnostics(root.child("diagnostics")),
        thresholds=read_thresholds(root.child("thresholds"), classes, probes),
        monitoring=monitoring,
        store=read_store(root, classes),
        start_at_ns=root.value("startAt", parse_moment),
        digest=document.digest,
    )
    problems.raise_if_any()
    return configuration


def _members(root: Node, group: str, tag: str) -> list[Node]:
    return [member for g in root.children(group) for member in g.children(tag)]


def _installed(document: Document) -> Mapping[str, AnalysisDeclaration]:
    try:
        return catalogue().analyses
    except PluginError as error:
        raise ConfigurationError([Problem(document.path, 0, "", str(error))]) from None
