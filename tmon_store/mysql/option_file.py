"""User and password from a group of an option file, as MySQL's own programs keep them; nowhere else are they taken from.

[MariaDB, Configuring with option files: groups, quotes, comments, escapes in values.]
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from tmon_store.errors import StoreError

MAX_OCTETS = 1 << 20
"""Length of an option file that is read at most."""

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "s": " ", "\\": "\\", '"': '"', "'": "'"}
_TLS = {"ssl_ca": "ssl_ca", "ssl_cert": "ssl_cert", "ssl_key": "ssl_key"}


@dataclass(frozen=True)
class Credentials:
    """Who connects. tls: arguments of the connection, for a server with certificates. The password is not shown."""

    user: str
    password: str = field(repr=False)
    tls: dict[str, str | bool] = field(default_factory=dict, repr=False)


def credentials(path: Path, group: str) -> Credentials:
    """Those of a group. StoreError if the file is readable by others than its owner, or has no such group or user in it."""
    path = path.expanduser()
    options = _options(path, _text(path))
    if group not in options:
        have = ", ".join(f"[{name}]" for name in options) or "none"
        msg = f"{path}: no group [{group}] with user and password in it (there is {have})"
        raise StoreError(msg)
    values = options[group]
    if not values.get("user"):
        msg = f"{path}: no user in [{group}]"
        raise StoreError(msg)
    tls: dict[str, str | bool] = {_TLS[name]: value for name, value in values.items() if name in _TLS and value}
    if "ssl_verify_server_cert" in values and values["ssl_verify_server_cert"].lower() not in {"0", "off", "false"}:
        tls |= {"ssl_verify_cert": True, "ssl_verify_identity": True}
    return Credentials(values["user"], values.get("password", ""), tls)


def groups_of(path: Path) -> list[str]:
    """Names of its groups. StoreError as above."""
    return list(_options(path, _text(path)))


def _text(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                msg = f"{path}: not a file"
                raise StoreError(msg)
            if found.st_mode & 0o077:
                msg = (f"{path}: a password stands in it, and others than its owner can read or change it"
                       f" (mode {stat.S_IMODE(found.st_mode):04o}): chmod 600 {path}")
                raise StoreError(msg)
            return file.read(MAX_OCTETS).decode()
    except OSError as error:
        msg = f"{path}: cannot read user and password: {error.strerror}"
        raise StoreError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path}: not UTF-8"
        raise StoreError(msg) from error


def _options(path: Path, text: str) -> dict[str, dict[str, str]]:
    """Group -> option (with _ for -) -> value. What stands before the first group is nobody's."""
    groups: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line[0] in "#;!":
            continue
        if line[0] == "[":
            if not (match := re.match(r"\[([^\]]*)\]", line)):
                msg = f"{path}:{number}: a group without ]"
                raise StoreError(msg)
            current = groups.setdefault(match[1].strip(), {})
            continue
        name, _, value = line.partition("=")
        current[name.strip().replace("-", "_")] = _value(value.strip())
    return groups


def _value(text: str) -> str:
    if text[:1] in ("'", '"') and (end := text.find(text[0], 1)) > 0 and text[end + 1 :].strip()[:1] in ("", "#"):
        text = text[1:end]
    else:
        text = re.split(r"(?<!\\)#", text, maxsplit=1)[0].strip()
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), text)
