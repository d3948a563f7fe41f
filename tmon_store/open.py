"""Opens the database that a configuration, or a path, names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common.config.store_model import Store

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend


def open_store(where: Store | Path, *, read_only: bool = False) -> Backend:
    """The database of <store>, or, where only a path is given, that DuckDB file. StoreError if it cannot be opened."""
    if isinstance(where, Store) and where.backend == "mysql":
        from tmon_store.backends.mysql import MySQL

        return MySQL(where.server, str(where.database), read_only=read_only)
    from tmon_store.backends.duckdb import DuckDB

    return DuckDB(Path(where.database) if isinstance(where, Store) else where, read_only=read_only)
