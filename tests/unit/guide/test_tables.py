"""Tables of the guide that have a rule: the glossary, and what to do about events."""

import re
from pathlib import Path

import pytest

from tmon_common.events import CATALOGUE
from tmon_common.events.declaration import Severity
from tmon_common.events.troubles import BEGIN, END, shown, with_troubles

DOCS = Path(__file__).parents[3] / "docs"


def test_glossary():
    """In order, no word twice, each with a meaning and a source: an RFC, or a page."""
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")][2:]
    words = [row[0].lower() for row in rows]
    assert words == sorted(set(words))
    for _, meaning, source in rows:
        assert meaning
        assert re.search(r"RFC \d{4}|\]\(", source), source


def test_every_warning_and_error():
    """Once each, with what to do; what is only good to know is left out."""
    table = (DOCS / "troubleshooting.md").read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    told = re.findall(r"^\| \[(\w+)\]\(events\.md#\1\) \| \S", table, re.MULTILINE)
    assert told == [code for code, d in CATALOGUE.items() if d.severity != Severity.INFO]


def test_page_without_marks():
    with pytest.raises(ValueError, match="no, or more than one"):
        with_troubles("# Troubleshooting\n")


def test_elements_are_no_html():
    """Of what stands outside of code only."""
    assert "sync of &lt;spool>, `<publish>`" == shown("sync of <spool>, `<publish>`")
