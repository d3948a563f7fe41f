"""scripts/install on a host: all of it or a message, twice as once, and uninstalled without a loss."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import REPOSITORY
from tests.package.container import Host

pytestmark = pytest.mark.network

INSTALL = str(REPOSITORY / "scripts" / "install")
CONFIGURATION = "/etc/trafMon/xml/tmon.xml"
LIMIT_S = 600


@pytest.fixture(scope="module")
def host(own_hosts) -> Iterator[Host]:
    """With the network of this machine, for pip."""
    with Host([REPOSITORY], network=True) as booted:
        yield booted


def refused(host: Host, *arguments: str, **options) -> str:
    """The message of an installation that does not begin."""
    done = host.run(*arguments, check=False, **options)
    assert (2, "") == (done.returncode, done.stdout), done.stderr
    [line] = done.stderr.splitlines()
    assert "" == host.shell("ls -d /opt/trafMon /etc/trafMon 2>/dev/null || true; getent passwd trafmon || true")
    return line


def test_what_it_needs_is_told(host):
    """Before anything is changed: who calls it, which Python, how much room."""
    assert "scripts/install: this needs root: sudo scripts/install" == refused(host, INSTALL, user="nobody")
    assert "/nowhere/python is no Python 3.11 or later" in refused(host, INSTALL, "--python", "/nowhere/python")
    assert "unknown argument --now" in refused(host, INSTALL, "--now")
    host.shell("install -D -m 755 /usr/bin/python3.11 /srv/own/python; chmod 700 /srv/own")
    assert "/srv/own/python cannot be run by other users" in refused(host, INSTALL, "--python", "/srv/own/python")
    host.shell("mount -t tmpfs -o size=100m none /opt")
    told = refused(host, INSTALL)
    host.shell("umount /opt")
    assert "scripts/install: /opt has 100 MB free, 1600 are needed" == told
    assert "there is no trafMon in /opt/trafMon" in refused(host, INSTALL, "--uninstall")


def test_install_again_and_uninstall(host, where_packages_come_from):
    """The same files as the package, below /usr/local. Done again nothing changes; gone, what is not ours to lose stays."""
    first = host.run(INSTALL, "--no-kernels", limit_s=LIMIT_S, **where_packages_come_from)
    assert "writing a first configuration, of device " in first.stderr
    assert "keys/local.key made" in first.stderr
    assert "good" in host.run("trafmon", "check-config", CONFIGURATION, user="trafmon").stdout
    for path in ("bin/tmon_probe", "lib/systemd/system/tmon_probe@.service", "lib/systemd/system/trafmon-.service.d/common.conf"):
        host.run("test", "-e", f"/usr/local/{path}")
    assert "loaded" == host.show("trafmon-loader.service", "LoadState")
    assert "trafmon" == host.show("trafmon-loader.service", "User")

    host.shell(f"sed -i 's/name=\"lan\"/name=\"mine\"/' {CONFIGURATION}")
    everything = "find /opt/trafMon /usr/local /etc/trafMon ! -type d -printf '%p %T@ %m %u\\n' | sort | sha256sum"
    before = host.shell(everything)
    again = host.run(INSTALL, "--no-kernels", limit_s=LIMIT_S)
    assert "==> /opt/trafMon is up to date" == again.stderr.splitlines()[0]
    assert before == host.shell(everything)
    assert 'name="mine"' in host.shell(f"cat {CONFIGURATION}")

    host.run("systemctl", "enable", "--now", "trafmon-loader.timer")
    host.run(INSTALL, "--uninstall")
    places = "/opt/trafMon /opt/.trafMon* /usr/local /etc/systemd /etc/logrotate.d"
    assert "" == host.shell(f"find {places} -name '*trafmon*' -o -name 'tmon*' 2>/dev/null || true")
    assert "inactive" == host.show("trafmon-loader.timer", "ActiveState")
    host.run("ls", CONFIGURATION, "/etc/trafMon/xml/keys/local.key", "/var/spool/trafMon", "/var/lib/trafMon")
    host.run("test", "-d", "/usr/local/bin")
    assert host.shell("id -u trafmon")


def test_not_over_a_package(host):
    """dpkg's files are dpkg's."""
    control = "Package: trafmon\nVersion: 1\nArchitecture: all\nMaintainer: x <x@localhost>\nDescription: stands for it\n"
    host.run("install", "-D", "-m", "644", "/dev/stdin", "/tmp/p/DEBIAN/control", text=control)
    host.shell("dpkg-deb --build /tmp/p /tmp/p.deb && dpkg --install /tmp/p.deb")
    done = host.run(INSTALL, check=False)
    assert 2 == done.returncode
    assert "the Debian package trafmon is installed; update it instead" in done.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_shellcheck():
    """Nothing to say to any script of the installation."""
    scripts = [*(f"scripts/{name}" for name in ("install", "lay_out", "make_ready", "package", "take_down")),
               *(f"debian/{name}" for name in ("preinst", "postinst", "prerm", "postrm"))]
    told = subprocess.run(["shellcheck", *scripts], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert (0, "") == (told.returncode, told.stdout)
