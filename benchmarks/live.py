"""Receivers on a cable, one after the other, and what each packet that comes costs them.

Two network namespaces and a veth pair between them; tcpreplay at one end, on a CPU of its own where there are two. What the kernel
does when a packet is sent, up to its copy in the receiver's buffer, happens in the sender's time: it is the same for all receivers.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.lone_father import COMMAND, READY, ROOT, Work, done_of
from benchmarks.measure import LIMIT_S, RunError
from tests.linkemu import Namespace, Network, why_unavailable
from tmon_common.config.model import Interface

DEVICE = "eth0"
LONGEST_FRAME = 1514
BUFFER_OCTETS = 32 << 20
"""Of every receiver."""
SENDER_CPU, RECEIVER_CPU = 0, 1
QUIET_S = 1.25
"""libpcap hands the last packets over after a second."""
QUIET_NS = 15_000_000
"""A receiver that used no more CPU time in QUIET_S has nothing left to do."""
_CPU_CLOCK = 2  # CPUCLOCK_SCHED, include/linux/posix-timers.h: the clock of process p is ~p << 3 | 2


@dataclass(frozen=True)
class Heard:
    """cpu_ns: of the receiver, from before the first packet to after the last, without what it takes when nothing comes."""

    cpu_ns: float
    idle_ns_a_second: float
    sent: int
    seen: int
    dropped: int
    seconds: float


@dataclass(frozen=True)
class Receiver:
    """end: what it says at its end -> (packets seen, packets dropped). first_words: a line on `stream` with them: it listens."""

    name: str
    command: tuple[str, ...]
    end: Callable[[str], tuple[int, int]]
    first_words: str
    stream: str = "stderr"
    stdin: bytes = b""


def why_left_out() -> str | None:
    """Why this cannot be measured here; None if it can."""
    missing = [program for program in ("tcpreplay", "tcpdump") if shutil.which(program) is None]
    return why_unavailable() or (f"not installed: {', '.join(missing)}" if missing else None)


def father(capture: str, snaplen: int = 0) -> Receiver:
    """trafMon's; every packet is in its one class. snaplen: octets of a frame, 0 for as many as it is used to."""
    interface = Interface("live", device=DEVICE, capture=capture, buffer_octets=BUFFER_OCTETS)
    if snaplen:
        interface = replace(interface, snaplen=snaplen)
    name = f"trafMon father, {capture}" + (f", snaplen {snaplen}" if snaplen else "")
    return Receiver(name, COMMAND, _end_of_father, READY, "stdout", pickle.dumps(Work(interface, father_cpu=RECEIVER_CPU)))


def tcpdump(*options: str) -> Receiver:
    command = ("tcpdump", "-i", DEVICE, "-B", str(BUFFER_OCTETS >> 10), "-w", "/dev/null", *options)
    return Receiver(" ".join(("tcpdump -w /dev/null", *options)), command, _end_of_tcpdump, "listening on")


@contextmanager
def cable() -> Iterator[tuple[Namespace, Namespace]]:
    """(sender, watcher). Nothing else is on it."""
    with Network() as network:
        hosts = network.namespace("sender"), network.namespace("watcher")
        for host in hosts:
            for scope in ("all", "default"):
                host.sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
        network.veth((hosts[0], DEVICE), (hosts[1], DEVICE))
        yield hosts


def hear(hosts: tuple[Namespace, Namespace], receiver: Receiver, capture: Path, log: Path, *pace: str) -> Heard:
    """A receiver started, the capture sent with tcpreplay's options `pace`, the receiver ended. RunError if a program fails."""
    sender, watcher = hosts
    with log.open("wb") as messages:
        streams = {"stdout": messages, "stderr": messages, receiver.stream: subprocess.PIPE}
        process = watcher.start(receiver.command, stdin=subprocess.PIPE, cwd=ROOT, **streams)
    try:
        with process.stdin as stdin:
            stdin.write(receiver.stdin)
        told = getattr(process, receiver.stream)
        _wait_for(told, receiver, log)
        _put_on(process.pid, RECEIVER_CPU)
        idle = _until_quiet(process)
        used_ns, began = _cpu_ns(process), time.perf_counter()
        sent, sending_s = _send(sender, capture, pace)
        _until_quiet(process)
        cpu_ns = _cpu_ns(process) - used_ns - idle * (time.perf_counter() - began)
        process.send_signal(signal.SIGTERM)
        last_words = told.read().decode(errors="replace")
        if process.wait(LIMIT_S):
            raise RunError(f"{receiver.name}: exit status {process.returncode}: {last_words.strip()} {_last(log)}")
    finally:
        process.kill()
        process.wait()
    seen, dropped = receiver.end(last_words)
    return Heard(max(cpu_ns, 0.0), idle, sent, seen, dropped, sending_s)


def _wait_for(told, receiver: Receiver, log: Path) -> None:
    words = b""
    while receiver.first_words.encode() not in words:
        line = told.readline()
        if not line:
            raise RunError(f"{receiver.name} does not listen: {words.decode(errors='replace').strip()} {_last(log)}")
        words += line


def _send(sender: Namespace, capture: Path, pace: tuple[str, ...]) -> tuple[int, float]:
    """(packets, seconds). RunError if tcpreplay could not send all."""
    process = sender.start(["tcpreplay", "-q", "-K", "-i", DEVICE, *pace, str(capture)], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    _put_on(process.pid, SENDER_CPU)
    told, _ = process.communicate(timeout=LIMIT_S)
    sent, failed = (re.search(rf"{what} packets: +(\d+)", told) for what in ("Successful", "Failed"))
    seconds = re.search(r"packets \(\d+ bytes\) sent in ([0-9.]+) seconds", told)
    if process.returncode or not (sent and failed and seconds) or int(failed[1]):
        raise RunError(f"tcpreplay: {' / '.join(told.strip().splitlines()[-3:])}")
    return int(sent[1]), float(seconds[1])


def _put_on(pid: int, cpu: int) -> None:
    if (os.cpu_count() or 1) > max(SENDER_CPU, RECEIVER_CPU):
        os.sched_setaffinity(pid, {cpu})


def _cpu_ns(process: subprocess.Popen) -> int:
    """User and system time so far of that process alone (clock_getcpuclockid)."""
    return time.clock_gettime_ns(~process.pid << 3 | _CPU_CLOCK)


def _until_quiet(process: subprocess.Popen) -> float:
    """Wait until it has nothing to do. CPU ns a second that it uses then. RunError if that does not happen."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        before, began = _cpu_ns(process), time.perf_counter()
        time.sleep(QUIET_S)
        used = _cpu_ns(process) - before
        if used < QUIET_NS:
            return used / (time.perf_counter() - began)
    raise RunError(f"{process.args} is never idle")


def _end_of_father(words: str) -> tuple[int, int]:
    done = done_of(words)
    return done.seen, done.dropped


def _end_of_tcpdump(words: str) -> tuple[int, int]:
    counted = {what: int(number) for number, what in re.findall(r"(\d+) packets? (captured|dropped by kernel)", words)}
    return counted["captured"], counted["dropped by kernel"]


def _last(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:])
