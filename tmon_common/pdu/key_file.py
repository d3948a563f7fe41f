"""Key files: one or two keys of a probe.

A key file has a line for each key: when it was made, and 32 octets in base64. The last line is the newest: the probe seals with it,
collectors accept every one. `#` begins a comment.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from contextlib import suppress
from pathlib import Path

from tmon_common.pdu.keys import KEY_OCTETS, MAX_KEYS, Key, Keys

MAX_FILE_OCTETS = 4096
_HEAD = "# Key of a trafMon probe: whoever has it can read and forge what the probe sends. Made by `trafmon keygen`.\n"


class KeyFileError(Exception):
    """A key file that cannot be used; the text says why and what to do, and nothing of the keys."""


def read_keys(path: Path) -> Keys:
    """Keys of a file. KeyFileError when it is missing, open to others than its owner, or holds anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            text = os.read(descriptor, MAX_FILE_OCTETS + 1) if stat.S_ISREG(status.st_mode) else b""
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise KeyFileError(f"key file {path}: there is none; make it with `trafmon keygen -c CONFIGURATION`, copy it to "
                           'probe and collectors; or say seal="crc" for this probe to go without') from None
    except OSError as error:
        raise KeyFileError(f"key file {path}: cannot be read ({error.strerror}); let user {os.geteuid()} own it") from None
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(f"key file {path}: no regular file; make one with `trafmon keygen`")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"key file {path}: others than its owner may use it (mode {stat.S_IMODE(status.st_mode):04o}); "
                           f"chmod 600 {path}, and make a new key if somebody may have read it")
    return _parse(path, text)


def write_keys(path: Path, keys: Keys) -> None:
    """Replaces the file, or makes it, for its owner alone; all or nothing. KeyFileError when that cannot be."""
    lines = [f"{key.made} {base64.b64encode(key.secret).decode()}\n" for key in keys]
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        owner = path.stat() if path.exists() else None
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.writelines([_HEAD, *lines])
                file.flush()
                if owner and (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
    except OSError as error:
        raise KeyFileError(f"key file {path}: cannot be written ({error.strerror}); choose a directory that this user may write, "
                           'by key="..." of the probe') from None


def _parse(path: Path, text: bytes) -> Keys:
    if len(text) > MAX_FILE_OCTETS:
        raise KeyFileError(f"key file {path}: longer than {MAX_FILE_OCTETS} octets; make it with `trafmon keygen`")
    keys = []
    for number, line in enumerate(text.split(b"\n"), 1):
        words = line.split(b"#")[0].split()
        if not words:
            continue
        try:
            secret = base64.b64decode(words[-1], validate=True)
        except binascii.Error:
            secret = b""
        if len(words) > 2 or len(secret) != KEY_OCTETS:
            raise KeyFileError(f"key file {path}:{number}: no key; expected when it was made and {KEY_OCTETS} octets in base64, as "
                               "`trafmon keygen` writes them")
        keys.append(Key(secret, words[0].decode("ascii", "replace") if len(words) == 2 else ""))
    if not 1 <= len(keys) <= MAX_KEYS:
        raise KeyFileError(f"key file {path}: {len(keys) or 'no'} keys; expected one, or two while they are exchanged")
    if len({key.id for key in keys}) < len(keys):
        raise KeyFileError(f"key file {path}: both keys have the same id; make another: trafmon keygen --retire, then --rotate")
    return tuple(keys)
