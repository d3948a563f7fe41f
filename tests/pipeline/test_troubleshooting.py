"""docs/troubleshooting.md: what programs say when they do not start is what the page lists, each provoked once."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trafmon.__main__ import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## A program does not start")[2].partition("\n## ")[0]
MESSAGES = re.findall(r"^\| `([^`]+)` \|", TABLE, re.MULTILINE)
RECORDING = f'<interface name="lan" capture="replay" pace="own"><file path="{ROOT}/tests/captures/demo/west.pcap"/></interface>'
LIMIT_S = 180  # kernels may have to be compiled


def trafmon(*arguments: str) -> int:
    return main(list(arguments))


class Site:
    """The smallest sample in a directory, at a recording, or at a device."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.at(RECORDING)

    def at(self, interface: str) -> None:
        text = (ROOT / "etc" / "xml" / "minimal.xml").read_text(encoding="utf-8")
        (self.directory / "tmon.xml").write_text(text.replace('<interface name="lan" device="eth0"/>', interface), encoding="utf-8")

    def command(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-m", *arguments], cwd=self.directory, stderr=subprocess.PIPE, text=True,
                                stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(ROOT)})

    def refused(self, *arguments: str, before: tuple[str, ...] = ()) -> str:
        """What a program says that is to end with exit status 2."""
        ended = subprocess.run([*before, sys.executable, "-m", *arguments], cwd=self.directory, stderr=subprocess.PIPE, text=True,
                               env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=LIMIT_S, check=False)
        assert ended.returncode == 2, ended.stderr
        return ended.stderr

    def make_key(self) -> Path:
        assert trafmon("keygen", "-c", str(self.directory / "tmon.xml")) == 0
        return self.directory / "keys" / "probe.key"


def nowhere(site: Site) -> str:
    return site.refused("tmon_probe", "-c", "nothing.xml")


def wrong(site: Site) -> str:
    site.at(RECORDING.replace('"own"', '"slow"'))
    return site.refused("tmon_collector", "-l")


def without_key(site: Site) -> str:
    return site.refused("tmon_probe", "-l")


def readable_key(site: Site) -> str:
    site.make_key().chmod(0o644)
    return site.refused("tmon_probe", "-l")


def without_device(site: Site) -> str:
    site.at('<interface name="lan" device="nosuch0"/>')
    site.make_key()
    return site.refused("tmon_probe", "-l")


def without_capability(site: Site) -> str:
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed")
    site.at('<interface name="lan" device="lo"/>')
    site.make_key()
    without = ("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw") if os.geteuid() == 0 else ()
    return site.refused("tmon_probe", "-l", before=without)


def port_in_use(site: Site) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return site.refused("tmon_collector", "-l", "--port", str(taken.getsockname()[1]))


def second_collector(site: Site) -> str:
    first = site.command("tmon_collector", "-l", "--port", "0")
    try:
        _wait(first, (site.directory / "spool" / ".collector.journal").exists)
        return site.refused("tmon_collector", "-l", "--port", "0")
    finally:
        _end(first)


def second_probe(site: Site) -> str:
    site.make_key()
    first = site.command("tmon_probe", "-l")
    try:
        _wait(first, lambda: trafmon("top", "--once", "--interval", "100ms", "-c", str(site.directory / "tmon.xml")) == 0)
        return site.refused("tmon_probe", "-l")
    finally:
        _end(first)


def _wait(program: subprocess.Popen, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert program.poll() is None, program.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.05)


def _end(program: subprocess.Popen) -> None:
    """The second signal ends a probe at once."""
    for _ in range(2):
        program.send_signal(signal.SIGTERM)
        try:
            program.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            continue
        return
    program.communicate(timeout=LIMIT_S)


PROVOKED: dict[str, Callable[[Site], str]] = {
    "cannot be read: No such file or directory": nowhere,
    "FILE:LINE: ...; expected ...": wrong,
    "there is none; make it with": without_key,
    "others than its owner may use it": readable_key,
    "does not exist": without_device,
    "capability CAP_NET_RAW is missing": without_capability,
    "in use, a collector (or another program) listens there already": port_in_use,
    "is running already": second_collector,
    "runs already on this host": second_probe,
}


def test_all_are_provoked():
    assert list(PROVOKED) == MESSAGES


@pytest.mark.parametrize("message", PROVOKED)
def test_message(tmp_path: Path, message: str):
    """Word by word, on standard error, with exit status 2 and without a traceback."""
    said = PROVOKED[message](Site(tmp_path))
    pattern = re.escape(message).replace(r"\.\.\.", ".+").replace("FILE", r"tmon\.xml").replace("LINE", r"\d+")
    assert re.search(pattern, said), said
    assert "Traceback" not in said
