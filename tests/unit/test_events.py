"""The catalogue of events, what an Event accepts, and docs/events.md."""

import logging
import re
import string
from pathlib import Path

import pytest

from tmon_common.events import CATALOGUE, SUBJECT_CHARACTERS, VALUE_CHARACTERS, Declaration, Event, Severity, event
from tmon_common.events.page import events_page

DECLARATIONS = pytest.mark.parametrize("declaration", CATALOGUE.values(), ids=CATALOGUE)
CODES = {
    "probe_started", "probe_stopped", "no_traffic", "traffic_back", "kernel_drops", "kernel_drops_ended", "ring_saturated",
    "ring_restored", "malformed_packets", "offloads_on", "packets_merged", "device_lost", "device_back", "timestamps_not_hardware",
    "capture_warning", "father_lost", "events_lost"}
"""As they once were told: people and programs search for them."""


def of(declaration: Declaration, number: int = 1234567, text: str = "a text") -> Event:
    values = {p.name: number if p.type is int else text for p in declaration.parameters}
    return event(declaration.code, 17, "lan", **values)


def test_codes_stay():
    assert CODES <= set(CATALOGUE)


@DECLARATIONS
def test_a_declaration_is_complete(declaration):
    """Words for people everywhere; the text uses declared values only, and names what it is about; no value is a secret."""
    assert re.fullmatch(r"[a-z][a-z_]*", declaration.code)
    assert all((declaration.subject, declaration.meaning, declaration.action))
    used = {field for _, field, _, _ in string.Formatter().parse(declaration.text) if field}
    names = [p.name for p in declaration.parameters]
    assert "subject" in used
    assert used - {"subject"} <= set(names)
    assert len(set(names)) == len(names)
    assert all(p.meaning and p.type in (int, str) for p in declaration.parameters)


@DECLARATIONS
def test_the_text_says_what_it_is_about(declaration):
    """With its subject, on one line; the level of `logging` is that of the severity."""
    told = of(declaration)
    assert "lan" in told.text
    assert told.text.isprintable()
    assert told.severity.level == getattr(logging, declaration.severity.name)


@pytest.mark.parametrize(("code", "values"), [
    ("nonsense", ()), ("traffic_back", ()), ("traffic_back", (("seconds", "3"),)), ("traffic_back", (("packets", 3),)),
    ("traffic_back", (("seconds", True),)), ("traffic_back", (("seconds", 3), ("seconds", 3))), ("father_lost", (("x", 1),)),
])
def test_what_is_not_declared_is_refused(code, values):
    """So that whoever reads details finds what the catalogue promises."""
    with pytest.raises(ValueError, match=f"event.*{code}"):
        Event(0, code, "lan", values)


def test_texts_are_bounded_and_printable():
    """Names may come from anywhere."""
    told = event("device_lost", 0, "x" * 1000, device="a\x1b[2J\nb\udc80", why="é" * 1000)
    assert len(told.subject) == SUBJECT_CHARACTERS
    values = dict(told.values)
    assert values["device"] == "a�[2J�b�"
    assert values["why"] == "é" * (VALUE_CHARACTERS - 1) + "…"


def test_values_come_in_the_declared_order():
    assert event("kernel_drops", 0, "lan", seconds=2, packets=1).values == (("packets", 1), ("seconds", 2))


def test_severity_is_a_text():
    """As it stands in files."""
    assert [str(s) for s in Severity] == ["info", "warning", "error"]


def test_page_is_fresh_and_complete():
    """It is what the catalogue gives now (if not: scripts/generate_docs), with a section for each code and a row for each value."""
    page = events_page()
    assert page == (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    for declaration in CATALOGUE.values():
        section = page.split(f"## {declaration.code}\n")[1].split("\n## ")[0]
        assert declaration.text in section
        assert all(f"| `{p.name}` |" in section for p in declaration.parameters)
