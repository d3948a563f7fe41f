"""A MariaDB server for a measurement: data, socket and port its own, ended with it."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUFFER_POOL = "2G"
"""Memory for pages; what a small database machine would give. All else as it comes, so every commit is on the disk."""
LIMIT_S = 60.0


@dataclass(frozen=True)
class Server:
    """socket: root of the system gets in without a password. data: where the tables lie, a folder per database."""

    socket: Path
    data: Path
    pid: int

    def cpu_s(self) -> float:
        """CPU time that it has taken so far, seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def do(self, sql: str) -> None:
        """Statements by Debian's own client, as root. CalledProcessError if one fails."""
        subprocess.run(["mariadb", "--no-defaults", "--local-infile=1", "--user=root", f"--socket={self.socket}", "-e", sql],
                       check=True)

    def octets(self, database: str) -> int:
        """What the tables of a database take on the disk."""
        return sum(f.stat().st_blocks * 512 for f in (self.data / database).iterdir())


@contextmanager
def server(directory: Path, *options: str) -> Iterator[Server]:
    """A running server whose data lie in `directory`, made if there are none. RuntimeError if it does not start."""
    directory.mkdir(parents=True, exist_ok=True)
    user = pwd.getpwuid(os.geteuid()).pw_name
    data, socket, log = directory / "data", directory / "socket", directory / "log"
    if not data.exists():
        subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", f"--user={user}", "--skip-test-db",
                        "--auth-root-authentication-method=socket"], check=True, stdout=subprocess.DEVNULL)
    temporary = directory / "temporary"  # a server that starts removes temporary tables in its directory, those of others, too
    temporary.mkdir(exist_ok=True)
    command = ["mariadbd", "--no-defaults", f"--user={user}", f"--datadir={data}", f"--socket={socket}", f"--log-error={log}",
               f"--tmpdir={temporary}",
               "--skip-networking", "--local-infile=1", f"--innodb-buffer-pool-size={BUFFER_POOL}", "--innodb-log-file-size=512M",
               f"--pid-file={directory / 'pid'}", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + LIMIT_S
        ping = ["mariadb-admin", "--no-defaults", f"--socket={socket}", "ping"]
        while subprocess.run(ping, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"mariadbd does not start: see {log}")
            time.sleep(0.1)
        yield Server(socket, data, process.pid)
    finally:
        process.terminate()
        process.wait()
