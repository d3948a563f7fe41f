"""Rows of ip_info: what is known about an address becomes one, and rows change as a whole, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from typing import Any

import polars as pl
import sqlalchemy as sa

from tmon_store import tables
from tmon_store.backends.backend import Backend
from tmon_store.errors import StoreError
from tmon_store.ip_info.schema import IP_INFO, MARKS
from tmon_store.schema import Storage, Table

CHUNK = 1000
"""Rows that are taken out and put back at once."""
_POLARS = {Storage.INTEGER: pl.Int64, Storage.TIME: pl.Datetime("us")}

Row = dict[str, Any]
INFO, MARK = tables.sql(IP_INFO), tables.sql(MARKS)


def add(store: Backend, rows: Sequence[Row], marks: Mapping[str, int] | None = None) -> None:
    """Add rows of addresses that are not there yet (of others nothing changes), and set marks, in a transaction of its own."""
    if not rows and not marks:
        return
    with _transaction(store):
        if rows:
            store.add_missing(IP_INFO, _frame(IP_INFO, rows))
        if marks:
            store.execute(sa.delete(MARK).where(MARK.c.source.in_(list(marks))))
            store.append(MARKS, _frame(MARKS, [{"source": k, "mark": v} for k, v in marks.items()]))


def change(store: Backend, changes: Mapping[str, Row], now: datetime) -> int:
    """Change columns of the addresses that are there; gives how many really changed. In a transaction of its own."""
    changed = 0
    left = iter(sorted(changes))
    with _transaction(store):
        while chunk := list(islice(left, CHUNK)):
            old = [dict(zip(IP_INFO.names, r, strict=True)) for r in store.query(sa.select(INFO).where(INFO.c.address.in_(chunk)))]
            new = [r | changes[r["address"]] | {"updated": now} for r in old
                   if any(r[k] != v for k, v in changes[r["address"]].items())]
            if new:
                store.execute(sa.delete(INFO).where(INFO.c.address.in_([r["address"] for r in new])))
                store.append(IP_INFO, _frame(IP_INFO, new))
                changed += len(new)
    return changed


def page_after(store: Backend, address: str, size: int) -> list[Row]:
    """The next rows in order of their addresses (as text)."""
    query = sa.select(INFO).where(INFO.c.address > address).order_by(INFO.c.address).limit(size)
    return [dict(zip(IP_INFO.names, r, strict=True)) for r in store.query(query)]


def marks(store: Backend) -> dict[str, int]:
    return dict(store.query(sa.select(MARK.c.source, MARK.c.mark)))


def _frame(table: Table, rows: Iterable[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={f.name: _POLARS.get(f.storage, pl.String) for f in table.fields})


@contextmanager
def _transaction(store: Backend) -> Iterator[None]:
    store.begin()
    try:
        yield
        store.commit()
    except BaseException:
        with suppress(StoreError):
            store.rollback()
        raise
