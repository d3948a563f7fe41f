"""Old rows go: whole days and months, then what nothing refers to any more, then old archives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common.analyses.catalogue import catalogue
from tmon_common.config.store_model import Store
from tmon_store.archive import purge as purge_archives
from tmon_store.errors import StoreError
from tmon_store.present import table_names
from tmon_store.retention import ageing, keep_ns, last_kept, limit, limit_of_files, referring, table_of
from tmon_store.spool import complete_files, purge_rejections
from tmon_store.unreferenced import remove_addresses, remove_definitions, remove_flows, remove_loaded_files

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

Opened = Callable[[], AbstractContextManager["Backend"]]
"""Opens the database for writing, for the length of a block."""


@dataclass
class Purged:
    """What went. rows: as far as the engine knows; tables: from which rows went."""

    tables: int = 0
    rows: int = 0
    flows: int = 0
    definitions: int = 0
    files: int = 0
    addresses: int = 0
    archives: int = 0
    rejected: int = 0
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (f"{self.rows} rows of {self.tables} tables, {self.flows} flows, {self.definitions} definitions, {self.files} loaded"
                f" files, {self.addresses} addresses, {self.archives} archives, {self.rejected} reject files")

    @property
    def nothing(self) -> bool:
        return not any((self.rows, self.tables, self.flows, self.definitions, self.files, self.addresses, self.archives,
                        self.rejected))


def purge(opened: Opened, store: Store, spools: Iterable[Path], now_ns: int) -> Purged:
    """Purge a database that is there. It is opened anew for each step, so that loaders come in between.

    spools      all whose files were loaded into it
    """
    result = Purged()
    spools = list(spools)
    if store.retention:
        _purge_rows(opened, store, spools, now_ns, result)
    if store.archive and store.archive_keep_ns is not None:
        try:
            result.archives = len(purge_archives(store.archive, store.archive_keep_ns, now_ns))
        except StoreError as error:
            result.warnings.append(str(error))
        for spool in spools:
            result.rejected += purge_rejections(spool, now_ns - store.archive_keep_ns)
    return result


def _purge_rows(opened: Opened, store: Store, spools: list[Path], now_ns: int, result: Purged) -> None:
    kinds = [k for k in catalogue().kinds.values() if not k.transient]
    tables = list(ageing(kinds))
    kept = {t.name: keep_ns(store.retention, t.kind, t.granularity) for t in tables}
    with opened() as database:
        there = table_names(database)
        for table in tables:
            keep = kept[table.name]
            if keep is not None and table.name in there:
                gone = database.drop_before(table.what, limit(table_of(table.what), keep, now_ns))
                result.rows += gone
                result.tables += gone > 0
    now = _utc(now_ns)
    with opened() as database:
        result.flows = remove_flows(database, referring(tables, kept), now)
        result.definitions = remove_definitions(database, kinds, now)
    with opened() as database:
        if all(spool.is_dir() for spool in spools):  # else they are another machine's, which would load its files again
            spooled = {f.name for spool in spools for f in complete_files(spool)}
            for kind, keep in last_kept(tables, kinds, kept).items():
                result.files += remove_loaded_files(database, kind, limit_of_files(keep, now_ns), spooled)
        result.addresses = remove_addresses(database, now)


def _utc(ns: int) -> datetime:
    return datetime.fromtimestamp(max(0, ns) // 1_000_000_000, UTC).replace(tzinfo=None)
