"""Real peers of the receiver of flow records: softflowd exports, nfcapd and nfdump receive the same and count it their way."""

from __future__ import annotations

import calendar
import csv
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Self

from tests.oracles.capture_files import write_pcap

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "trafmon_netflow.py"
START_LIMIT_S = 60  # kernels may have to be compiled
LIMIT_S = 20
UTC = os.environ | {"TZ": "UTC"}


class Receiver:
    """`trafmon_netflow.py receive`, running until `stop`; messages: what it told."""

    def __init__(self, spool: Path, *options: str, port: int = 0) -> None:
        self.spool, self.messages = spool, ""
        ready, ready_end = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, SCRIPT, "receive", "--spool", spool, "--listen", "127.0.0.1", "--port", str(port), "--ready-fd",
             str(ready_end), *options], pass_fds=[ready_end], stderr=subprocess.PIPE, text=True)
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
        self.process.send_signal(number)
        _, self.messages = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode


class Nfcapd:
    """nfcapd with its files in `directory`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory, self.port = directory, free_port()
        self.process = subprocess.Popen(["nfcapd", "-p", str(self.port), "-b", "127.0.0.1", "-w", directory],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=UTC)
        for line in self.process.stderr:
            if "Startup" in line:
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        """When it has read all that has come."""
        limit = time.monotonic() + LIMIT_S
        while _unread(self.port):
            assert time.monotonic() < limit
            time.sleep(0.01)
        self.process.terminate()
        self.process.communicate(timeout=LIMIT_S)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


def _unread(port: int) -> int:
    """Octets that wait in the socket of a port."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port:
            return int(fields[4].split(":")[1], 16)
    return 0


def softflowd(capture: Path, version: str, *options: str) -> list[bytes]:
    """Datagrams with which it exports all flows of a capture."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        end.bind(("127.0.0.1", 0))
        subprocess.run(["softflowd", "-r", capture, "-n", f"127.0.0.1:{end.getsockname()[1]}", "-v", version, "-d", "-c", "none",
                        "-p", capture.with_suffix(".pid"), *options], check=True, capture_output=True, timeout=LIMIT_S)
        end.setblocking(False)
        datagrams = []
        try:
            while True:
                datagrams.append(end.recv(65535))
        except BlockingIOError:
            return datagrams


def send(port: int, *datagrams: bytes) -> None:
    """As an exporter at 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for datagram in datagrams:
            out.sendto(datagram, ("127.0.0.1", port))


def recorded(capture: Path) -> list[bytes]:
    """Datagrams of exporters in a capture, put together again by tshark."""
    done = subprocess.run(["tshark", "-r", capture, "-Y", "udp && !icmp && !icmpv6", "-T", "fields", "-e", "udp.payload"],
                          check=True, capture_output=True, text=True, timeout=LIMIT_S)
    return [bytes.fromhex(line) for line in done.stdout.split()]


def nfdump(directory: Path, form: str) -> list[str]:
    """Lines that nfdump prints of all files."""
    done = subprocess.run(["nfdump", "-R", directory, "-q", "-N", "-6", "-o", form], check=True, capture_output=True, text=True,
                          env=UTC, timeout=LIMIT_S)
    return done.stdout.splitlines()


def flows_of_nfdump(directory: Path) -> list[tuple]:
    """(start ms, end ms, source, destination, protocol, source port, destination port, packets, octets) of every flow record."""
    fields = [[field.strip() for field in line.split(",")]
              for line in nfdump(directory, "fmt:%ts,%te,%sa,%da,%pr,%sp,%dp,%pkt,%byt")]
    return [(_ms(f[0]), _ms(f[1]), *map(_address, f[2:4]), int(f[4]), *map(_port, f[5:7]), int(f[7]), int(f[8])) for f in fields]


def _address(text: str) -> str:
    """Where a record has room for both, nfdump takes an IPv4 address for the end of an IPv6 one."""
    address = ip_address(text)
    return str(IPv4Address(int(address)) if address.version == 6 and 1 < int(address) < 1 << 32 else address)


def _port(text: str) -> int:
    """nfdump has type and code of ICMP there, with a point between: no port."""
    return 0 if "." in text else int(text)


def _ms(text: str) -> int:
    whole, _, rest = text.partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%d %H:%M:%S")) * 1000 + int(rest or 0)


def minutes_of(flows: list[tuple]) -> Counter:
    """Octets of each (source, destination, protocol, source port, destination port, minute), spread slowly: floor(N t / D)."""
    found: Counter = Counter()
    for start, end, *who, _packets, octets in flows:
        lived = max(end - start, 1)
        for minute in range(start // 60_000, (start + lived - 1) // 60_000 + 1):
            gone = [int(Fraction(octets) * min(max(at * 60_000 - start, 0), lived) / lived) for at in (minute, minute + 1)]
            found[(*who, minute)] += gone[1] - gone[0]
    return +found


def rows_of(spool: Path, kind: str) -> list[dict[str, str]]:
    """Rows of all complete files of a kind."""
    rows = []
    for path in sorted(spool.glob(f"{kind}.*.csv")):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    return rows


def minutes_in(spool: Path) -> Counter:
    """The same as `minutes_of`, of the files of a spool; ports that are empty are 0."""
    defined = {(r["probe"], r["run"], r["flow"]): (r["src_addr"], r["dst_addr"], *(int(r[c] or 0) for c in (
        "protocol", "src_port", "dst_port"))) for r in rows_of(spool, "flow_definition")}
    found: Counter = Counter()
    for row in rows_of(spool, "netflow"):
        found[(*defined[row["probe"], row["run"], row["flow"]], int(row["start"].split(".")[0]) // 60)] += int(row["octets"])
    return +found


def totals(spool: Path) -> tuple[int, int, int]:
    """Octets, packets, records of all rows."""
    rows = rows_of(spool, "netflow")
    return tuple(sum(int(r[c]) for r in rows) for c in ("octets", "packets", "records"))


def made_capture(path: Path, seed: int = 7, minutes: int = 12) -> tuple[int, int]:
    """A capture of UDP and TCP, IPv4 and IPv6, over some minutes of the last hour: times of v5 are told as so long before the
    export, modulo 49 days. Gives (octets, packets) of IP."""
    began = int(time.time()) - 3600
    draw = random.Random(seed)
    pairs = [(draw.randrange(1, 6), draw.randrange(10, 14), draw.choice((6, 17)), draw.randrange(33000, 60000),
              draw.choice((53, 80, 443, 8080)), draw.random() < 0.4) for _ in range(40)]
    times = sorted(draw.randrange(minutes * 60_000_000) for _ in range(3000))
    packets, octets = [], 0
    for at in times:
        source, destination, protocol, port, service, v6 = draw.choice(pairs)
        if draw.random() < 0.5:
            source, destination, port, service = destination, source, service, port
        frame, length = _frame(source, destination, protocol, port, service, v6, draw.randrange(0, 1300))
        octets += length
        packets.append((began + at // 1_000_000, at % 1_000_000, frame, len(frame)))
    path.write_bytes(write_pcap(packets))
    return octets, len(packets)


def _frame(source: int, destination: int, protocol: int, port: int, service: int, v6: bool, size: int) -> tuple[bytes, int]:
    if protocol == 17:
        transport = struct.pack("!HHHH", port, service, 8 + size, 0) + bytes(size)
    else:
        transport = struct.pack("!HHIIBBHHH", port, service, 1, 1, 5 << 4, 0x10, 1000, 0, 0) + bytes(size)
    if v6:
        prefix = bytes.fromhex("20010db8000000000000000000000000")[:15]
        packet = struct.pack("!IHBB", 6 << 28, len(transport), protocol, 64) + prefix + bytes([source]) + prefix + bytes(
            [destination]) + transport
    else:
        packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(transport), 0, 0, 64, protocol, 0, bytes([10, 1, 0, source]),
                             bytes([10, 1, 0, destination])) + transport
    return b"\2" * 12 + (b"\x86\xdd" if v6 else b"\x08\0") + packet, len(packet)
