"""The guide as a web site: built strictly, with every page in its place, and nothing from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.guide.documents import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once; warnings (a page that is in no menu, a link or anchor that leads nowhere) are errors."""
    directory = tmp_path_factory.mktemp("site")
    built = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-d", directory], cwd=ROOT,
                           env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return directory


def test_pages(site: Path):
    """One for each document, with its title and the menu."""
    for document in (ROOT / "docs").glob("*.md"):
        page = (site / document.with_suffix(".html").name).read_text(encoding="utf-8")
        assert 'class="md-nav' in page
        title = document.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        assert re.escape(title)[:20].split("\\")[0] in page


def test_blocks(site: Path):
    """Every block of code is one: no fence is left in the text."""
    for page in site.rglob("*.html"):
        assert "```" not in page.read_text(encoding="utf-8"), page


def test_files_beside(site: Path):
    """Grammar and samples that pages link to are there, byte by byte."""
    for name in ("dtd/trafmon.dtd", "etc/xml/two-probes.xml", "etc/xml/organisation.xml"):
        assert (site / "files" / name).read_bytes() == (ROOT / name).read_bytes()
    assert 'href="files/dtd/trafmon.dtd"' in (site / "configuration.html").read_text(encoding="utf-8")


def test_nothing_from_elsewhere(site: Path):
    """No font, script, style or picture is fetched from the network."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe|source)[^>]* src="?(?:https?:)?//[^ >]*', text), page
        assert not re.findall(r'<link[^>]* rel="?(?:stylesheet|preconnect|icon)"?[^>]* href="?(?:https?:)?//[^ >]*', text), page
    for style in site.rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", style.read_text(encoding="utf-8")), style
