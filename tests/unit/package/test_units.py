"""The units of systemd: what systemd-analyze makes of them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

UNITS = REPOSITORY / "etc" / "systemd"
SERVICES = sorted(p.name for p in UNITS.glob("*.service"))
TIMERS = sorted(p.name for p in UNITS.glob("*.timer"))
LIMIT = 20
"""Tenths of what systemd-analyze calls exposure."""

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """A copy that holds nothing else: drop-ins of this machine do not count."""
    return shutil.copytree(UNITS, tmp_path_factory.mktemp("units") / "systemd")


@pytest.mark.parametrize("service", SERVICES)
def test_exposure(units, service):
    """At most 2.0 of 10 each."""
    assessed = analyze("security", "--offline=true", f"--threshold={LIMIT}", units / service)
    assert 0 == assessed.returncode, assessed.stdout + assessed.stderr
    exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", assessed.stdout)[1])
    assert 0 < exposure <= LIMIT / 10


def test_a_unit_without_walls_is_told(units, tmp_path):
    """The limit means something: the command of the collector alone is far above it."""
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert 0 != analyze("security", "--offline=true", f"--threshold={LIMIT}", bare).returncode


def test_only_the_probe_has_a_capability(units):
    """CAP_NET_RAW; and nobody gets back what systemd does not give."""
    for service in SERVICES:
        text = "\n".join(p.read_text() for p in [units / service, *dropped_in(units, service)])
        capabilities = re.findall(r"^(?:AmbientCapabilities|CapabilityBoundingSet)=(.*)$", text, re.MULTILINE)
        assert (["CAP_NET_RAW"] * 2 if service.startswith("tmon_probe") else [""]) == capabilities, service
        assert re.search(r"^NoNewPrivileges=yes$", text, re.MULTILINE), service
        assert re.search(r"^User=trafmon$", text, re.MULTILINE), service


@pytest.mark.parametrize("service", ["tmon_collector.service", "tmon_probe@.service"])
def test_its_agent_may_do_what_it_has_to(service):
    """Yield to others, give up privileges; the last word is what is allowed."""
    *_, last = re.findall(r"^SystemCallFilter=(.*)$", (UNITS / service).read_text(), re.MULTILINE)
    assert {"setpriority", "capset"} <= set(last.split())


@pytest.mark.parametrize("timer", TIMERS)
def test_a_timer_has_its_service_and_a_moment(timer):
    """And a service by a timer has its timer."""
    assert (UNITS / timer).with_suffix(".service").exists()
    moment = re.search(r"^OnCalendar=(.+)$", (UNITS / timer).read_text(), re.MULTILINE)[1]
    assert 0 == analyze("calendar", moment).returncode


def test_services_by_timer_have_timers():
    """Type=oneshot, nothing else would start them."""
    oneshot = [s for s in SERVICES if "Type=oneshot" in (UNITS / s).read_text()]
    assert [Path(s).with_suffix(".timer").name for s in oneshot] == TIMERS


def dropped_in(units: Path, service: str) -> list[Path]:
    """Drop-ins of a prefix (systemd.unit(5)): trafmon-.service.d for trafmon-loader.service."""
    prefix = service.rpartition("-")[0]
    return sorted((units / f"{prefix.partition('-')[0]}-.service.d").glob("*.conf")) if prefix else []
