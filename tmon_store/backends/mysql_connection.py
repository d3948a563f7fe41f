"""A connection to a MySQL or MariaDB server: how it is made, what its errors mean, and rows sent to it in bulk.

LOAD DATA LOCAL INFILE names a file, and a server may answer any statement by asking for any file. This connection has no file
to give, only the rows that the caller passes with that statement: `load`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import mysql.connector
from mysql.connector.connection import MySQLConnection
from mysql.connector.constants import ClientFlag

from tmon_common.config.store_model import Server
from tmon_store.errors import StoreConflictError, StoreError, StoreLockedError
from tmon_store.mysql.option_file import credentials

SQL_MODE = "ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO"
CONNECT_TIMEOUT_S = 10
LOCK_WAIT_S = 50
"""How long a statement waits for rows, or for a table that a question holds, before it gives up."""
IDLE_S = 3600
"""How long a server waits for the next statement or rows, which are read from files meanwhile; after that we are dead to it, and
another loader may work."""
TEMPORARY_OCTETS = 256 << 20
"""Of a temporary table in memory; larger ones, of a few questions over long times, go to the server's disk."""
PACKET_OCTETS = 1 << 20
"""Of rows sent at once, or half of the server's max_allowed_packet if that is less: it hangs up on a longer packet."""
DEBIAN_SOCKET = Path("/run/mysqld/mysqld.sock")

_SESSION = (f"SET SESSION sql_mode = '{SQL_MODE}', time_zone = '+00:00', lock_wait_timeout = {LOCK_WAIT_S},"
            f" innodb_lock_wait_timeout = {LOCK_WAIT_S}, div_precision_increment = 15, group_concat_max_len = 1000000,"
            f" tmp_table_size = {TEMPORARY_OCTETS}, max_heap_table_size = {TEMPORARY_OCTETS},"
            f" wait_timeout = {IDLE_S}, net_read_timeout = {IDLE_S}, max_error_count = 64")
_HASH_JOINS = "SET SESSION join_buffer_size = 67108864, join_buffer_space_limit = 268435456"
_HASHED, _LOOKED_UP = "join_cache_level = 4", "join_cache_level = 2"
"""As it comes, MariaDB looks up the flow of each row in an index: questions take up to four times as long. MySQL chooses itself."""

_LOST = (2006, 2013, 2055, 1053, 1927)
_LOCAL_INFILE = (1148, 3948, 3950, 4166)
_HINTS = {
    1044: "the account has no right to this database: is it the right one? scripts/trafmon_mysql.py setup gives each its own",
    1142: "the account has no right to this: is it the right one? scripts/trafmon_mysql.py setup gives each its own",
    1143: "the account has no right to this: is it the right one? scripts/trafmon_mysql.py setup gives each its own",
    1370: "the account has no right to this: is it the right one? scripts/trafmon_mysql.py setup gives each its own",
    1040: "the next run will do",
    1114: "its disk is full",
    1021: "its disk is full",
    1290: "the server is told to be read-only",
    1836: "the server is told to be read-only",
}


class _Connection(MySQLConnection):
    """Gives the server rows where it asks for a file."""

    offered: Iterable[bytes] | None = None
    packet_octets = PACKET_OCTETS

    def _handle_load_data_infile(self, filename: str, *_timeouts: Any) -> Any:
        rows, self.offered = self.offered, None
        if rows is None:
            self._socket.send(b"")
            self._socket.recv()
            msg = f"the server asked for the file {filename}, which nobody has offered"
            raise mysql.connector.errors.InterfaceError(msg)
        try:
            for piece in rows:
                for at in range(0, len(piece), self.packet_octets):
                    self._socket.send(piece[at : at + self.packet_octets])
        finally:  # whatever went wrong, the server waits for the end of the file
            self._socket.send(b"")
            answer = self._socket.recv()
        return self._handle_ok(answer)


class Connection:
    """An open connection. Every error of the server is a StoreError that says whose, why and what to do.

    name: what messages call it; given once a database is chosen.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._socket = _socket(server)
        self.name = str(self._socket or f"{server.host}:{server.port}")
        account = credentials(server.option_file, server.group)
        self._user = account.user
        where: dict[str, Any] = ({"unix_socket": str(self._socket)} if self._socket
                                 else {"host": server.host, "port": server.port} | account.tls)
        with self._telling():
            self._connection = _Connection(
                user=account.user, password=account.password, charset="utf8mb4", use_unicode=True, autocommit=True,
                connection_timeout=CONNECT_TIMEOUT_S, allow_local_infile=True,
                client_flags=[-ClientFlag.MULTI_STATEMENTS], **where)  # text that slips into a statement makes no second one
        self.rows(_SESSION)
        version, packet = self.rows("SELECT version(), @@max_allowed_packet")[0]
        self._connection.packet_octets = min(PACKET_OCTETS, packet // 2)
        self.is_mariadb = "MariaDB" in str(version)
        if self.is_mariadb:
            self.rows(f"{_HASH_JOINS}, {_HASHED}")
        self.collation = "utf8mb4_nopad_bin" if self.is_mariadb else "utf8mb4_0900_bin"
        self.rows(f"SET NAMES utf8mb4 COLLATE {self.collation}")

    def rows(self, text: str, values: Iterable[Any] = ()) -> list[tuple]:
        """Rows of a statement; none if it has no result. Values stand where %s stands."""
        with self._telling(), self._connection.cursor() as cursor:
            cursor.execute(text, tuple(values) or None)
            return list(cursor.fetchall()) if cursor.with_rows else []

    def change(self, text: str, values: Iterable[Any] = ()) -> int:
        """Rows that a statement has touched."""
        with self._telling(), self._connection.cursor() as cursor:
            cursor.execute(text, tuple(values) or None)
            return cursor.rowcount

    def load(self, statement: str, pieces: Iterable[bytes]) -> int:
        """LOAD DATA LOCAL INFILE with these octets as the file; gives the number of rows.

        Without a file of its own to read again, the server turns what is wrong into warnings: they are errors here.
        """
        with self._telling():
            self._connection.offered = pieces
            try:
                done = self._connection.cmd_query(statement)
            finally:
                self._connection.offered = None
            if done["warning_count"]:
                level, number, text = self.rows("SHOW WARNINGS LIMIT 1")[0]
                msg = f"{self.name}: {done['warning_count']} row(s) were not taken as they are: {level} {number}: {text}"
                raise StoreError(msg)
            return done["affected_rows"]

    @contextmanager
    def looking_up(self) -> Iterator[None]:
        """Joins look up by an index what rows refer to, and do not read all of the other table: few rows, large tables."""
        if self.is_mariadb:
            self.rows(f"SET SESSION {_LOOKED_UP}")
        yield
        if self.is_mariadb:
            self.rows(f"SET SESSION {_HASHED}")

    def begin(self) -> None:
        self.rows("START TRANSACTION")

    def commit(self) -> None:
        self.rows("COMMIT")

    def rollback(self) -> None:
        self.rows("ROLLBACK")

    def close(self) -> None:
        with suppress(mysql.connector.Error, OSError):
            self._connection.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except mysql.connector.Error as error:
            raise self._told(error) from error
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error
        except AttributeError as error:  # a connection that is closed already has no socket
            if "_socket" not in str(error) and "NoneType" not in str(error):
                raise
            raise self._lost("it is closed") from error

    def _told(self, error: mysql.connector.Error) -> StoreError:
        number, reason = error.errno, " ".join(str(error.msg or error).split())
        if number in (2002, 2003, 2005):
            return StoreError(f"{self.name}: no MySQL server answers there ({reason}): is it running, and is <server> right?")
        if number in (1045, 1698):
            return StoreError(f"{self.name}: the server does not let {self._user!r} in ({reason}):"
                              f" see [{self._server.group}] in {self._server.option_file}")
        if number == 1049:
            return StoreError(f"{self.name}: there is no such database yet: the loader creates it with the first observations")
        if number in _LOCAL_INFILE:
            return StoreError(f"{self.name}: the server refuses LOAD DATA LOCAL, by which rows are loaded ({reason}):"
                              " set local_infile=ON in its configuration")
        if number in _LOST or reason.endswith("Connection not available"):
            return self._lost(reason)
        if number == 1213:
            return StoreConflictError(f"{self.name}: the transaction met another one and was undone: {reason}")
        if number == 1205:
            return StoreLockedError(f"{self.name}: another program holds rows or a table for more than {LOCK_WAIT_S} s: {reason}")
        hint = f": {_HINTS[number]}" if number in _HINTS else ""
        return StoreError(f"{self.name}: {reason} (error {number}){hint}")

    def _lost(self, reason: str) -> StoreError:
        return StoreError(f"{self.name}: the connection is lost ({reason}); what was under way is undone, the next run goes on")


def _socket(server: Server) -> Path | None:
    """localhost means the local socket where there is one, as for MySQL's own programs."""
    if server.socket or server.host != "localhost" or server.port != Server().port or not DEBIAN_SOCKET.exists():
        return server.socket
    return DEBIAN_SOCKET
