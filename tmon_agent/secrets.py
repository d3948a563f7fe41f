"""The file of secrets: community strings and the passphrases of SNMPv3 users, which the configuration only names.

A line for each: `community NAME STRING` or `user NAME AUTHENTICATION-PASSPHRASE PRIVACY-PASSPHRASE`. A word with blanks stands in
quotes, as for a shell; `#` begins a comment.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tmon_common.config.monitoring_model import Monitoring
from tmon_common.private_file import NoPrivateFileError, PrivateFileError, read_private, write_private

MAX_FILE_OCTETS = 1 << 16
LEAST_PASSPHRASE_OCTETS = 8
"""RFC 3414 section 11.2."""
MAX_SECRET_OCTETS = 255
"""Of a community string (RFC 3584 section 5.3 leaves it open; managers take no longer ones) and of a passphrase."""
_NEW_OCTETS = 24
_WHAT = "file of secrets"
_MAKE = "`trafmon snmp-secrets -c CONFIGURATION`"
_HEAD = """\
# Secrets of SNMP: who has a community string may ask; who has the passphrases of a user, too, and in secret.
# They are needed at the managers as well. Made by `trafmon snmp-secrets`; they may be changed by hand.
"""


class SecretsError(PrivateFileError):
    """A file of secrets that cannot be used; the text says why and what to do, and nothing of the secrets."""


@dataclass(frozen=True)
class Passphrases:
    """Of a user. They do not show in messages or tracebacks."""

    auth: str = field(repr=False)
    priv: str = field(repr=False)


@dataclass(frozen=True)
class Secrets:
    """By name: community strings, and the passphrases of users."""

    communities: Mapping[str, str] = field(default_factory=dict, repr=False)
    users: Mapping[str, Passphrases] = field(default_factory=dict)


def read_secrets(path: Path) -> Secrets:
    """Of a file. SecretsError when it is missing, open to others than its owner, or not understood."""
    try:
        return _parse(path, read_private(path, _WHAT, MAX_FILE_OCTETS, _MAKE))
    except SecretsError:
        raise
    except PrivateFileError as error:
        raise SecretsError(str(error)) from None


def secrets_of(monitoring: Monitoring) -> Secrets:
    """Those that the configuration names, and no others. SecretsError if one is not there; without names no file is wanted."""
    if not (monitoring.users or monitoring.communities):
        return Secrets()
    there = read_secrets(monitoring.secrets)
    for what, name in _missing(monitoring, there):
        raise SecretsError(f'{_WHAT} {monitoring.secrets}: nothing of {what} "{name}", which the configuration declares; add it '
                           f"with {_MAKE}, or by hand")
    return Secrets({name: there.communities[name] for name in monitoring.communities},
                   {user.name: there.users[user.name] for user in monitoring.users})


def add_missing(monitoring: Monitoring) -> list[str]:
    """Make what the configuration names and the file has not; what is there stays as it is. What was made, as "user NAME".

    SecretsError if the file that is there cannot be used, or not be written.
    """
    text, there = _HEAD, Secrets()
    try:
        octets = read_private(monitoring.secrets, _WHAT, MAX_FILE_OCTETS, _MAKE)
        there, text = _parse(monitoring.secrets, octets), octets.decode()
    except NoPrivateFileError:
        pass
    except SecretsError:
        raise
    except PrivateFileError as error:
        raise SecretsError(str(error)) from None
    made = _missing(monitoring, there)
    if made:
        lines = [f"{what} {shlex.quote(name)} {' '.join(_new() for _ in range(_WORDS[what]))}\n" for what, name in made]
        try:
            write_private(monitoring.secrets, _WHAT, [text if text.endswith("\n") else text + "\n", *lines],
                          'choose a directory that this user may write, by secrets="..." of <monitoring>')
        except PrivateFileError as error:
            raise SecretsError(str(error)) from None
    return [f"{what} {name}" for what, name in made]


_WORDS = {"community": 1, "user": 2}
"""How many secrets a line of each kind has."""


def _missing(monitoring: Monitoring, there: Secrets) -> list[tuple[str, str]]:
    return [*(("community", name) for name in monitoring.communities if name not in there.communities),
            *(("user", user.name) for user in monitoring.users if user.name not in there.users)]


def _new() -> str:
    return secrets.token_urlsafe(_NEW_OCTETS)


def _parse(path: Path, octets: bytes) -> Secrets:
    found: dict[str, dict[str, list[str]]] = {what: {} for what in _WORDS}
    try:
        lines = octets.decode().splitlines()
    except UnicodeDecodeError:
        raise SecretsError(f"{_WHAT} {path}: no text in UTF-8; make it with {_MAKE}") from None
    for number, line in enumerate(lines, 1):
        where = f"{_WHAT} {path}:{number}"
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            raise SecretsError(f"{where}: a quotation mark has no end; put a word with quotation marks between others") from None
        if not words:
            continue
        if words[0] not in _WORDS or len(words) != 2 + _WORDS[words[0]]:
            raise SecretsError(f"{where}: expected `community NAME STRING` or `user NAME PASSPHRASE PASSPHRASE`; a word with "
                               "blanks stands in quotes")
        kind, name, *values = words
        if name in found[kind]:
            raise SecretsError(f'{where}: {kind} "{name}" is there already, further up; remove one of the two')
        least = LEAST_PASSPHRASE_OCTETS if kind == "user" else 1
        for value in values:
            if not least <= len(value.encode()) <= MAX_SECRET_OCTETS:
                raise SecretsError(f'{where}: {kind} "{name}": {"a passphrase" if kind == "user" else "the string"} of '
                                   f"{len(value.encode())} octets; expected {least} to {MAX_SECRET_OCTETS}")
        found[kind][name] = values
    return Secrets({name: string for name, (string,) in found["community"].items()},
                   {name: Passphrases(*both) for name, both in found["user"].items()})
