"""<filter>: three Boolean layers. Elements that may not stand where they are have been told already and are left out."""

from __future__ import annotations

from tmon_common.config.model import Conjunction, Disjunction, Filter, Predicate
from tmon_common.config.node import Node
from tmon_common.config.predicates import read_predicate


def read_filter(node: Node | None, interfaces: frozenset[str]) -> Filter:
    """Top layer; without the element, the filter that every packet satisfies."""
    if node is None:
        return Filter()
    return Filter(_terms(node, interfaces, "any", _disjunction), node.flag("not"))


def _disjunction(node: Node, interfaces: frozenset[str]) -> Disjunction:
    return Disjunction(_terms(node, interfaces, "all", _conjunction), node.flag("not"))


def _conjunction(node: Node, interfaces: frozenset[str]) -> Conjunction:
    return Conjunction(_terms(node, interfaces, "", None), node.flag("not"))


def _terms(node: Node, interfaces: frozenset[str], inner: str, read_inner) -> tuple:
    terms: list[Predicate | Conjunction | Disjunction | None] = []
    for child in node.children():
        if child.tag == "match":
            terms.append(read_predicate(child, interfaces))
        elif child.tag == inner:
            terms.append(read_inner(child, interfaces))
    return tuple(t for t in terms if t is not None)
