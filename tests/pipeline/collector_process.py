"""A real tmon_collector, started as a program, and a hand that sends it PDUs."""

from __future__ import annotations

import csv
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.keys import probe_session
from tmon_common.pdu.ack import parse_acks
from tmon_common.pdu.header import ACK
from tmon_common.pdu.session import ProbeSession

ROOT = Path(__file__).parents[2]
START_LIMIT_S = 60  # kernels may have to be compiled
LIMIT_S = 10

CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ip_counters"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="127.0.0.1"><spool directory="{spool}" rotate="1h"/></collector>
  </collectors>
  <probes>
    <probe name="probe" seal="{seal}"><interface name="lan" device="lo"/><publish collector="collector"/></probe>
  </probes>
</trafmon>
"""


class CollectorProcess:
    """Running until `stop`. directory: of its configuration, its key for seal="aead" and, unless `spool` is given, its spool.

    configuration   has {spool} and may have {seal}
    """

    def __init__(self, directory: Path, spool: Path | None = None, port: int = 0, seal: str = "crc",
                 configuration: str = CONFIGURATION) -> None:
        self.spool = spool or directory / "spool"
        self.messages = ""
        (directory / "tmon.xml").write_text(configuration.format(spool=self.spool, seal=seal))
        ready, ready_end = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tmon_collector", "-l", "--port", str(port), "--ready-fd", str(ready_end)],
            cwd=directory, env=os.environ | {"PYTHONPATH": str(ROOT)}, pass_fds=[ready_end], stderr=subprocess.PIPE, text=True)
        os.close(ready_end)
        with os.fdopen(ready) as told:
            readable, _, _ = select.select([told], [], [], START_LIMIT_S)
            line = told.readline() if readable else ""
        self.port = int(line) if line else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Exit status after a signal; `messages` has what it told."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        _, messages = self.process.communicate(timeout=LIMIT_S)
        self.messages += messages
        return self.process.returncode

    def files(self, pattern: str = "*.csv") -> list[Path]:
        return sorted(self.spool.glob(pattern))

    def flows(self) -> list[int]:
        """Column `flow` of all complete ip_counters files."""
        return [int(line.split(",")[2]) for f in self.files("ip_counters.*.csv") for line in f.read_text().splitlines()[1:]]

    def events(self) -> list[dict[str, str]]:
        """Rows of all complete event files, in order of time."""
        rows = []
        for path in self.files("event.*.csv"):
            with path.open(newline="") as file:
                rows += csv.DictReader(file)
        return sorted(rows, key=lambda row: float(row["time"]))


class Hand:
    """A socket that sends datagrams to a collector and takes its answers, to `session` (default: one that goes by CRC)."""

    def __init__(self, port: int, session: ProbeSession | None = None) -> None:
        self._session = session or probe_session(keys=None)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.acked: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.socket.send(datagram)

    def take(self, wait_s: float) -> bool:
        """Takes one answer; False if none comes in that time."""
        if not select.select([self.socket], [], [], wait_s)[0]:
            return False
        answer = self.socket.recv(2000)
        pdu_type, content = self._session.open(answer)
        if pdu_type == ACK:
            self.acked.update(parse_acks(content))
        return True

    def wait_for(self, *pdus: int) -> None:
        """Until these are acknowledged."""
        limit = time.monotonic() + LIMIT_S
        while not self.acked.issuperset(pdus):
            assert self.take(limit - time.monotonic()), f"no acknowledgement of {set(pdus) - self.acked}"
