"""Small files that only their owner may read or write: keys of probes, secrets of SNMP."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class PrivateFileError(Exception):
    """A file that cannot be used; the text says why and what to do, and nothing of what the file holds."""


class NoPrivateFileError(PrivateFileError):
    """There is no file of this name."""


def read_private(path: Path, what: str, limit: int, make: str) -> bytes:
    """Its octets. PrivateFileError when it is missing, open to others than its owner, longer than `limit`, or no file at all.

    what    it is, for messages; make: the command that makes one
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            text = os.read(descriptor, limit + 1) if stat.S_ISREG(status.st_mode) else b""
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise NoPrivateFileError(f"{what} {path}: there is none; make it with {make}") from None
    except OSError as error:
        raise PrivateFileError(f"{what} {path}: cannot be read ({error.strerror}); let user {os.geteuid()} own it") from None
    if not stat.S_ISREG(status.st_mode):
        raise PrivateFileError(f"{what} {path}: no regular file; make one with {make}")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PrivateFileError(f"{what} {path}: others than its owner may use it (mode {stat.S_IMODE(status.st_mode):04o}); "
                               f"chmod 600 {path}, and make a new one if somebody may have read it")
    if len(text) > limit:
        raise PrivateFileError(f"{what} {path}: longer than {limit} octets; make it with {make}")
    return text


def write_private(path: Path, what: str, lines: Iterable[str], otherwise: str) -> None:
    """Replaces the file, or makes it, for its owner alone; all or nothing. PrivateFileError when that cannot be.

    otherwise   how to choose another place, for the message
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        owner = path.stat() if path.exists() else None
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                if owner and (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
    except OSError as error:
        raise PrivateFileError(f"{what} {path}: cannot be written ({error.strerror}); {otherwise}") from None
