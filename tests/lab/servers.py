"""The daemons of the recording, all in the server's namespace, each with a throw-away configuration."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from tests.lab.topology import SERVER
from tests.linkemu import Namespace

START_WITHIN_S = 15.0
STOP_WITHIN_S = 3.0
ECHO_PORT = 7
FILES = {"small.txt": 3_000, "medium.bin": 22_000, "large.bin": 64_000, "huge.bin": 1_500_000}
"""Served by FTP (in pub/) and HTTP: name, octets. huge.bin is there to be aborted."""
SNMP_USER, SNMP_AUTH, SNMP_PRIVACY = "demo", "demo-auth-pass", "demo-priv-pass"
DOMAIN = "lab.example"

_VSFTPD = """listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
local_enable=YES
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
anon_root={files}
connect_from_port_20=YES
port_enable=YES
pasv_enable=YES
pasv_min_port=40000
pasv_max_port=40999
async_abor_enable=YES
anon_max_rate=400000
no_anon_password=NO
allow_anon_ssl=NO
seccomp_sandbox=NO
xferlog_enable=YES
xferlog_std_format=NO
vsftpd_log_file={work}/vsftpd_transfers.log
secure_chroot_dir={empty}
ftpd_banner=Welcome to the lab
"""
_NGINX = """daemon off;
master_process off;
pid {work}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {work}/nginx_body;
    proxy_temp_path {work}/nginx_proxy;
    fastcgi_temp_path {work}/nginx_fastcgi;
    uwsgi_temp_path {work}/nginx_uwsgi;
    scgi_temp_path {work}/nginx_scgi;
    server {{ listen 80; listen [::]:80; root {files}/pub; }}
}}
"""
_CHRONYD = """local stratum 2
allow all
cmdport 0
bindcmdaddress /
pidfile {work}/chronyd.pid
user root
"""
_SNMPD = """agentaddress udp:161,udp6:161
rocommunity public
rocommunity6 public
createUser {user} SHA {auth} AES {privacy}
rouser {user} authpriv
sysDescr lab server
sysLocation lab
sysContact demo
sysName server
"""


@dataclass(frozen=True, slots=True)
class _Daemon:
    """How to start one, and the sockets ("tcp 21") by which it is known to be ready."""

    name: str
    argv: list[str]
    sockets: tuple[str, ...]


class Servers:
    """The daemons: ready inside the `with` block, gone after it. `work` must be readable by everybody.

    names   those that are wanted; without any, all of them
    """

    def __init__(self, host: Namespace, work: Path, seed: int, *names: str) -> None:
        self._host = host
        self._names = names
        self._work = work
        self._seed = seed
        self._running: dict[str, subprocess.Popen[Any]] = {}

    def __enter__(self) -> Self:
        try:
            self._write_files()
            for daemon in self._daemons():
                if not self._names or daemon.name in self._names:
                    self._start(daemon)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop()

    def _daemons(self) -> list[_Daemon]:
        work = self._work
        answers = [
            f"--host-record=www.{DOMAIN},{SERVER.host4},{SERVER.host6}",
            f"--cname=ftp.{DOMAIN},www.{DOMAIN}",
            f"--mx-host={DOMAIN},www.{DOMAIN},10",
            f"--txt-record={DOMAIN},v=lab1 recorded for tests",
            f"--txt-record=big.{DOMAIN}," + ",".join(f"{number:02}" + "x" * 198 for number in range(10)),
            f"--local=/{DOMAIN}/",
        ]
        quiet = ["--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file="]
        return [
            _Daemon("vsftpd", ["vsftpd", str(work / "vsftpd.conf")], ("tcp 21",)),
            _Daemon("dnsmasq", ["dnsmasq", "--keep-in-foreground", *quiet, *answers], ("udp 53", "tcp 53")),
            _Daemon("chronyd", ["chronyd", "-d", "-x", "-f", str(work / "chronyd.conf")], ("udp 123",)),
            _Daemon("snmpd", ["snmpd", "-f", "-Lo", "-C", "-c", str(work / "snmpd.conf")], ("udp 161",)),
            _Daemon(
                "nginx", ["nginx", "-e", "stderr", "-p", str(work), "-c", str(work / "nginx.conf")], ("tcp 80",)
            ),
            _Daemon(
                "udp_echo", [sys.executable, str(Path(__file__).with_name("udp_echo.py")), "serve", str(ECHO_PORT)],
                (f"udp {ECHO_PORT}",),
            ),
        ]  # fmt: skip

    def _write_files(self) -> None:
        work, files = self._work, self._work / "files"
        empty, public, incoming = work / "empty", files / "pub", files / "incoming"
        for directory in (empty, public, incoming):
            directory.mkdir(parents=True, mode=0o755)
        incoming.chmod(0o777)  # the anonymous user uploads here, in a directory of this run only
        random = Random(self._seed)
        for name, octets in FILES.items():
            (public / name).write_bytes(random.randbytes(octets))
        values = {"work": work, "files": files, "empty": empty}
        (work / "vsftpd.conf").write_text(_VSFTPD.format(**values))
        (work / "nginx.conf").write_text(_NGINX.format(**values))
        (work / "chronyd.conf").write_text(_CHRONYD.format(**values))
        (work / "snmpd.conf").write_text(_SNMPD.format(user=SNMP_USER, auth=SNMP_AUTH, privacy=SNMP_PRIVACY))

    def _start(self, daemon: _Daemon) -> None:
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(self._work / "snmp"), "MIBS": ""}
        environment["PATH"] += ":/usr/sbin:/sbin"
        messages = self._work / f"{daemon.name}.log"
        with messages.open("wb") as file:
            process = self._host.start(
                daemon.argv,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment,
                start_new_session=True,
            )
        self._running[daemon.name] = process
        end = time.monotonic() + START_WITHIN_S
        while not set(daemon.sockets) <= self._open_sockets():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{daemon.name} did not start:\n{messages.read_text(errors='replace')[-2_000:]}")
            time.sleep(0.05)

    def _open_sockets(self) -> set[str]:
        """ "tcp 21", "udp 53", ... of the sockets that wait for clients."""
        lines = self._host.run(["ss", "-Hlntu"]).stdout.splitlines()
        return {f"{fields[0]} {fields[4].rpartition(':')[2]}" for fields in map(str.split, lines)}

    def _stop(self) -> None:
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
