"""Rows of one kind into their tables: flows get their numbers, samples are aggregated at every granularity."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl

from tmon_common.observations import FLOW_DEFINITION, Kind
from tmon_store.rollup import aggregate, coarser, is_one_interval, moved_to, sort_samples
from tmon_store.schema import FLOW_IDENTITY, Rollup, Storage, Table, flow_table, has_flow, is_counted, record_table, rollups

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend


def load_rows(store: Backend, kind: Kind, frame: pl.DataFrame) -> None:
    """Load rows as `read_file` gives them, within the transaction that the caller has begun."""
    if frame.is_empty():
        return
    if has_flow(kind):
        frame = _number_flows(store, frame)
    if kind is FLOW_DEFINITION:
        table = flow_table()
        store.describe_flows(_for_table(frame.unique("flow_key", keep="first", maintain_order=True), table))
    elif is_counted(kind):
        _merge_levels(store, kind, frame)
    else:
        table = record_table(kind)
        rows = _for_table(frame, table)
        if table.key:
            store.add_missing(table, rows.unique(table.key, keep="first", maintain_order=True))
        else:
            store.append(table, rows)


def _merge_levels(store: Backend, kind: Kind, frame: pl.DataFrame) -> None:
    """While the database takes the rows of one granularity, those of the next one are made."""
    levels = rollups(kind)
    frame = sort_samples(frame, levels[0])
    rows = aggregate(frame, levels[0])
    with ThreadPoolExecutor(1) as worker:
        taken = worker.submit(store.merge, levels[0], *rows)
        for finer, rollup in pairwise(levels):
            if is_one_interval(frame, finer):  # most loads lie within one hour: the rows of the day are those of the hour
                rows = moved_to(rollup, *rows)
            elif rows[0].is_empty():
                rows = rows[0], coarser(rows[1], rollup)
            else:
                rows = aggregate(frame, rollup)
            taken.result()
            taken = worker.submit(store.merge, rollup, *rows)
        taken.result()


def days_of(kind: Kind, frame: pl.DataFrame) -> dict[Table | Rollup, list[date]]:
    """What `Backend.prepare` has to know before rows as `read_file` gives them are loaded."""
    tables: list[Table | Rollup] = [*rollups(kind)] if is_counted(kind) else [] if kind is FLOW_DEFINITION else [record_table(kind)]
    found: dict[Table | Rollup, list[date]] = {}
    for what in tables:
        time = what.time if isinstance(what, Table) else what.merged.time
        if time:
            found[what] = frame.select((pl.col(time) // 1000).cast(pl.Datetime("us")).dt.date().unique())[time].to_list()
    return found


def _number_flows(store: Backend, frame: pl.DataFrame) -> pl.DataFrame:
    identities = frame.select(FLOW_IDENTITY).unique(maintain_order=True)
    numbered = identities.with_columns(store.flow_keys(identities))
    return frame.join(numbered, on=FLOW_IDENTITY, how="left", maintain_order="left")


def _for_table(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The columns of the table; times as such."""
    times = [f.name for f in table.fields if f.storage is Storage.TIME_NS]
    return frame.select(table.names).with_columns(pl.col(times).cast(pl.Datetime("ns")) if times else [])
