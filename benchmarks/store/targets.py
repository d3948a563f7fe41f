"""Databases to load into: through the loader, and as fast as the engine itself takes the same files into one plain table."""

from __future__ import annotations

import resource
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Cost, cpu_of
from benchmarks.store.mariadb_server import Server, server
from tmon_common.config.store_model import Server as Reached
from tmon_common.config.store_model import Store
from tmon_common.observations import Kind, Type

GROUP = "benchmark"


class Target(ABC):
    """An engine. store: of a database that does not exist yet, when `fresh` was called."""

    name: str
    store: Store

    @abstractmethod
    def fresh(self) -> None:
        """Forget the database."""

    def cost(self) -> Cost:
        """CPU seconds so far, of this process, what it has started and the server; the clock."""
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return Cost(sum(map(cpu_of, usage)) + self._server_s(), time.perf_counter())

    def _server_s(self) -> float:
        return 0.0

    @abstractmethod
    def octets(self) -> int:
        """What the database takes on the disk."""

    @abstractmethod
    def raw(self, kind: Kind, files: Sequence[Path]) -> Cost:
        """What the engine takes for the rows of the files, one after the other, into an empty table without a key,
        until all are on the disk."""


class DuckDB(Target):
    name = "DuckDB"

    def __init__(self, directory: Path) -> None:
        self._path, self._raw = directory / "months.duckdb", directory / "raw.duckdb"
        self.store = Store("duckdb", self._path)

    def fresh(self) -> None:
        for path in (self._path, self._path.with_suffix(".duckdb.wal")):
            path.unlink(missing_ok=True)

    def octets(self) -> int:
        return self._path.stat().st_size

    def raw(self, kind: Kind, files: Sequence[Path]) -> Cost:
        import duckdb

        types = {c.name: "VARCHAR" if c.type in (Type.STRING, Type.ADDRESS) else "DECIMAL(20, 9)" if c.type.fractional else "BIGINT"
                 for c in kind.expanded}
        self._raw.unlink(missing_ok=True)
        with duckdb.connect(self._raw) as connection:
            columns = ", ".join(f'"{n}" {types.get(n, "VARCHAR" if n == "probe" else "BIGINT")}' for n in kind.header)
            connection.execute(f"CREATE TABLE raw ({columns})")
        began = self.cost()
        with duckdb.connect(self._raw) as connection:
            for file in files:
                connection.execute(f"COPY raw FROM '{file}' (HEADER)")
        taken = self.cost().without(began)
        self._raw.unlink()
        return taken


class MariaDB(Target):
    name = "MariaDB"

    def __init__(self, running: Server, directory: Path) -> None:
        self._running = running
        options = directory / "options.cnf"
        options.touch(0o600)
        options.write_text(f"[{GROUP}]\nuser=root\npassword=\n")
        self.store = Store("mysql", "trafMon_months", Reached(socket=running.socket, option_file=options, group=GROUP))

    def fresh(self) -> None:
        self._running.do("DROP DATABASE IF EXISTS trafMon_months")

    def _server_s(self) -> float:
        return self._running.cpu_s()

    def octets(self) -> int:
        return self._running.octets("trafMon_months")

    def raw(self, kind: Kind, files: Sequence[Path]) -> Cost:
        types = {c.name: "TEXT" if c.type in (Type.STRING, Type.ADDRESS) else "DECIMAL(20, 9)" if c.type.fractional else "BIGINT"
                 for c in kind.expanded}
        columns = ", ".join(f'`{n}` {types.get(n, "TEXT" if n == "probe" else "BIGINT")}' for n in kind.header)
        names = ", ".join(f"@{n}" if types.get(n) == "BIGINT" else f"`{n}`" for n in kind.header)
        filled = ", ".join(f"`{n}` = nullif(@{n}, '')" for n in kind.header if types.get(n) == "BIGINT")
        nullable = any(c.nullable for c in kind.expanded)
        into = f"({names}) SET {filled}" if nullable else ""
        self._running.do(f"DROP DATABASE IF EXISTS raw; CREATE DATABASE raw; CREATE TABLE raw.raw ({columns})")
        began = self.cost()
        for file in files:
            self._running.do(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE raw.raw FIELDS TERMINATED BY ',' IGNORE 1 LINES {into}")
        taken = self.cost().without(began)
        self._running.do("DROP DATABASE raw")
        return taken


@contextmanager
def target(backend: str, directory: Path, *, keep: bool = False) -> Iterator[Target]:
    """The engine, running; all it leaves in the directory goes with it unless it is to be kept."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        if backend == "duckdb":
            yield DuckDB(directory)
        else:
            with server(directory / "mariadb") as running:
                yield MariaDB(running, directory)
    finally:
        if not keep:
            shutil.rmtree(directory / "mariadb", ignore_errors=True)
            for file in directory.glob("*.duckdb*"):
                file.unlink()
