"""What was on at a device before probes came, in a file that outlives them; whoever leaves last puts it back.

A probe holds a shared lock on the device's file; locks go with processes, however those die. All that is done with files is
done with the directory locked, so no file is removed while another probe opens it. A file without a holder is that of probes
that were killed: what it says was on is still to be put back.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

DEFAULT = Path("/run/trafmon/offloads")
MAX_FILE_OCTETS = 65536
_SO_NETNS_COOKIE = 71  # asm-generic/socket.h, Linux 5.14


@dataclass
class Held:
    """A device's file and the shared lock on it. on: features to put back, as this probe knows them."""

    path: Path
    descriptor: int
    on: frozenset[str]


class Originals:
    """The files of one directory, for devices of the network namespace of the thread that makes this.

    OSError, naming what was tried, if there is no directory to write into.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = _directory(directory)
        # Kept open: neither its path nor our rights need be the same at the end.
        self._lock = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._namespace = _namespace_inode()
        self._here = [_boot(), _namespace_cookie()]

    def hold(self, index: int, device: str, on_now: Callable[[], frozenset[str]]) -> Held:
        """Before features of device number `index` are switched off: those that are on are to be put back, and what others left.

        on_now   gives the features that are on, at a time when nobody else puts any back
        """
        name = f"{self._namespace}-{index}.json"
        with self._alone():
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._lock)
            try:
                on = on_now() | self._read(descriptor)
                self._write(descriptor, device, on)
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # exclusive only while the directory is locked: no wait
            except OSError:
                os.close(descriptor)
                raise
        return Held(self.directory / name, descriptor, on)

    def renew(self, held: Held, device: str, on_now: Callable[[], frozenset[str]]) -> None:
        """More features are going to be switched off."""
        with self._alone():
            held.on |= on_now() | self._read(held.descriptor)
            self._write(held.descriptor, device, held.on)

    def leave(self, held: Held, put_back: Callable[[frozenset[str]], bool]) -> None:
        """Let go. If nobody else holds the device: `put_back` gets the features, and the file goes if that returns True."""
        with self._alone():
            try:
                fcntl.flock(held.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if put_back(held.on | self._read(held.descriptor)):
                    with suppress(OSError):  # what it says is true; that does no harm
                        os.unlink(held.path.name, dir_fd=self._lock)
            except BlockingIOError:  # the last to leave does it
                pass
            finally:
                fcntl.flock(held.descriptor, fcntl.LOCK_UN)  # a forked process has the descriptor too, and with it the lock
                os.close(held.descriptor)

    def close(self) -> None:
        os.close(self._lock)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _read(self, descriptor: int) -> frozenset[str]:
        """Nothing if the file was not written to its end (then nothing was changed either), or is about another device."""
        try:
            told = json.loads(os.pread(descriptor, MAX_FILE_OCTETS, 0))
            return frozenset(map(str, told["on"])) if told["here"] == self._here else frozenset()
        except (ValueError, TypeError, KeyError):
            return frozenset()

    def _write(self, descriptor: int, device: str, on: frozenset[str]) -> None:
        """At once, and over the whole of what is there: a kill leaves either the one or the other."""
        octets = json.dumps({"device": device, "on": sorted(on), "here": self._here}).encode()
        octets = octets.ljust(os.fstat(descriptor).st_size)
        if os.pwrite(descriptor, octets, 0) != len(octets):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _directory(wish: Path | None) -> Path:
    """Made if need be. All probes of a machine should find the same one, so the well-known one comes before those of a process."""
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]  # systemd's
    temporary = Path(tempfile.gettempdir(), f"trafmon-offloads-{os.geteuid()}")
    candidates = [wish] if wish else [DEFAULT, *([Path(runtime, "offloads")] if runtime else []), temporary]
    refused = []
    for candidate in candidates:
        try:
            candidate.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            candidate.mkdir(mode=0o700, exist_ok=True)
            _check(candidate)
        except OSError as error:
            refused.append(f"{candidate}: {error.strerror}")
        else:
            return candidate
    raise OSError("; ".join(refused))


def _check(directory: Path) -> None:
    """PermissionError if it is not ours to write, or somebody else may have put it there for us to write into."""
    found = directory.lstat()
    owners = {0, os.geteuid(), directory.parent.stat().st_uid}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners or found.st_mode & stat.S_IWOTH:
        raise PermissionError(0, "it belongs to somebody else")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(0, "Permission denied")


def _namespace_inode() -> int:
    try:
        return os.stat("/proc/thread-self/ns/net").st_ino  # noqa: PTH116 it is not a path to anything
    except OSError:
        return 0


def _namespace_cookie() -> int:
    """A number that no other network namespace of this boot ever has, unlike the inode; 0 before Linux 5.14."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket, suppress(OSError):
        return struct.unpack("=Q", any_socket.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8))[0]
    return 0


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
