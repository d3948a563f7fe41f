"""An organisation as XML: dtd/organisation.dtd."""

from __future__ import annotations

from pathlib import Path

from tmon_common.config.document import load_document
from tmon_common.config.grammar import grammar
from tmon_common.config.node import Node
from tmon_common.config.problems import ProblemList
from tmon_common.config.structure import check_structure
from tmon_store.organisation.check import check, parse_label
from tmon_store.organisation.declaration import parse_host, parse_network
from tmon_store.organisation.model import Declaration, Organisation

ROOT = "organisation"


def read_xml(path: Path) -> Organisation:
    """As read_organisation."""
    document = load_document(path, ROOT)
    rules = grammar(f"{ROOT}.dtd")
    problems = ProblemList(path)
    check_structure(document, rules, problems)
    problems.raise_if_any()
    root = Node(document.root, document, rules, problems)
    root.value("name", parse_label)
    defaults = [root.value(what, parse_label) or "" for what in ("activity", "location")]
    declarations: list[Declaration] = []
    _collect(root, "", "", declarations)
    problems.raise_if_any()
    organisation = Organisation(declarations, *defaults, path)
    check(organisation, problems)
    problems.raise_if_any()
    return organisation


def _collect(node: Node, activity: str, location: str, declarations: list[Declaration]) -> None:
    """The declarations inside an element, which is inside that activity and location ("": none)."""
    for child in node.children("location", "activity", "network", "host"):
        if child.tag == "location":
            _no_second(child, location)
            _collect(child, activity, child.value("name", parse_label) or "", declarations)
        elif child.tag == "activity":
            _no_second(child, activity)
            _collect(child, child.value("name", parse_label) or "", location, declarations)
        else:
            attribute, parse = ("prefix", parse_network) if child.tag == "network" else ("address", parse_host)
            prefix, name = child.value(attribute, parse), child.value("name", parse_label) or ""
            if prefix is not None:
                declarations.append(Declaration(prefix, activity, location, name, child.line))


def _no_second(node: Node, around: str) -> None:
    if around:
        node.problem(f'<{node.tag} name="{node.text("name")}"> stands inside <{node.tag} name="{around}">;'
                     f" expected one {node.tag} around a network")
