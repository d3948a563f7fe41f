"""A host of its own with systemd as its first process, made of the files of this machine: what it changes is gone with it.

Its root is an overlay over this machine's, changes in memory; systemd-nspawn boots it in less than a second.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.pipeline.probe_process import until

BOOT_LIMIT_S, COMMAND_LIMIT_S = 60, 300
PATH = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOTED = ("running", "degraded")
ROOM = "4G"
"""Of memory, at most, for what the host changes."""
_PREPARE = """
set -e
mount -t tmpfs -o size="$ROOM" none "$WORK"
mkdir "$WORK/upper" "$WORK/work" "$WORK/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$WORK/upper",workdir="$WORK/work" "$WORK/root"
cd "$WORK/root"
: > etc/machine-id                        # a host that has never booted
rm -rf etc/systemd/system/*.wants usr/sbin/policy-rc.d
ln -sf /lib/systemd/system/basic.target etc/systemd/system/default.target
"""
_BOOT = _PREPARE + """
exec systemd-nspawn --quiet --directory "$WORK/root" --register=no --keep-unit --console=pipe "$@" --boot
"""


def why_unavailable() -> str:
    """Why no such host can be made here; "" if it can."""
    if os.geteuid() != 0:
        return "a host of its own needs root"
    missing = [p for p in ("systemd-nspawn", "unshare", "nsenter") if shutil.which(p) is None]
    if missing:
        return f"{missing[0]} is missing (Debian: systemd-container, util-linux)"
    with tempfile.TemporaryDirectory() as work:
        done = subprocess.run(["unshare", "--mount", "bash", "-c", _PREPARE], env=os.environ | {"WORK": work, "ROOM": "8M"},
                              capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False)
    return f"no overlay can be mounted: {done.stderr.strip()}" if done.returncode else ""


class Host:
    """Booted until the end of the `with`.

    readable   directories of this machine that it sees where they are, read-only; others too, but for those in /tmp
    network    it has that of this machine; else one of its own, which has loopback only
    """

    def __init__(self, readable: Iterable[Path] = (), *, network: bool = False) -> None:
        self._work = tempfile.mkdtemp(prefix="trafmon-host-")
        self._told = Path(self._work + ".messages")
        options = [*(f"--bind-ro={path}" for path in readable), *([] if network else ["--private-network"])]
        environment = os.environ | {"WORK": self._work, "ROOM": ROOM, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with self._told.open("wb") as told:
            self._nspawn = subprocess.Popen(["unshare", "--mount", "bash", "-c", _BOOT, "boot", *options], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.STDOUT)
        self.first = 0
        """Process id, on this machine, of its systemd."""

    def __enter__(self) -> Self:
        try:
            until(self._booted, "the host boots", BOOT_LIMIT_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.first:
            with suppress(ProcessLookupError):
                os.kill(self.first, signal.SIGKILL)  # and with it all that it has started
        else:
            self._nspawn.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._nspawn.wait(BOOT_LIMIT_S)
        self._nspawn.kill()
        self._told.unlink()
        with suppress(OSError):
            Path(self._work).rmdir()

    def run(self, *command: str, check: bool = True, user: str = "", text: str = "", limit_s: float = COMMAND_LIMIT_S,
            **environment: str) -> subprocess.CompletedProcess[str]:
        """On the host, by root or another user, with `text` as its input."""
        become = ["runuser", "-u", user, "--"] if user else []
        set_up = [f"{name}={value}" for name, value in environment.items()]
        entered = ["nsenter", "--target", str(self.first), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root",
                   "--wdns=/", "env", "-i", PATH, "LANG=C.UTF-8", *set_up]
        done = subprocess.run([*entered, *become, *command], capture_output=True, text=True, timeout=limit_s, check=False,
                              input=text)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def shell(self, script: str, **options) -> str:
        """What a line of sh prints."""
        return self.run("sh", "-c", script, **options).stdout.strip()

    def show(self, unit: str, what: str) -> str:
        """A property of a unit (systemctl(1))."""
        return self.run("systemctl", "show", "--property", what, "--value", unit).stdout.strip()

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout

    def _booted(self) -> bool:
        assert self._nspawn.poll() is None, f"systemd-nspawn ended: {self._told.read_text()}"
        if not self.first:
            self.first = next((p for p in _children(self._nspawn.pid) if _first_of_namespace(p)), 0)
        return bool(self.first) and self.run("systemctl", "is-system-running", check=False).stdout.strip() in BOOTED


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _first_of_namespace(pid: int) -> bool:
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        return any(line.split()[2:] == ["1"] for line in status.splitlines() if line.startswith("NSpid:"))
    return False
