"""docs/thresholds.md: its examples are accepted, its table is that of the declarations, its numbers are those of the code."""

import re
from pathlib import Path

import pytest

from tests.unit.config.documents import spoiled, write
from tmon_collector.thresholds import engine, flow_map, interval, watch
from tmon_common.config.read import read
from tmon_common.metrics import METRICS, Unit

PAGE = (Path(__file__).parents[4] / "docs" / "thresholds.md").read_text()
EXAMPLES = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)
LIMITS = {Unit.BIT_RATE: "2Mbit/s", Unit.PER_SECOND: "100/s", Unit.RATIO: "5%", Unit.SECONDS: "150ms", Unit.COUNT: "3"}
CLASS = """<flow_class name="all">
  <flow name="hosts" fields="src_addr dst_addr"/>
  <analysis kind="ip_counters"/><analysis kind="round_trip" histogram="delays"/>
</flow_class></flow_classes>"""


def row(name: str) -> str:
    """Of the table of metrics."""
    metric = METRICS[name]
    service = ", of one `service`" if metric.services[0] else ""
    percentile = ", a `percentile`" if metric.bucket or metric.form.name == "PERCENTILE" else ""
    return f"| `{name}` | `{LIMITS[metric.unit]}` | {metric.analysis} | {metric.meaning}{service}{percentile} |"


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    """Each has its row."""
    assert row(name) in PAGE


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples(tmp_path, example):
    """As they stand, in a configuration with such a class."""
    text, _ = spoiled("  </flow_classes>", CLASS)
    text, _ = spoiled("  <collectors>", f"{example}<collectors>", text)
    assert 5 == len(read(write(tmp_path, text)).thresholds.members)


def test_numbers():
    """Named maxima."""
    assert 1 == len(EXAMPLES)
    for text in (f"given up after {watch.FORGET_AFTER} intervals", f"forgotten, {flow_map.PAGE:,} at a time",
                 f"| {engine.MAX_WAITING_ROWS:,} |", f"after {engine.WAIT_FACTOR} times the grace", f"| {watch.MAX_OPEN:,} |",
                 f"| {interval.MAX_CELLS:,} |"):
        assert text in PAGE.replace("\n", " ")
