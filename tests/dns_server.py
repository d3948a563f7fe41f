"""A name server of the tests' own: dnsmasq on a port of 127.0.0.1, answering for what it is told and nothing else."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_LIMIT_S = 20.0


@dataclass(frozen=True)
class NameServer:
    """port: of 127.0.0.1, UDP and TCP."""

    port: int
    log: Path

    def queries(self) -> list[str]:
        """Names that were asked for, in the order of the queries."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line.split("query[PTR] ")[1].split()[0] for line in lines if "query[PTR] " in line]


@contextmanager
def name_server(folder: Path, *options: str) -> Iterator[NameServer]:
    """options: dnsmasq's, such as --host-record=NAME,ADDRESS. Reverse zones that it knows nothing about do not exist."""
    assert shutil.which("dnsmasq"), "the tests need dnsmasq-base; scripts/test installs it"
    port, log = _free_port(), folder / "dnsmasq.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", f"--port={port}", "--listen-address=127.0.0.1",
             "--bind-interfaces", "--no-resolv", "--no-hosts", "--pid-file=", "--user=", "--group=", "--cache-size=0",
             "--log-queries", "--log-facility=-", "--local=/in-addr.arpa/", "--local=/ip6.arpa/", *options],
            stdout=file, stderr=file)
    try:
        limit = time.monotonic() + START_LIMIT_S
        while not _listens(port):
            assert server.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < limit, log.read_text(errors="replace")
            time.sleep(0.02)
        yield NameServer(port, log)
    finally:
        server.terminate()
        server.wait(START_LIMIT_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    """Free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]
