"""scripts/install and what it shares with the package, on a host of its own: interrupted, with links in its way, with services that
do not start. The program itself is a stand-in."""

import pytest

from tests.conftest import REPOSITORY
from tests.package.container import Host

pytestmark = pytest.mark.network

CHECKOUT, HOME = "/srv/checkout", "/opt/trafMon"
STATE = f"{HOME}/share/trafmon/state"
LAY_OUT = f"""#!/bin/bash
# Instead of the program, which takes minutes: what make_ready looks for, and a file for /usr/local and for /etc.
into=$2
share=$into{HOME}/share/trafmon packages=$into{HOME}/lib/python3.11/site-packages
mkdir -p $into{HOME}/bin $share/tmpfiles.d $share/xml $packages/tmon_a $packages/trafmon $packages/numba-1 $packages/llvmlite-1
printf '#!/bin/sh\\n' > $into{HOME}/bin/trafmon
chmod 755 $into{HOME}/bin/trafmon
cp scripts/make_ready scripts/take_down $share
cp etc/tmpfiles.d/trafmon.conf $share/tmpfiles.d
cp etc/xml/host.xml $share/xml
mkdir -p $into/usr/local/share/doc/trafmon $into/etc/logrotate.d
cp README.md $into/usr/local/share/doc/trafmon/README.md
cp etc/logrotate.d/trafmon $into/etc/logrotate.d/trafmon
printf '%s\\n' /usr/local/share/doc/trafmon/README.md /etc/logrotate.d/trafmon > $share/files
"""
FAILING = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c '[ ! -e /srv/broken ]'\n"
FINE = "[Service]\nExecStart=/bin/sleep infinity\n"
PROBE, COLLECTOR = "tmon_probe@a.service", "tmon_collector.service"


@pytest.fixture
def host(own_hosts):
    with Host([REPOSITORY]) as host:
        host.shell(f"mkdir {CHECKOUT} && cd {REPOSITORY} && cp -r scripts etc README.md {CHECKOUT}")
        put(host, f"{CHECKOUT}/scripts/lay_out", LAY_OUT, "755")
        yield host


def put(host: Host, path: str, text: str, mode: str = "644") -> None:
    host.run("install", "-D", "-m", mode, "/dev/stdin", path, text=text)


def install(host: Host, *, check: bool = True) -> str:
    """What it tells; without check also of one that fails."""
    return host.run(f"{CHECKOUT}/scripts/install", check=check).stderr


def services(host: Host) -> None:
    """A probe that started, and will not again, and a collector that will."""
    for unit, text in ((PROBE, FAILING), (COLLECTOR, FINE), ("trafmon-netflow.service", FINE)):
        put(host, f"/run/systemd/system/{unit}", text)
    host.shell(f"systemctl daemon-reload; systemctl start {PROBE} {COLLECTOR}; touch /srv/broken")


def test_one_that_was_interrupted_is_done_again(host):
    """Files could not be put in their places, which are full maybe: the next run puts them there."""
    host.run("mkdir", "-p", "/usr/local/share/doc/trafmon/README.md/something")
    assert "README.md" in install(host, check=False)
    host.run("rm", "-r", "/usr/local/share/doc/trafmon/README.md")
    assert "is up to date" not in install(host)
    host.run("test", "-s", "/usr/local/share/doc/trafmon/README.md")
    assert "is up to date" in install(host)


def test_what_is_in_its_place_and_not_ours_stays(host):
    """Another program of that name perhaps: nothing is replaced that did not come from here."""
    put(host, f"{HOME}/precious", "something")
    assert f"{HOME} is there, and has not come from here" in install(host, check=False)
    assert "something" == host.shell(f"cat {HOME}/precious; rm -r {HOME}")
    install(host)


def test_directories_of_the_host_stay_as_they_are(host):
    """Their modes, owners, and the links among them."""
    host.shell("chgrp -R staff /usr/local; chmod 2775 /usr/local /usr/local/share; mkdir /srv/doc; rm -rf /usr/local/share/doc;"
               "ln -s /srv/doc /usr/local/share/doc")
    look = "stat -c '%n %a %U:%G' /usr /usr/local /usr/local/share /usr/local/share/doc /etc /etc/logrotate.d"
    before = host.shell(look)
    install(host)
    assert before == host.shell(look)
    host.run("test", "-s", "/srv/doc/trafmon/README.md")


def test_all_services_are_restarted(host):
    """Those, too, that come after one that does not start; and by the next run, if the first did not come so far."""
    services(host)
    before = host.show(COLLECTOR, "MainPID")
    assert f"{PROBE} does not start" in install(host)
    restarted = host.show(COLLECTOR, "MainPID")
    assert restarted not in (before, "0")
    install(host)
    assert restarted == host.show(COLLECTOR, "MainPID")
    put(host, f"{CHECKOUT}/something", "an update")
    host.shell("rm /usr/sbin/useradd; userdel trafmon")  # it ends in the middle
    install(host, check=False)
    assert restarted == host.show(COLLECTOR, "MainPID")
    host.shell("groupadd --system trafmon; printf 'trafmon:x:888:888::/var/lib/trafMon:/usr/sbin/nologin\n' >> /etc/passwd")
    install(host)
    assert host.show(COLLECTOR, "MainPID") not in (restarted, "0")


def test_an_update_of_the_package_is_complete_without_a_service(host):
    """A probe whose device is not there does not leave it half configured."""
    install(host)
    services(host)
    before = host.show(COLLECTOR, "MainPID")
    told = host.run("sh", f"{REPOSITORY}/debian/postinst", "configure", "0.1.0-1").stderr
    assert "not all services started again" in told
    assert host.show(COLLECTOR, "MainPID") not in (before, "0")


def test_root_follows_no_link_of_the_account(host):
    """Its directories are written by who runs the programs: a link in them is no way to files of root's."""
    install(host)
    host.shell("rm /etc/trafMon/xml/tmon.xml; echo secret > /srv/victim; chmod 600 /srv/victim")
    for link in ("/etc/trafMon/xml/tmon.xml.new", "/var/cache/trafMon/compiled"):
        host.shell(f"rm -f {link}; ln -s /srv/victim {link}", user="trafmon")
    host.run(f"{HOME}/share/trafmon/make_ready", check=False)
    assert "secret\n600 root:root" == host.shell("cat /srv/victim; stat -c '%a %U:%G' /srv/victim")


def test_a_processor_without_the_name_of_its_model(host):
    """As those of ARM: /proc/cpuinfo has other fields."""
    put(host, "/srv/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\n")
    host.run("mount", "--bind", "/srv/cpuinfo", "/proc/cpuinfo")
    install(host)
    host.run("test", "-s", "/var/cache/trafMon/compiled")
    assert "640 trafmon:trafmon" == host.shell("stat -c '%a %U:%G' /etc/trafMon/xml/tmon.xml")


def test_what_receives_goes_before_what_can_wait(host):
    """The receiver of flow records has the urgency of a collector, the others yield."""
    host.shell(f"cp -r {CHECKOUT}/etc/systemd/* /etc/systemd/system; useradd --system trafmon; systemctl daemon-reload")
    units = ("trafmon-netflow.service", "trafmon-loader.service", "trafmon-purge.service", COLLECTOR)
    assert ["0", "10", "10", "0"] == [host.show(u, "Nice") for u in units]
