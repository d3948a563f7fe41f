"""The two accounts of the database: one that loads, one that only reads. Their passwords are made here and stand in option files.

On MariaDB the server is told a hash, so no password is ever in a statement, and so in none of its logs.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tmon_common.config.store_model import Server
from tmon_store.backends.mysql_connection import Connection
from tmon_store.errors import StoreError
from tmon_store.mysql.option_file import credentials, groups_of

DATABASES = "trafMon%"
"""Which databases the accounts are for, as GRANT writes it."""
PASSWORD_OCTETS = 24
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_.:%/-]{1,255}", re.ASCII)


@dataclass(frozen=True)
class Account:
    """rights: as GRANT writes them; groups: of the option file, in which user and password stand."""

    name: str
    rights: str
    groups: tuple[str, ...]


LOADER = Account("tmon_db", "ALL PRIVILEGES", ("trafmon_loader",))
REPORTS = Account("tmon_birt", "SELECT, EXECUTE, SHOW VIEW", ("trafmon_reports", "client"))


def set_up(admin: Server, account: Account, host: str, file: Path, owner: str = "") -> bool:
    """Create the account if it is not there, give it its rights (and no others), and let the option file hold its password.

    A file that lets it in stays as it is; else a new password is made. Gives whether one was made. admin: an account that may
    create others. owner: the user whose file it shall be. StoreError says what is wrong.
    """
    if not _NAME.fullmatch(account.name):
        msg = f"{account.name!r}: not a name of an account: letters, digits and _, at most 32"
        raise StoreError(msg)
    if not _HOST.fullmatch(host):
        msg = f"{host!r}: not a name, address or pattern of a host"
        raise StoreError(msg)
    connection = Connection(admin)
    try:
        here = [account.name, host]
        there = connection.rows("SELECT count(*) FROM mysql.user WHERE user = %s AND host = %s", here) != [(0,)]
        fresh = not there or not _lets_in(admin, account, file)
        if fresh:
            _check_replaceable(file, account)
            password = secrets.token_urlsafe(PASSWORD_OCTETS)
            how = _identified(connection)
            secret = _native_hash(password) if "USING" in how else password
            _write(file, account, password, owner)  # first: were it the last, being stopped here would lose the password
            connection.rows(f"CREATE USER IF NOT EXISTS %s@%s {how}", [*here, secret])
            connection.rows(f"ALTER USER %s@%s {how}", [*here, secret])
        if not _has_rights(connection, account, host):
            connection.rows("REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s@%s", here)
            connection.rows(f'GRANT {account.rights} ON "{DATABASES}".* TO %s@%s', here)
    finally:
        connection.close()
    return fresh


def _has_rights(connection: Connection, account: Account, host: str) -> bool:
    """Those of the account, and no others; USAGE is none."""
    told = [text for (text,) in connection.rows("SHOW GRANTS FOR %s@%s", [account.name, host])]
    if any("WITH GRANT OPTION" in text for text in told):
        return False
    rights = [text for text in told if not text.startswith("GRANT USAGE ON *.* ")]
    return len(rights) == 1 and re.match(rf'GRANT {account.rights} ON [`"]{DATABASES}[`"]\.\* TO ', rights[0]) is not None


def _lets_in(admin: Server, account: Account, file: Path) -> bool:
    try:
        if credentials(file, account.groups[0]).user != account.name:
            return False
        Connection(replace(admin, option_file=file, group=account.groups[0])).close()
    except StoreError:
        return False
    return True


def _check_replaceable(file: Path, account: Account) -> None:
    if not file.exists():
        return
    others = sorted(set(groups_of(file)) - set(account.groups))
    if others:
        msg = (f"{file}: holds more than the account {account.name} ({', '.join(f'[{g}]' for g in others)}), so it is not written"
               " over: name another file")
        raise StoreError(msg)


def _write(file: Path, account: Account, password: str, owner: str) -> None:
    """As a whole, readable by its owner alone from its first moment."""
    text = "".join(f"[{group}]\nuser={account.name}\npassword={password}\n" for group in account.groups)
    part = file.with_name(f"{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(text)
            if owner:
                os.fchown(out.fileno(), pwd.getpwnam(owner).pw_uid, -1)
        part.rename(file)
    except KeyError:
        part.unlink(missing_ok=True)
        msg = f"{file}: there is no user {owner!r} to own it"
        raise StoreError(msg) from None
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        msg = f"{file}: cannot write user and password: {error.strerror}"
        raise StoreError(msg) from error


def _identified(connection: Connection) -> str:
    if connection.is_mariadb:
        return "IDENTIFIED VIA mysql_native_password USING %s"
    return "IDENTIFIED BY %s"


def _native_hash(password: str) -> str:
    """As mysql_native_password keeps it: SHA1(SHA1(password)). The password has 192 random bits."""
    first = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(first, usedforsecurity=False).hexdigest().upper()
