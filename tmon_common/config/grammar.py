"""What a grammar of `dtd/` declares, in a form that is easy to ask: elements, their children, attributes and defaults."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lxml import etree

DTD_NAME = "trafmon.dtd"


@dataclass(frozen=True)
class AttributeRule:
    """default: None if there is none; values: the accepted ones, empty if any text is."""

    name: str
    required: bool
    default: str | None
    values: tuple[str, ...]


@dataclass(frozen=True)
class ElementRule:
    name: str
    children: tuple[str, ...]
    attributes: dict[str, AttributeRule]


@dataclass(frozen=True)
class Grammar:
    """root: the element that holds all others; its grammar is `<root>.dtd`."""

    root: str
    elements: dict[str, ElementRule]
    dtd: etree.DTD


def dtd_path(name: str = DTD_NAME) -> Path:
    """The grammar file: of the source tree, else as installed. FileNotFoundError names both places."""
    places = (Path(__file__).resolve().parents[2] / "dtd" / name, Path(sys.prefix) / "share" / "trafmon" / "dtd" / name)
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(f"{name} is neither {places[0]} nor {places[1]}; the installation is incomplete")


@lru_cache(maxsize=4)
def grammar(name: str = DTD_NAME) -> Grammar:
    """The grammar in a file of `dtd/`, read once."""
    with dtd_path(name).open("rb") as file:
        dtd = etree.DTD(file)
    return Grammar(name.removesuffix(".dtd"), {e.name: _element_rule(e) for e in dtd.iterelements()}, dtd)


def _element_rule(declaration) -> ElementRule:
    attributes = {
        a.name: AttributeRule(a.name, a.default == "required", a.default_value, tuple(a.values()))
        for a in sorted(declaration.iterattributes(), key=lambda a: a.name)
    }
    return ElementRule(declaration.name, tuple(dict.fromkeys(_names(declaration.content))), attributes)


def _names(content) -> list[str]:
    """Names in a content model, in its order."""
    if content is None:
        return []
    return ([content.name] if content.name else []) + _names(content.left) + _names(content.right)
