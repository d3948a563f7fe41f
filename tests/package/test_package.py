"""The Debian package on a host: what it brings, what it starts (nothing), and its services at work behind their walls."""

import re
from pathlib import Path

import pytest

from tests.package.container import Host
from tests.pipeline.probe_process import until

pytestmark = pytest.mark.network

CONFIGURATION = "/etc/trafMon/xml/tmon.xml"
PROBE, COLLECTOR = "tmon_probe@local.service", "tmon_collector.service"
METRICS = {PROBE: 9464, COLLECTOR: 9465}
"""Ports of the agents; the host has a network of its own."""
PORT, DATAGRAMS, PAYLOAD = 6000, 100, 100
PACKET_OCTETS = 20 + 8 + PAYLOAD
CAP_NET_RAW = 1 << 13
START_LIMIT_S = 400  # kernels are compiled, beside other tests
LIMIT_S = 60
SMALL = f"""<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ip_counters" interval="1s"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="127.0.0.1">
      <spool directory="/var/spool/trafMon" rotate="1h"/>
      <agent metrics_port="{METRICS[COLLECTOR]}"/>
    </collector>
  </collectors>
  <probes>
    <probe name="local">
      <interface name="lan" device="lo" filter="udp port {PORT}"/>
      <publish collector="collector" max_build="200ms" initial_timeout="300ms"/>
      <agent metrics_port="{METRICS[PROBE]}"/>
    </probe>
  </probes>
  <store backend="duckdb" database="/var/lib/trafMon/trafmon.duckdb"/>
</trafmon>
"""
SEND = f"""import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", {PORT}))
[s.sendto(bytes({PAYLOAD}), ("127.0.0.1", {PORT})) for _ in range({DATAGRAMS})]
"""


@pytest.fixture(scope="module")
def serving(installed: Host) -> Host:
    """Probe and collector as services, capturing on loopback. Pauses and watchdog are shorter than in production."""
    write(installed, CONFIGURATION, SMALL)
    for unit in (PROBE, COLLECTOR):
        write(installed, f"/etc/systemd/system/{unit}.d/short.conf", "[Service]\nRestartSec=100ms\nWatchdogSec=5s\n")
    installed.run("systemctl", "daemon-reload")
    installed.run("systemctl", "start", COLLECTOR, PROBE, limit_s=START_LIMIT_S)
    return installed


def test_nothing_runs_by_itself(installed):
    """Neither now nor after the next boot."""
    assert "" == installed.shell("systemctl list-units --plain --no-legend 'tmon*' 'trafmon*'; pgrep -u trafmon || true")
    states = installed.shell("systemctl list-unit-files --no-legend 'tmon*' 'trafmon*' | awk '{print $2}'").split()
    assert {"disabled", "static"} == set(states)


def test_who_may_do_what(installed):
    """Nobody logs in as trafmon; nobody else reads keys, configuration, or what is measured; the program is root's."""
    assert re.fullmatch(r"trafmon:x:\d+:\d+:.*:/var/lib/trafMon:/usr/sbin/nologin", installed.shell("getent passwd trafmon"))
    modes = dict(line.split(" ", 1) for line in installed.shell(
        "stat -c '%n %a %U:%G' /etc/trafMon/xml /etc/trafMon/xml/tmon.xml /etc/trafMon/xml/keys/local.key /var/lib/trafMon"
        " /var/spool/trafMon /var/log/trafMon /var/cache/trafMon").splitlines())
    assert {"/etc/trafMon/xml": "750 trafmon:trafmon", "/etc/trafMon/xml/tmon.xml": "640 trafmon:trafmon",
            "/etc/trafMon/xml/keys/local.key": "600 trafmon:trafmon", "/var/lib/trafMon": "750 trafmon:trafmon",
            "/var/spool/trafMon": "750 trafmon:trafmon", "/var/log/trafMon": "750 trafmon:trafmon",
            "/var/cache/trafMon": "750 trafmon:trafmon"} == modes
    assert "" == installed.shell("find /opt/trafMon ! -user root -o -perm /022 ! -type l")


def test_commands_and_manual_pages(installed):
    """Every command answers, by whoever calls it, and has its page; the first configuration is sound."""
    commands = installed.shell("cd /usr/bin; ls tmon_* trafmon*").split()
    assert {"tmon_probe", "tmon_collector", "trafmon", "trafmon_loader.py", "trafmon_netflow.py"} <= set(commands)
    for command in commands:
        assert "usage:" in installed.run(command, "--help", user="nobody", HOME="/nonexistent").stdout
    assert "good" in installed.shell(f"trafmon check-config {CONFIGURATION}")


def test_units_are_sound(installed):
    """systemd-analyze has nothing to say to any of them, nor to their manual pages."""
    units = installed.shell("dpkg -L trafmon | grep -E 'system/[^/]*\\.(service|timer)$'").split()
    assert len(units) >= 11
    units = [Path(u).name.replace("tmon_probe@", "tmon_probe@local") for u in units]
    verified = installed.run("systemd-analyze", "verify", *units, check=False)
    assert (0, "") == (verified.returncode, "\n".join(x for x in verified.stderr.splitlines() if "tmon" in x or "trafmon" in x))


def test_other_programs_take_the_samples(installed):
    """logrotate and tmpfiles have nothing to say to their files; cron's lines name commands that exist; sysctl knows its keys."""
    told = installed.run("logrotate", "--debug", "/etc/logrotate.d/trafmon").stderr
    assert "error" not in told.lower()
    assert "/var/log/trafMon/*.log" in told
    assert "" == installed.run("systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/trafmon.conf").stderr
    assert "" == installed.run("systemd-sysusers", "/usr/lib/sysusers.d/trafmon.conf").stderr
    named = set(re.findall(r"/opt/trafMon/bin/\S+", installed.shell("cat /opt/trafMon/share/trafmon/cron.d/trafmon")))
    assert 6 == len(named)
    installed.run("ls", *named)
    sysctl = installed.shell("cat /opt/trafMon/share/trafmon/sysctl.d/trafmon.conf")
    keys = re.findall(r"^(?:# )?(net\.\S+) = \d", sysctl, re.MULTILINE)
    assert 2 == len(keys)
    for key in keys:
        installed.run("test", "-e", f"/proc/sys/{key.replace('.', '/')}")


def test_services_measure(serving):
    """From the packet on the device to the database, each as its unit has it."""
    assert ["active"] * 2 == [serving.show(u, "ActiveState") for u in (COLLECTOR, PROBE)]
    serving.run("python3", "-c", SEND)
    found = "{ cat /var/spool/trafMon/ip_counters.*; } 2>/dev/null | grep -c ,"
    until(lambda: int(serving.run("sh", "-c", found, check=False).stdout or 0) > 1, "observations are in the spool", LIMIT_S)
    serving.run("systemctl", "stop", PROBE, COLLECTOR)
    serving.run("systemctl", "start", "trafmon-loader.service", limit_s=START_LIMIT_S)
    shown = serving.shell("trafmon show /var/lib/trafMon/trafmon.duckdb")
    assert f"{DATAGRAMS} packets, {DATAGRAMS * PACKET_OCTETS / 1000:.1f} kB" in shown
    serving.run("systemctl", "start", COLLECTOR, PROBE)


def test_walls(serving):
    """No process has more than it needs: not root, one capability for one process of the probe, none gained, calls filtered."""
    statuses = {unit: [status_of(serving, p) for p in processes(serving, unit)] for unit in (PROBE, COLLECTOR)}
    uid = serving.shell("id -u trafmon")
    for status in (s for found in statuses.values() for s in found):
        assert [uid] * 4 == status["Uid"].split()
        assert ("1", "2") == (status["NoNewPrivs"], status["Seccomp"])
    assert {0} == {int(s[c], 16) for s in statuses[COLLECTOR] for c in ("CapEff", "CapPrm", "CapBnd", "CapAmb")}
    assert {0, CAP_NET_RAW} == {int(s["CapPrm"], 16) | int(s["CapBnd"], 16) & int(s["CapInh"], 16) for s in statuses[PROBE]}
    main = serving.show(PROBE, "MainPID")
    assert int(status_of(serving, main)["CapPrm"], 16) == 0
    for path in ("/etc/hostname", "/opt/trafMon/x", "/usr/x"):
        assert not writable(serving, main, path)
    assert writable(serving, main, "/var/lib/trafMon/x")
    assert writable(serving, main, "/etc/trafMon/xml/x")


def test_agents_answer(serving):
    """Each program's own, started by it behind the same walls."""
    get = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=10).read().decode())"
    for unit, port in METRICS.items():
        def answer(port=port) -> str:
            return serving.run("python3", "-c", get, f"http://127.0.0.1:{port}/metrics", check=False).stdout
        until(answer, f"the agent of {unit} answers", LIMIT_S)
        assert re.search(r"^trafmon_\w+\{.*\} \S+$", answer(), re.MULTILINE)


def test_kernels_need_memory_that_is_written_and_run(installed):
    """The one wall that cannot stand: when the first of these passes, MemoryDenyWriteExecute=yes belongs into the units."""
    kernel = "import numba; print(numba.njit(lambda x: x + 1)(1))"
    run = ["systemd-run", "--quiet", "--pipe", "--wait", "--property=SystemCallArchitectures=native"]
    python = ["/opt/trafMon/bin/python", "-c", kernel]
    assert 0 != installed.run(*run, "--property=MemoryDenyWriteExecute=yes", *python, check=False).returncode
    assert "2\n" == installed.run(*run, *python).stdout


def test_others_of_the_host_see_the_counters(serving):
    """Shared memory is not behind the walls: `trafmon top` shows probe and collector."""
    for user in ("", "trafmon"):
        shown = serving.run("trafmon", "top", "--once", user=user).stdout
        assert re.search(r"^local\s+on", shown, re.MULTILINE), shown
    assert 1 == serving.run("trafmon", "top", "--once", user="nobody", HOME="/", check=False).returncode


def test_a_crash_is_mended_and_told(serving):
    """kill -9: systemd starts it again, and the next run says what happened."""
    for unit in (PROBE, COLLECTOR):
        killed_by(serving, unit, lambda pid: serving.run("kill", "-KILL", pid))
        until(lambda unit=unit: "did not end in order" in serving.journal(unit), f"{unit} tells of the run that died", LIMIT_S)


def test_the_watchdog_ends_what_hangs(serving):
    """The child of a probe that stands still, a collector that does: killed by systemd and started again."""
    killed_by(serving, PROBE, lambda pid: serving.run("kill", "-STOP", child_of(serving, pid)))
    killed_by(serving, COLLECTOR, lambda pid: serving.run("kill", "-STOP", pid))
    for unit in (PROBE, COLLECTOR):
        assert "Watchdog timeout" in serving.journal(unit)


def test_a_new_configuration_behind_the_walls(serving):
    """The programs put it in the place of the old one and start anew in the same process; systemd sees no end."""
    before = {unit: (serving.show(unit, "MainPID"), serving.show(unit, "NRestarts")) for unit in (PROBE, COLLECTOR)}
    write(serving, "/etc/trafMon/xml/tmon-new.xml", SMALL.replace('name="all"', 'name="everything"'))
    serving.run("systemctl", "reload", PROBE, COLLECTOR)
    for unit in (PROBE, COLLECTOR):
        until(lambda unit=unit: "started with configuration" in serving.journal(unit), "the switch is told", LIMIT_S)
        until(lambda unit=unit: serving.show(unit, "ActiveState") == "active", "at work again", LIMIT_S)
    assert 'name="everything"' in serving.shell(f"cat {CONFIGURATION}")
    assert before == {unit: (serving.show(unit, "MainPID"), serving.show(unit, "NRestarts")) for unit in (PROBE, COLLECTOR)}


def test_update(serving, package):
    """Configuration and keys stay; what ran runs the new program."""
    kept = "md5sum /etc/trafMon/xml/tmon.xml /etc/trafMon/xml/keys/local.key"
    before, pids = serving.shell(kept), [serving.show(u, "MainPID") for u in (COLLECTOR, PROBE)]
    serving.run("dpkg", "--install", str(package), TRAFMON_KERNELS="no")
    assert before == serving.shell(kept)
    for unit, pid in zip((COLLECTOR, PROBE), pids, strict=True):
        assert "active" == serving.show(unit, "ActiveState")
        assert pid != serving.show(unit, "MainPID")


def test_remove_and_purge(serving):
    """Removed: the program. Purged: all but the account."""
    serving.run("systemctl", "enable", COLLECTOR, PROBE, "trafmon-loader.timer")
    serving.run("dpkg", "--remove", "trafmon")
    assert "" == serving.shell("pgrep -u trafmon || true; ls -d /opt/trafMon /var/cache/trafMon /usr/bin/tmon* 2>/dev/null || true")
    assert "" == serving.shell("find /etc/systemd/system -name 't*mon*' ! -path '*.d*'")
    serving.run("ls", "/etc/trafMon/xml/keys/local.key", CONFIGURATION, "/var/lib/trafMon/trafmon.duckdb", "/var/spool/trafMon")
    serving.run("dpkg", "--purge", "trafmon")
    left = serving.shell("ls -d /etc/trafMon /var/*/trafMon /opt/trafMon /run/trafmon /etc/logrotate.d/trafmon 2>/dev/null || true")
    assert "" == left
    assert serving.shell("id -u trafmon")


def write(host: Host, path: str, text: str) -> None:
    """A file on the host, for everybody to read; in the programs' directory it is theirs."""
    host.run("install", "-D", "-m", "644", "/dev/stdin", path, text=text)
    if path.startswith("/etc/trafMon"):
        host.run("chown", "trafmon:trafmon", path)


def processes(host: Host, unit: str) -> list[str]:
    return host.shell(f"cat /sys/fs/cgroup$(systemctl show --property ControlGroup --value {unit})/cgroup.procs").split()


def status_of(host: Host, pid: str) -> dict[str, str]:
    lines = host.shell(f"cat /proc/{pid}/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def writable(host: Host, pid: str, path: str) -> bool:
    """Where a service looks at it: its mounts, its user."""
    enter = f"nsenter --target {pid} --mount setpriv --reuid trafmon --regid trafmon --clear-groups"
    return 0 == host.run("sh", "-c", f"{enter} sh -c ': >> {path}'", check=False).returncode


def child_of(host: Host, pid: str) -> str:
    """The process that measures: forked from the main one, and no keeper."""
    statuses = {p: status_of(host, p) for p in processes(host, PROBE)}
    return next(p for p, status in statuses.items() if (status["PPid"], status["Name"]) == (pid, "tmon_probe"))


def killed_by(host: Host, unit: str, deed) -> None:
    """After the deed the unit runs anew, without anybody's help."""
    pid, restarts = host.show(unit, "MainPID"), int(host.show(unit, "NRestarts"))
    deed(pid)
    until(lambda: int(host.show(unit, "NRestarts")) > restarts and host.show(unit, "ActiveState") == "active",
          f"{unit} is started again", START_LIMIT_S)
    assert pid != host.show(unit, "MainPID")
