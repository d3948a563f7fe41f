"""What monitoring adds to the traffic that it monitors: the demo, its PDUs counted on their way."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from benchmarks.measure import RunError
from benchmarks.recording import FILE_HEADER, RECORD_HEADER

ROOT = Path(__file__).resolve().parent.parent
UDP_IPV4_OCTETS = 28
LIMIT_S = 120.0


@dataclass(frozen=True)
class Overhead:
    """Octets of IP packets: those of the link as one probe saw them; those of both probes' PDUs, and of the answers."""

    traffic: int
    pdus: int
    pdu_octets: int
    answer_octets: int

    @property
    def ratio(self) -> float:
        return (self.pdu_octets + self.answer_octets) / self.traffic


class Relay:
    """Hands datagrams on to a collector and its answers back, and counts them."""

    def __init__(self, port: int) -> None:
        self._collector = ("127.0.0.1", port)
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._front.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.port = self._front.getsockname()[1]
        self.pdus = self.pdu_octets = self.answer_octets = 0
        self._backs: dict[tuple, socket.socket] = {}
        self._stop, self._stop_end = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.write(self._stop_end, b".")
        self._thread.join()
        for opened in (self._front, *self._backs.values()):
            opened.close()
        os.close(self._stop)
        os.close(self._stop_end)

    def _run(self) -> None:
        while True:
            readable, _, _ = select.select([self._stop, self._front, *self._backs.values()], [], [])
            if self._stop in readable:
                return
            if self._front in readable:
                datagram, probe = self._front.recvfrom(65535)
                back = self._backs.get(probe)
                if back is None:
                    back = self._backs[probe] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    back.connect(self._collector)
                self.pdus += 1
                self.pdu_octets += len(datagram) + UDP_IPV4_OCTETS
                back.send(datagram)
            for probe, back in self._backs.items():
                if back in readable:
                    answer = back.recv(65535)
                    self.answer_octets += len(answer) + UDP_IPV4_OCTETS
                    self._front.sendto(answer, probe)


def measure(directory: Path, analyses: Collection[str] = (), interval: str = "") -> Overhead:
    """The demo's configuration, results and keys in `directory`. RunError if a program fails.

    analyses: only these, if given; interval: of all of them instead of the demo's.
    """
    directory.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "etc/xml/demo.xml").read_text().replace("../../demo-out/", "").replace("../../tests/", f"{ROOT}/tests/")
    text = _changed(text, analyses, interval)
    (directory / "collector.xml").write_text(text)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def start(*command: object, **options) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-m", *map(str, command)], cwd=directory, env=environment, **options)

    if start("trafmon", "keygen", "-c", "collector.xml", stdout=subprocess.DEVNULL).wait(LIMIT_S):
        raise RunError("trafmon keygen failed")
    ready, ready_end = os.pipe()
    collector = start("tmon_collector", "-c", "collector.xml", "--port", 0, "--ready-fd", ready_end, pass_fds=(ready_end,))
    os.close(ready_end)
    relay = None
    try:
        if not (told := os.read(ready, 16)):
            raise RunError("tmon_collector did not start")
        relay = Relay(int(told))
        (directory / "probe.xml").write_text(text.replace('address="127.0.0.1" port="9777" max_pdu',
                                                          f'address="127.0.0.1" port="{relay.port}" max_pdu'))
        probes = [start("tmon_probe", "-c", "probe.xml", name) for name in ("west", "east")]
        if sum(probe.wait(LIMIT_S) for probe in probes):
            raise RunError("a probe failed")
    finally:
        os.close(ready)
        collector.send_signal(signal.SIGTERM)
        collector.wait(LIMIT_S)
        if relay:
            relay.close()
    return Overhead(_ip_octets(ROOT / "tests/captures/demo/west.pcap"), relay.pdus, relay.pdu_octets, relay.answer_octets)


def _changed(text: str, analyses: Collection[str], interval: str) -> str:
    root = etree.fromstring(text.encode())
    for analysis in root.findall("flow_classes/flow_class/analysis"):
        if analyses and analysis.get("kind") not in analyses:
            analysis.getparent().remove(analysis)
        elif interval and "interval" in analysis.attrib:
            analysis.set("interval", interval)
    return etree.tostring(root, encoding="unicode")


def _ip_octets(recording: Path) -> int:
    """Octets on the wire behind the Ethernet headers, of a little-endian pcap file."""
    data, at, total = recording.read_bytes(), FILE_HEADER, 0
    while at < len(data):
        total += int.from_bytes(data[at + 12 : at + 16], "little") - 14
        at += RECORD_HEADER + int.from_bytes(data[at + 8 : at + 12], "little")
    return total
