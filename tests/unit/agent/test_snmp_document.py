"""docs/snmp.md: its examples are accepted; tables, counts of analyses and numbers are those of the code."""

import re
from pathlib import Path

import pytest

from tests.unit.config.documents import spoiled, write
from tmon_agent.managed.declaration import ROOT
from tmon_agent.managed.tables import TABLES
from tmon_agent.secrets import LEAST_PASSPHRASE_OCTETS, MAX_SECRET_OCTETS
from tmon_agent.secrets_watch import LOOK_EVERY_S
from tmon_agent.snmp.objects import MAX_INDEX_OCTETS
from tmon_agent.snmp.responder import BULK_OCTETS
from tmon_common.config.read import read
from tmon_common.event_board import MAX_EVENTS
from tmon_probe.child.analysers.load import factories_of
from tmon_probe.child.chain import Chain

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "snmp.md").read_text()
AGENT, MONITORING = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)[:2]
SAMPLES = sorted((REPOSITORY / "etc" / "xml").glob("*.xml"))


def test_examples(tmp_path):
    text, _ = spoiled("    </probe>", f"{AGENT}</probe>")
    text, _ = spoiled("  <store", f"{MONITORING}<store", text)
    configuration = read(write(tmp_path, text))
    assert configuration.probes[0].agent.snmp_port == 1161
    assert [u.name for u in configuration.monitoring.users] == ["noc"]


def test_tables():
    """Each has its row, and there are no others."""
    assert [f"trafMon{t.name}Table" for t in TABLES] == re.findall(r"^\| `(trafMon\w+Table)` ", PAGE, re.MULTILINE)


def test_numbers():
    for text in (".".join(map(str, ROOT)), f"the last {MAX_EVENTS} events", f"more than {MAX_INDEX_OCTETS}\n",
                 f"at most {BULK_OCTETS:,} octets", f"notice within {LOOK_EVERY_S:g} s",
                 f"have {LEAST_PASSPHRASE_OCTETS} to {MAX_SECRET_OCTETS} octets"):
        assert text in PAGE


@pytest.fixture(scope="module")
def counted():
    """Names of all counts of the analyses that the sample configurations ask for."""
    found = set()
    for path in SAMPLES:
        if "<probes>" not in path.read_text():
            continue
        configuration = read(path)
        for probe in configuration.probes:
            classes = tuple(c for c in configuration.classes if c.name in probe.classes)
            found |= Chain(configuration, probe, factories_of(classes), lambda *_: None).counters().keys()
    return found


def test_counts_of_analyses(counted):
    section = PAGE[PAGE.index("## What analyses count") : PAGE.index("## When it does not answer")]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert counted == explained
