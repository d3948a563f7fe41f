"""docs/configuration-examples.md: a section for each sample, which quotes what stands in it; each can be used as it is."""

import re
from pathlib import Path

import pytest

from tmon_store.ip_info.command import check
from trafmon.__main__ import main

ROOT = Path(__file__).parents[3]
SAMPLES = sorted((ROOT / "etc" / "xml").glob("*.xml"))
PAGE = (ROOT / "docs" / "configuration-examples.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([\w.-]+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


def spaced(text: str) -> str:
    return " ".join(text.split())


def test_each_has_a_section():
    """No sample without explanation, none explained that is not there; the table on top leads to all of them."""
    assert {s.name for s in SAMPLES} == set(SECTIONS)
    assert {s.name for s in SAMPLES} == set(re.findall(r"\[([\w.-]+\.xml)\]\(#", PAGE))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.name)
def test_quotations(sample: Path):
    """Every block stands in the file, lines and all but for their indentation."""
    quoted = re.findall(r"```xml\n(.*?)```", SECTIONS[sample.name], re.DOTALL)
    assert quoted
    text = spaced(sample.read_text(encoding="utf-8"))
    for block in quoted:
        assert spaced(block) in text


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.name)
def test_accepted(sample: Path, capsys: pytest.CaptureFixture[str]):
    """By the command that people use for it."""
    if sample.name == "organisation.xml":
        assert check(sample, ["10.1.0.80"]) == 0
        assert "ENG" in capsys.readouterr().out
    else:
        assert main(["check-config", str(sample)]) == 0
        assert "good" in capsys.readouterr().out


def test_accepted_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Each file has its lines, one that is wrong does not hide others."""
    good, wrong = ROOT / "etc/xml/minimal.xml", tmp_path / "wrong.xml"
    wrong.write_text(good.read_text(encoding="utf-8").replace('kind="ip_counters"', 'kind="ip_counter"'))
    assert main(["check-config", str(good), str(wrong), str(good)]) == 2
    told = capsys.readouterr()
    assert told.out.splitlines() == [f"{good}: good (1 probe, 1 collector, 1 flow class)"] * 2
    assert told.err.startswith(f"{wrong}:16: ")
