"""Recordings sent over a cable by tcpreplay, and what a capture source sees of them."""

from __future__ import annotations

import re
import select
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dpkt

from tests.linkemu import Namespace
from tests.linkemu.netns import inside
from tests.network.conftest import DEVICE
from tmon_common.config.model import Interface
from tmon_probe.father.capture.batch import Source
from tmon_probe.father.capture.open import open_source

WEST = Path(__file__).parents[1] / "captures" / "demo" / "west.pcap"
LIMIT_S = 30
_SENT = re.compile(r"Successful packets: +(\d+)")
_FAILED = re.compile(r"Failed packets: +(\d+)")


def open_in(host: Namespace, device: str = DEVICE, *, opener: Callable = open_source, **options) -> Source:
    """A source in a namespace (the list of `open_sources` with that opener)."""
    with inside(host.name):
        return opener(Interface("watched", device=device, **options))


def frames_of(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [octets for _, octets in dpkt.pcap.UniversalReader(file)]


@dataclass
class Seen:
    """Of one source. octets: captured of each frame, when they are kept."""

    octets: list[bytes] = field(default_factory=list)
    wire: list[int] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    packets: int = 0

    def add(self, batch, keep: bool = True) -> None:
        self.packets += batch.count
        if keep:
            used = slice(batch.count)
            self.octets += [batch.data[at : at + size].tobytes()
                            for at, size in zip(batch.offsets[used], batch.captured[used], strict=True)]
            self.wire += batch.wire[used].tolist()
            self.times_ns += batch.times_ns[used].tolist()


def read_until(sources: list[Source], enough: Callable[[list[Seen]], bool], *, keep: bool = True) -> list[Seen]:
    """What each has seen when it is enough. AssertionError after the limit."""
    seen = [Seen() for _ in sources]
    end = time.monotonic() + LIMIT_S
    while not enough(seen):
        came = False
        for source, part in zip(sources, seen, strict=True):
            while (batch := source.next_batch()) is not None:
                part.add(batch, keep)
                came = True
        if not came:
            assert time.monotonic() < end, f"not within {LIMIT_S} s; seen: {[p.packets for p in seen]}"
            select.select([s.fileno() for s in sources if s.fileno() >= 0], [], [], 0.05)
    return seen


def start_sending(host: Namespace, path: Path, *options: str) -> subprocess.Popen:
    return host.start(["tcpreplay", "-q", "-K", "-i", DEVICE, *options, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                      text=True)


def send_all(host: Namespace, frames: list[bytes], device: str = DEVICE) -> None:
    """Through one socket, one right after the other."""
    with inside(host.name):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with raw:
        raw.bind((device, 0))
        for frame in frames:
            raw.send(frame)


def sent_by(process: subprocess.Popen) -> int:
    """Packets that tcpreplay has sent, once it has ended. AssertionError if some were not."""
    told, complaints = process.communicate(timeout=LIMIT_S)
    assert 0 == process.returncode, complaints
    assert "0" == _FAILED.search(told)[1], complaints
    return int(_SENT.search(told)[1])
