"""`trafmon top` beside a real probe: once, as JSON, and live in a terminal."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

from tests.pipeline.probe_process import LIMIT_S, ROOT, Probe, configure, recording, until

PACKETS, FLOWS = 1000, 5
INTERFACE = '<interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>'
COMMAND = [sys.executable, "-m", "trafmon", "top", "--interval", "100ms"]


@pytest.fixture
def probe(tmp_path):
    """It has read a thousand packets and waits for the next, an hour later; its collector does not exist."""
    recording(tmp_path / "waiting.pcap", PACKETS, FLOWS)
    with Probe(tmp_path, configure(tmp_path, INTERFACE)) as probe:
        probe.until_capturing()
        until(lambda: probe.numbers()["flows"] == FLOWS, "all packets of the first instant are measured")
        yield probe


def top(directory, *arguments):
    return subprocess.run([*COMMAND, "-c", "tmon.xml", *arguments], cwd=directory, env=os.environ | {"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=LIMIT_S, check=False)


def test_once_and_json(probe, tmp_path):
    """The figures are those of the probe; when it has ended, there is none."""
    page = top(tmp_path, "--once")
    assert (page.returncode, page.stderr) == (0, "")
    assert page.stdout.startswith("probe  on ")
    assert f"total {PACKETS:,}" in page.stdout
    assert "lan" in page.stdout
    [found] = json.loads(top(tmp_path, "--json", "probe").stdout)["probes"]
    assert (found["packets"], found["flows"], found["pid"], found["ended"]) == (PACKETS, FLOWS, probe.process.pid, False)
    assert found["configuration"] == str(tmp_path / "tmon.xml")
    probe.process.kill()
    until(lambda: not probe.relatives(), "none of its processes lives")
    after = top(tmp_path, "--once")
    assert (after.returncode, after.stdout) == (1, "")
    assert after.stderr.startswith("trafmon top: no probe or collector runs with ")


class Terminal:
    """A program in a terminal of its own; `text` is what it has written so far."""

    def __init__(self, directory, columns=80, lines=30):
        self.control, end = pty.openpty()
        termios.tcsetwinsize(end, (lines, columns))
        self.before = termios.tcgetattr(end)
        self._end = end
        self.process = subprocess.Popen([*COMMAND, "-c", "tmon.xml"], cwd=directory, stdin=end, stdout=end, stderr=end,
                                        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}, start_new_session=True)
        self.text = ""

    def until(self, part, after=0):
        """Written, behind the first `after` characters."""
        limit = time.monotonic() + LIMIT_S
        while part not in self.text[after:]:
            assert time.monotonic() < limit, self.text
            self.take(0.1)

    def take(self, seconds):
        if select.select([self.control], [], [], seconds)[0]:
            self.text += os.read(self.control, 65536).decode(errors="replace")

    def settled(self):
        """Its exit status; the terminal is as it was, with the main screen and the cursor."""
        until(lambda: self.take(0) or self.process.poll() is not None, "top ends")
        while select.select([self.control], [], [], 0)[0]:
            self.take(0)
        assert termios.tcgetattr(self._end) == self.before
        assert self.text.rindex("\x1b[?1049l") > self.text.rindex("\x1b[?1049h")
        assert self.text.rindex("\x1b[?25h") > self.text.rindex("\x1b[?25l")
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.control)
        os.close(self._end)


@pytest.fixture
def terminal(probe, tmp_path):
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


@pytest.mark.parametrize("way", ["q", "SIGINT", "SIGTERM"])
def test_live(terminal, way):
    """The page is there, again and again; however it ends, the terminal is left as it was."""
    terminal.until(f"total {PACKETS:,}")
    terminal.until("q: quit", after=len(terminal.text))
    if way == "q":
        os.write(terminal.control, b"xyq")
    else:
        os.kill(terminal.process.pid, getattr(signal, way))
    assert terminal.settled() == 0
    assert "Traceback" not in terminal.text


def test_a_probe_that_ends_is_shown_as_ended(terminal, probe):
    """With its totals, until one quits."""
    terminal.until(f"total {PACKETS:,}")
    assert "ended" not in terminal.text
    os.killpg(probe.process.pid, signal.SIGKILL)
    terminal.until("ended")
    terminal.until(f"total {PACKETS:,}", after=terminal.text.index("ended"))
    os.write(terminal.control, b"q")
    assert terminal.settled() == 0
