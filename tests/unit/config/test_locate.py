"""Where files are looked for."""

from pathlib import Path

import pytest

from tmon_common.config.locate import locate


@pytest.mark.parametrize(("arguments", "current", "following", "diag"), [
    ({}, "/etc/trafMon/xml/tmon.xml", "/etc/trafMon/xml/tmon-new.xml", "/etc/trafMon/diag/tmon_probe.diag"),
    ({"local": True}, "tmon.xml", "tmon-new.xml", "tmon_probe.diag"),
    ({"current": Path("a/b.xml")}, "a/b.xml", "a/tmon-new.xml", "a/tmon_probe.diag"),
    ({"current": Path("a/b.xml"), "next": Path("/c.xml")}, "a/b.xml", "/c.xml", "a/tmon_probe.diag"),
    ({"next": Path("/c.xml")}, "/etc/trafMon/xml/tmon.xml", "/c.xml", "/etc/trafMon/diag/tmon_probe.diag"),
])
def test_locations(arguments, current, following, diag):
    found = locate(**arguments)
    assert (Path(current), Path(following), Path(diag)) == (found.current, found.next, found.diag("tmon_probe"))
