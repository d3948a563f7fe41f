"""TRAFMON-MIB: fresh, correct as libsmi and net-snmp see it, and telling of the same places as the agent."""

import subprocess

import pytest

from tests.oracles import net_snmp
from tmon_agent.managed.tables import TABLES
from tmon_agent.snmp.mib_text import mib_text, notification_name, notification_number, object_name
from tmon_agent.snmp.objects import NOTIFICATIONS, column_oid, entry_oid
from tmon_common.events.declaration import Severity

needs_programs = pytest.mark.skipif(not net_snmp.AVAILABLE, reason=net_snmp.WHY_NOT)
needs_lint = pytest.mark.skipif(not net_snmp.LINT_AVAILABLE, reason=net_snmp.WHY_NO_LINT)
pytestmark = pytest.mark.oracle


def test_the_file_is_fresh():
    """It is what the declarations give now; if not: scripts/generate_docs."""
    assert mib_text() == net_snmp.MIB.read_text()


@needs_lint
def test_smilint_has_nothing_to_say(tmp_path):
    assert net_snmp.lint(net_snmp.MIB, tmp_path) == ""


@needs_lint
def test_smilint_would_say_something(tmp_path):
    """With a module that is wrong in a small way, so that its silence above means something."""
    wrong = tmp_path / "TRAFMON-MIB.txt"
    wrong.write_text(mib_text().replace("trafMonEventText }", "trafMonEventText, trafMonNothing }", 1))
    assert "trafMonNothing" in net_snmp.lint(wrong, tmp_path)


@needs_programs
def test_net_snmp_finds_all_objects_where_they_are():
    """Every table, column and notification, by its name."""
    expected = {object_name(t, c): column_oid(t, c) for t in TABLES for c in t.columns}
    expected |= {f"trafMon{t.name}Entry": entry_oid(t) for t in TABLES}
    expected |= {notification_name(s): (*NOTIFICATIONS, notification_number(s)) for s in Severity}
    names = list(expected)
    done = subprocess.run(["snmptranslate", "-On", *(f"TRAFMON-MIB::{n}" for n in names)], capture_output=True, text=True,
                          env=net_snmp.environment(), check=True)
    found = [tuple(map(int, line.split(".")[1:])) for line in done.stdout.split()]
    assert expected == dict(zip(names, found, strict=True))


@needs_programs
def test_net_snmp_reads_the_module_without_a_complaint():
    tree = net_snmp.run("snmptranslate", "-Tp", "-IR", "trafMon")
    assert (tree.returncode, tree.stderr) == (0, "")
    assert all(object_name(t, c) in tree.stdout for t in TABLES for c in t.columns)
