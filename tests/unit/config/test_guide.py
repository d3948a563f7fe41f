"""What docs/configuration.md shows is what the program accepts."""

import re
from pathlib import Path

import pytest

from tests.unit.config.documents import GOOD, spoiled, write
from tmon_common.config import document, problems
from tmon_common.config.read import read

GUIDE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
EXAMPLES = re.findall(r"```xml\n(.*?)```", GUIDE, re.DOTALL)
MATCHES = re.findall(r"`(field=\"[^`]*)`", GUIDE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples(tmp_path, example):
    """Whole configurations, flow classes and probes."""
    if "<probe " in example and "<trafmon>" not in example:
        probe = example.replace('"collector"', '"central"')
        example, _ = spoiled("  </probes>", f"{probe}</probes>")
    elif "<trafmon>" not in example:
        example, _ = spoiled("  </flow_classes>", f"{example}</flow_classes>")
    read(write(tmp_path, example))


@pytest.mark.parametrize("match", MATCHES)
def test_conditions(tmp_path, match):
    """Single conditions."""
    text, _ = spoiled('<match field="protocol" is="tcp"/>', f"<match {match}/>", GOOD)
    read(write(tmp_path, text))


def test_limits():
    """The numbers of the last section, and that there is something to test."""
    assert len(EXAMPLES) >= 2
    assert len(MATCHES) >= 4
    assert f"{document.MAX_OCTETS >> 20} MiB, {document.MAX_ELEMENTS:,} elements or {document.MAX_ATTRIBUTES} attributes" in GUIDE
    assert f"ends at {problems.MAX_PROBLEMS} problems" in GUIDE.replace("\n", " ")
