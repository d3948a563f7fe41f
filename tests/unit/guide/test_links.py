"""Links between the documents lead somewhere, also for who reads them in the sources."""

from pathlib import Path

import pytest

from tests.unit.guide.documents import ROOT, anchors, documents, links


@pytest.mark.parametrize("document", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links(document: Path):
    """The file is there, and has the heading."""
    text = document.read_text(encoding="utf-8")
    for link in links(text):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def test_what_is_a_link():
    """Links in examples and code are none; headings twice have a number."""
    assert ["a.md#b", "c.svg"] == links("see [a](a.md#b) ![c](c.svg) `[d](d.md)`\n\n```\n[e](e.md)\n```\n")
    text = "# tmon_probe [-l] [-c FILE]\n## Years of it\n## Years of it\n"
    assert {"tmon_probe--l--c-file", "years-of-it", "years-of-it-1"} == anchors(text)


def test_there_are_documents():
    assert {ROOT / "README.md", ROOT / "docs" / "index.md"} <= set(documents())
