"""A MariaDB server of the tests' own: its socket, port and data directory are nobody else's, and it ends with them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tmon_common.config.store_model import Server, Store

START_LIMIT_S = 60.0
USER = "mysql"
"""Whom the server runs as if the tests are root's; made by Debian's package."""
ROOT_GROUP = "root_of_tests"
IN_MEMORY = "/dev/shm"
"""Where partitions are made a hundred times as fast as on a disk: each is a file that the server wants to be there for good."""
ENOUGH_OCTETS = 4 << 30


def enough_memory() -> bool:
    """Whether the databases of the tests can be there."""
    try:
        found = os.statvfs(IN_MEMORY)
    except OSError:
        return False
    return os.access(IN_MEMORY, os.W_OK) and found.f_bavail * found.f_frsize > ENOUGH_OCTETS


@dataclass(frozen=True)
class MariaDB:
    """A running server. root: how an administrator reaches it; options: the option file for it (more sections may be added)."""

    folder: Path
    port: int
    socket: Path
    options: Path
    pid: int

    @property
    def root(self) -> Server:
        return Server(socket=self.socket, option_file=self.options, group=ROOT_GROUP)

    def store(self, database: str = "", server: Server | None = None, **more: object) -> Store:
        """<store> of a database that does not exist yet (or the one named), as an administrator or as `server` says."""
        return Store("mysql", database or f"trafMon_{uuid.uuid4().hex[:12]}", server or self.root, **more)

    def sql(self, text: str, database: str = "") -> list[list[str]]:
        """What Debian's own client says, field by field, as an administrator."""
        done = subprocess.run(["mariadb", "--no-defaults", "-N", "-B", "-u", "root", "-S", self.socket,
                               *([database] if database else []), "-e", text],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]


@contextmanager
def running(folder: Path, *more: str) -> Iterator[MariaDB]:
    """A server with everything in `folder` (short enough for a socket), from here to the end of the block. more: its options."""
    assert shutil.which("mariadbd"), "the tests need mariadb-server; scripts/test installs it"
    data, own_socket, options = folder / "data", folder / "s", folder / "root.cnf"
    as_user = [f"--user={USER}"] if os.geteuid() == 0 else []
    folder.mkdir(parents=True, exist_ok=True)
    if as_user:
        shutil.chown(folder, USER)
        folder.chmod(0o755)
    subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", *as_user, "--skip-test-db",
                    "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    options.touch(0o600)
    options.write_text(f"[{ROOT_GROUP}]\nuser=root\npassword=\n", encoding="utf-8")
    port = _free_port()
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            ["mariadbd", "--no-defaults", f"--datadir={data}", *as_user, f"--socket={own_socket}", f"--port={port}",
             f"--tmpdir={folder}",  # a server that starts removes the temporary tables of all others from where it has its own
             "--bind-address=127.0.0.1", "--local-infile=1", f"--pid-file={folder / 'pid'}", "--innodb-buffer-pool-size=128M",
             "--innodb-flush-log-at-trx-commit=2", "--innodb-use-native-aio=0", "--skip-name-resolve", *more],
            stdout=log, stderr=log)
    try:
        _wait(server, own_socket, folder / "log")
        yield MariaDB(folder, port, own_socket, options, server.pid)
    finally:
        server.terminate()
        try:
            server.wait(START_LIMIT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen, where: Path, log: Path) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(where)) == 0:
                return
        assert server.poll() is None, log.read_text(errors="replace")
        time.sleep(0.05)
    raise AssertionError(log.read_text(errors="replace"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
