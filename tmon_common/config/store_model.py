"""Where the loader puts what it reads, how long it stays, and what is known beside it: the dataclasses of <store>."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Server:
    """A MySQL or MariaDB server. socket: instead of host and port. option_file, group: where user and password stand."""

    host: str = "localhost"
    port: int = 3306
    socket: Path | None = None
    option_file: Path = Path("~/.my.cnf")
    group: str = "trafmon_loader"


@dataclass(frozen=True)
class Retention:
    """Rows of a kind ("": all) at a granularity (1min, 1h, 1day, record; "": all) stay `keep_ns`."""

    kind: str
    granularity: str
    keep_ns: int


@dataclass(frozen=True)
class Names:
    """How the DNS is asked. servers: (address, port), empty: those of the system; rate: queries per second."""

    servers: tuple[tuple[str, int], ...] = ()
    rate: int = 50
    parallel: int = 20
    timeout_ns: int = 2_000_000_000
    refresh_ns: int = 30 * DAY_NS


@dataclass(frozen=True)
class Store:
    """backend: duckdb or mysql; database: the DuckDB file, or the name of the MySQL database.

    archive     directory for loaded files, or None: they stay in the spool; archive_keep_ns None: for ever
    names       None: the DNS is not asked
    volumes     flow classes that are summed up by activity and location
    """

    backend: str = "duckdb"
    database: Path | str = Path("trafmon.duckdb")
    server: Server = field(default_factory=Server)
    archive: Path | None = None
    archive_keep_ns: int | None = None
    retention: tuple[Retention, ...] = ()
    organisation: Path | None = None
    geoip: tuple[Path, ...] = ()
    names: Names | None = None
    volumes: tuple[str, ...] = ()
