"""Programs of the recording, as Debian packages."""

import os
import shutil
import subprocess

PROGRAMS = {
    "bind9-dnsutils": "dig",
    "chrony": "chronyd",
    "curl": "curl",
    "dnsmasq-base": "dnsmasq",
    "iproute2": "ip",
    "iputils-ping": "ping",
    "lftp": "lftp",
    "nginx-light": "nginx",
    "ntpsec-ntpdig": "ntpdig",
    "snmp": "snmpget",
    "snmpd": "snmpd",
    "tnftp": "tnftp",
    "traceroute": "traceroute",
    "vsftpd": "vsftpd",
}
"""Package: the program by which its presence is known."""
_SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def missing_packages() -> list[str]:
    """Packages whose program is not there."""
    return [package for package, program in PROGRAMS.items() if shutil.which(program, path=_SYSTEM_PATH) is None]


def install_missing() -> None:
    """Installs them and says so; CalledProcessError when apt-get fails."""
    wanted = missing_packages()
    if not wanted:
        return
    print(f"installing {' '.join(wanted)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted],
        env=quiet,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def versions() -> dict[str, str]:
    """Version of each package that is installed."""
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PROGRAMS], capture_output=True, text=True, check=False
    )
    return dict(line.split(" ", 1) for line in shown.stdout.splitlines())
