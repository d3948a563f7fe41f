"""Key files: one or two keys of a probe.

A key file has a line for each key: when it was made, and 32 octets in base64. The last line is the newest: the probe seals with it,
collectors accept every one. `#` begins a comment.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from tmon_common.pdu.keys import KEY_OCTETS, MAX_KEYS, Key, Keys
from tmon_common.private_file import NoPrivateFileError, PrivateFileError, read_private, write_private

MAX_FILE_OCTETS = 4096
_HEAD = "# Key of a trafMon probe: whoever has it can read and forge what the probe sends. Made by `trafmon keygen`.\n"
_MAKE = "`trafmon keygen -c CONFIGURATION`"
_WITHOUT = 'copy it to probe and collectors; or say seal="crc" for this probe to go without'


class KeyFileError(PrivateFileError):
    """A key file that cannot be used; the text says why and what to do, and nothing of the keys."""


def read_keys(path: Path) -> Keys:
    """Keys of a file. KeyFileError when it is missing, open to others than its owner, or holds anything else."""
    try:
        text = read_private(path, "key file", MAX_FILE_OCTETS, _MAKE)
    except NoPrivateFileError as error:
        raise KeyFileError(f"{error}, {_WITHOUT}") from None
    except PrivateFileError as error:
        raise KeyFileError(str(error)) from None
    return _parse(path, text)


def write_keys(path: Path, keys: Keys) -> None:
    """Replaces the file, or makes it, for its owner alone; all or nothing. KeyFileError when that cannot be."""
    lines = [f"{key.made} {base64.b64encode(key.secret).decode()}\n" for key in keys]
    try:
        write_private(path, "key file", [_HEAD, *lines], 'choose a directory that this user may write, by key="..." of the probe')
    except PrivateFileError as error:
        raise KeyFileError(str(error)) from None


def _parse(path: Path, text: bytes) -> Keys:
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
