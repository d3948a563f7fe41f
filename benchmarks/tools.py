"""The programs of others: where they come from, how they are run, their versions."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import RunError, best, run
from benchmarks.table import Line

_NFSTREAM = ("import sys, nfstream; print(sum(1 for _ in nfstream.NFStreamer(source=sys.argv[1], n_meters=1, n_dissections=0, "
             "statistical_analysis={})))")


@dataclass(frozen=True)
class Tool:
    """command(capture, directory, port): what is run; `port` is a UDP port of this machine where datagrams are swallowed.

    meter       it keeps flows, as trafMon does
    package     Debian's, or pip's where `python` is set; installed if it is missing and we are root
    """

    name: str
    package: str
    command: Callable[[Path, Path, int], list[str | Path]]
    meter: bool = True
    python: bool = False
    note: str = ""

    @property
    def installed(self) -> bool:
        if self.python:
            return importlib.util.find_spec(self.package) is not None
        return shutil.which(self.command(Path(), Path(), 0)[0]) is not None

    def version(self) -> str:
        """Of the package, or '' if its manager does not know it."""
        if self.python:
            return importlib.metadata.version(self.package)
        asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", self.package], capture_output=True, text=True, check=False)
        return asked.stdout.strip()


def _softflowd(capture: Path, directory: Path, *options: str) -> list[str | Path]:
    """With a control socket it would wait for commands at the end. It removes its pid file at the end: never name /dev/null."""
    files = ["-p", directory / "softflowd.pid", "-c", "none"]
    return ["softflowd", "-r", capture, "-m", "1000000", "-6", "-d", *files, *options]


TOOLS = (
    Tool("cat", "coreutils", lambda c, _d, _p: ["cat", c], meter=False, note="reading the file, nothing else"),
    Tool("tcpdump -w", "tcpdump", lambda c, _d, _p: ["tcpdump", "-r", c, "-w", "-"], meter=False, note="libpcap, no headers"),
    Tool("softflowd, no export", "softflowd", lambda c, d, _p: _softflowd(c, d), note="flows are kept, nobody gets them"),
    Tool("softflowd", "softflowd", lambda c, d, p: _softflowd(c, d, "-n", f"127.0.0.1:{p}", "-v", "9"), note="NetFlow 9 over UDP"),
    Tool("nfpcapd", "nfdump", lambda c, d, _p: ["nfpcapd", "-r", c, "-w", d], note="flow files on disk"),
    Tool("argus", "argus-server", lambda c, _d, _p: ["argus", "-X", "-r", c, "-w", "-"], note="flow records thrown away"),
    Tool("tcptrace", "tcptrace", lambda c, _d, _p: ["tcptrace", "-n", c], note="TCP only, a line a connection"),
    Tool("NFStream", "nfstream", lambda c, _d, _p: [sys.executable, "-c", _NFSTREAM.format(False), c], python=True,
         note="one meter, no dissection, no statistics; Python objects"),
)
ANALYSERS = (
    *(t for t in TOOLS if t.name in ("softflowd", "nfpcapd")),
    Tool("tcptrace -l -r", "tcptrace", lambda c, _d, _p: ["tcptrace", "-l", "-r", "-n", c], meter=False,
         note="TCP only: losses, windows, round trips"),
    Tool("NFStream, statistics", "nfstream", lambda c, _d, _p: [sys.executable, "-c", _NFSTREAM.format(True), c], meter=False,
         python=True, note="one meter, no dissection; Python objects"),
    Tool("tshark -z conv,tcp", "tshark", lambda c, _d, _p: ["tshark", "-n", "-q", "-z", "conv,tcp", "-r", c], meter=False,
         note="full dissection; a line a connection"),
)
"""Those that look deeper, and the two fastest that only count.

Nothing is written to a path outside `directory`: some of them run as root and remove or change what they are told to write."""


def measure_tool(tool: Tool, path: Path, empty: Path, work: Path, repeat: int) -> Line:
    """Best of `repeat` runs on the capture, and on the one without packets. If it is not installed or fails, the line says so."""
    if not tool.installed:
        return Line(tool.name, note="not installed")
    _say(tool.name)
    work.mkdir(parents=True, exist_ok=True)
    log = work / "messages"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        port = sink.getsockname()[1]
        with tempfile.TemporaryDirectory(dir=work) as directory:
            try:
                cost = best(repeat, lambda: run(tool.command(path, Path(directory), port), log))
            except RunError as error:
                return Line(tool.name, note=str(error)[:80])
            start = best(repeat, lambda: run(tool.command(empty, Path(directory), port), log, accepted=range(-64, 256)))
    return Line(tool.name, cost, start, tool.meter, tool.note)


def count(path: Path, expression: str) -> str:
    """Packets of a capture that a libpcap filter takes, by tcpdump."""
    try:
        asked = subprocess.run(["tcpdump", "--count", "-nr", path, expression], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "an unknown number"
    return f"{int(asked.stdout.split()[0]):,}"


def print_commands(tools: Iterable[Tool]) -> None:
    """Version and command of each that is there, a line each."""
    for tool in tools:
        if tool.installed:
            command = shlex.join(str(word) for word in tool.command(Path("CAPTURE"), Path("DIR"), 9))
            print(f"{tool.name:22} {tool.version():20} {command}".replace(sys.executable, "python"))


def install_missing(tools: Iterable[Tool]) -> None:
    """Install the packages that lack, when root; says what. What cannot be installed is left out of the table."""
    missing = [t for t in tools if not t.installed]
    if not missing or os.geteuid() != 0:
        return
    debian = sorted({t.package for t in missing if not t.python})
    python = sorted({t.package for t in missing if t.python})
    if debian:
        _say("installing Debian packages: " + " ".join(debian))
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *debian]):
            subprocess.run(command, env=environment, stdout=sys.stderr, check=False)
    if python:
        _say("installing with pip: " + " ".join(python))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *python]
        subprocess.run(command, stdout=sys.stderr, check=False)
        importlib.invalidate_caches()


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr)
