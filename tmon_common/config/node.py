"""One element of the document, asked for its attributes: what is wrong in them is noted with its line, and reading goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lxml import etree

from tmon_common.config.document import Document
from tmon_common.config.grammar import Grammar
from tmon_common.config.problems import ProblemList
from tmon_common.config.quantities import parse_name


class Node:
    """element: the lxml one. Attributes that are absent have the default that the DTD declares."""

    def __init__(self, element: etree._Element, document: Document, grammar: Grammar, problems: ProblemList) -> None:
        self.element = element
        self.tag = element.tag
        self._document = document
        self._grammar = grammar
        self._problems = problems

    def children(self, *tags: str) -> list[Node]:
        """Children of these tags, in the order of the document."""
        return [Node(e, self._document, self._grammar, self._problems) for e in self.element.iterchildren(*tags)]

    def child(self, tag: str) -> Node | None:
        """The first child of that tag."""
        return next(iter(self.children(tag)), None)

    def given(self, attribute: str) -> bool:
        return attribute in self.element.attrib

    def text(self, attribute: str) -> str | None:
        """The attribute as written, without blanks around it; else its default; else None."""
        text = self.element.get(attribute)
        return self._default(attribute) if text is None else text.strip()

    def flag(self, attribute: str) -> bool:
        """A yes-or-no attribute."""
        return self.text(attribute) == "yes"

    def value(self, attribute: str, parse: Callable[..., Any], *bounds: Any) -> Any:
        """`parse(text, *bounds)`; a ValueError of it becomes a problem, and the value is then the default, or None."""
        text = self.text(attribute)
        if text is None:
            return None
        try:
            return parse(text, *bounds)
        except ValueError as error:
            self.problem(f'{attribute}="{text}": {error}', attribute)
            default = self._default(attribute)
            return None if default is None else parse(default, *bounds)

    def name(self, parse: Callable[[str], str] = parse_name) -> str:
        """The attribute `name`, "" if it is missing; an impossible one is noted, and stays so that references to it hold."""
        self.value("name", parse)
        return self.text("name") or ""

    def path(self, attribute: str) -> Path:
        """A path; a relative one starts at the directory of the configuration file. Blanks around it belong to it."""
        return self.value(attribute, lambda _stripped: self.resolve(self.element.get(attribute) or _stripped)) or Path()

    def resolve(self, text: str) -> Path:
        if not text.strip():
            raise ValueError("expected a path")
        path = self._document.directory / text
        return path.resolve() if ".." in path.parts else path

    def problem(self, message: str, attribute: str | None = None) -> None:
        self._problems.add(self._document.line(self.element, attribute), self.tag, message)

    @property
    def line(self) -> int:
        return self._document.line(self.element)

    def _default(self, attribute: str) -> str | None:
        rule = self._grammar.elements[self.tag].attributes.get(attribute)
        return rule.default if rule else None


def check_unique(nodes: Iterable[Node], where: str, attribute: str = "name") -> None:
    """Notes every node whose attribute repeats that of an earlier one."""
    first: dict[str, Node] = {}
    for node in nodes:
        text = node.text(attribute)
        if text is None:
            continue
        if text in first:
            node.problem(f'second <{node.tag}> with {attribute}="{text}" in {where}; the first is in line {first[text].line}',
                         attribute)
        else:
            first[text] = node
