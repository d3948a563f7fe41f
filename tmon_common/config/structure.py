"""Is the document of the shape that the DTD declares? Unknown names come with the nearest known one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from lxml import etree

from tmon_common.config.document import Document
from tmon_common.config.grammar import ElementRule, Grammar
from tmon_common.config.problems import ProblemList

MAX_COMPARED = 100
"""Names looked at for a likely one, and characters of the name that is not known."""
_CONTENT = re.compile(r"Element (\S+) content does not follow the DTD, expecting (.*), got (.*)", re.DOTALL)
_TOLD_HERE = {"DTD_UNKNOWN_ELEM", "DTD_UNKNOWN_ATTRIBUTE", "DTD_MISSING_ATTRIBUTE", "DTD_ATTRIBUTE_VALUE"}
_FILTER_LAYERS = "a filter has three layers: filter (match, any), any (match, all), all (match)"


def check_structure(document: Document, grammar: Grammar, problems: ProblemList) -> None:
    """Adds what elements and attributes are unknown, missing, misplaced, or have a value that is not among the declared ones."""
    if document.root.tag != grammar.root:
        problems.add(document.line(document.root), document.root.tag, f"<{document.root.tag}> found; expected <{grammar.root}>")
        return
    odd_content = set()
    for element in document.root.iter("*"):
        rule = grammar.elements.get(element.tag)
        if rule is None:
            continue  # told with its parent
        _check_attributes(document, element, rule, problems)
        if _check_children(document, element, rule, grammar, problems):
            odd_content.add(element)
    if not grammar.dtd.validate(document.root):
        _tell_dtd_errors(document, grammar, odd_content, problems)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?`, or which names there are."""
    known = [k for k in known if k]
    if not known:
        return "; there are none"
    close = get_close_matches(name[:MAX_COMPARED], known[:MAX_COMPARED], n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; expected one of: {', '.join(known[:MAX_COMPARED])}{' ...' if len(known) > MAX_COMPARED else ''}"


def _check_attributes(document: Document, element: etree._Element, rule: ElementRule, problems: ProblemList) -> None:
    for name, text in element.attrib.items():
        attribute = rule.attributes.get(name)
        if attribute is None:
            problems.add(document.line(element, name), element.tag,
                         f'unknown attribute "{name}" of <{element.tag}>{nearest(name, rule.attributes)}')
        elif attribute.values and text not in attribute.values:
            problems.add(document.line(element, name), element.tag,
                         f'{name}="{text}" of <{element.tag}>{nearest(text, attribute.values)}')
    for name, attribute in rule.attributes.items():
        if attribute.required and name not in element.attrib:
            problems.add(document.line(element), element.tag, f'<{element.tag}> lacks the attribute "{name}"')


def _check_children(
    document: Document, element: etree._Element, rule: ElementRule, grammar: Grammar, problems: ProblemList
) -> bool:
    """True if something is wrong with the children, and told."""
    wrong = False
    for child in element.iterchildren("*"):
        if child.tag in rule.children:
            continue
        wrong = True
        if child.tag in grammar.elements:
            places = ", ".join(f"<{e.name}>" for e in grammar.elements.values() if child.tag in e.children) or "nothing"
            cure = _FILTER_LAYERS if {element.tag, child.tag} <= {"filter", "any", "all"} else f"it belongs in {places}"
            problems.add(document.line(child), child.tag, f"<{child.tag}> may not stand in <{element.tag}>; {cure}")
        else:
            problems.add(document.line(child), child.tag,
                         f"unknown element <{child.tag}> in <{element.tag}>{nearest(child.tag, rule.children)}")
    return wrong


def _tell_dtd_errors(document: Document, grammar: Grammar, told: set, problems: ProblemList) -> None:
    """What only the content models know: order and number of children, text where there should be none."""
    tree = document.root.getroottree()
    count = len(problems)
    for entry in grammar.dtd.error_log:
        element = None if entry.type_name in _TOLD_HERE or not entry.path else tree.xpath(entry.path)[0]
        if element is None or element in told:
            continue
        match = _CONTENT.match(entry.message)
        if match:
            message = _content_message(element, match[2])
        elif entry.type_name == "DTD_NOT_EMPTY":
            message = f"<{element.tag}> holds text; expected none"
        else:
            message = entry.message
        problems.add(document.line(element), element.tag, message)
    if not count and not len(problems):
        entry = grammar.dtd.error_log.last_error
        problems.add(entry.line, "", entry.message)


def _content_message(element: etree._Element, model: str) -> str:
    children = [f"<{c.tag}>" for c in element.iterchildren("*")]
    model = model.replace(" , ", ", ").replace(" | ", "|")
    if any(t and t.strip() for t in (element.text, *(c.tail for c in element))):
        return f"<{element.tag}> holds text; expected only {model}"
    if not children:
        return f"<{element.tag}> is empty; expected {model}"
    return f"<{element.tag}> holds {' '.join(children[:12])}{' ...' if len(children) > 12 else ''}; expected {model}"
