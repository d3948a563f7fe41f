"""docs/observations.md."""

import subprocess
import sys
from pathlib import Path

from tmon_common.observations import KINDS
from tmon_common.observations.document import observations_page

ROOT = Path(__file__).resolve().parents[3]


def test_page_is_fresh():
    """It is what the declarations give now; if not: scripts/generate_docs."""
    assert observations_page() == (ROOT / "docs" / "observations.md").read_text(encoding="utf-8")


def test_program_agrees():
    """`scripts/generate_docs --check` says so by its exit status."""
    result = subprocess.run([sys.executable, ROOT / "scripts" / "generate_docs", "--check"], capture_output=True, text=True,
                            check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_every_kind_and_column_is_there():
    """By name."""
    page = observations_page()
    for kind in KINDS.values():
        section = page.split(f"## {kind.name}\n")[1].split("\n## ")[0]
        assert all(f"`{c.name}" in section for c in kind.columns)
