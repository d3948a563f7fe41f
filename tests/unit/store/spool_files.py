"""Spool files for tests, written as the collector writes them, and what they must add up to, computed slowly."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from tmon_common.analyses.catalogue import catalogue
from tmon_common.config.store_model import Store
from tmon_common.observations import KINDS, Kind, Merge, Type

START = 1_700_000_040  # a whole minute, 2023-11-14 22:14 UTC; the hour and the day have 46 and 106 minutes to go
LENGTHS = {"1min": 60, "1h": 3600, "1day": 86400}


def make_known(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    """Let the loader know one more kind, as a plug-in does."""
    known = catalogue()
    more = replace(known, kinds={**known.kinds, kind.name: kind})
    monkeypatch.setattr("tmon_store.load.catalogue", lambda: more)


def row_of(kind: str, **values: object) -> dict[str, object]:
    """A row with plausible values in all columns that are not given. Times are ns."""
    row: dict[str, object] = {"probe": "probe1", "run": 1_699_999_000_000}
    for column in KINDS[kind].expanded:
        default: object = 0
        if column.type is Type.STRING:
            default = "all"
        elif column.type is Type.ADDRESS:
            default = "192.0.2.1"
        elif column.type is Type.TIME:
            default = START * 10**9
        elif column.nullable:
            default = None
        row[column.name] = default
    unknown = set(values) - set(row)
    assert not unknown, unknown
    return row | values


def text_of(kind: str, name: str, value: object) -> str:
    """A value as it stands in a file."""
    if value is None:
        return ""
    column = next((c for c in KINDS[kind].expanded if c.name == name), None)
    if column and column.type.fractional:
        sign, value = ("-", -value) if value < 0 else ("", value)
        return f"{sign}{value // 10**9}.{value % 10**9:09d}"
    return str(value)


def write_file(spool: Path, kind: str, rows: Iterable[dict], stamp: str = "20231114T221400Z", collector: str = "c1") -> Path:
    """`<kind>.<collector>.<stamp>.csv` in the spool, complete at once."""
    spool.mkdir(parents=True, exist_ok=True)
    path = spool / f"{kind}.{collector}.{stamp}.csv"
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(KINDS[kind].header)
        writer.writerows([text_of(kind, name, row[name]) for name in KINDS[kind].header] for row in rows)
    part.rename(path)
    return path


def expected_rollup(kind: str, rows: Iterable[dict], suffix: str) -> dict[tuple, dict[str, int | None]]:
    """What the rollup must hold: (probe, run, flow, start in epoch seconds, other keys...) -> column -> value."""
    length = LENGTHS[suffix] * 10**9
    groups: dict[tuple, list[dict]] = defaultdict(list)
    columns = KINDS[kind].expanded
    keys = [c.name for c in columns if c.merge is Merge.KEY and c.name not in ("flow", "start")]
    for row in rows:
        start = row["start"] // length * length // 10**9
        groups[row["probe"], row["run"], row["flow"], start, *(row[k] for k in keys)].append(row)
    result = {}
    for key, members in groups.items():
        values: dict[str, int | None] = {}
        for column in columns:
            present = [m[column.name] for m in members if m[column.name] is not None]
            if column.merge is Merge.SAMPLE:
                values["population"] = len(members)
                values[f"{column.name}_sum"] = sum(present)
                values[f"{column.name}_sum_of_squares"] = sum(v * v for v in present)
                values[f"{column.name}_minimum"] = min(present)
                values[f"{column.name}_maximum"] = max(present)
            elif column.merge is Merge.SUM:
                values[column.name] = sum(present)
            elif column.merge is Merge.MINIMUM:
                values[column.name] = min(present, default=None)
            elif column.merge is Merge.MAXIMUM:
                values[column.name] = max(present, default=None)
        result[key] = values
    return result


def stored_rollup(where: Store | Path, kind: str, suffix: str) -> dict[tuple, dict[str, int | None]]:
    """What the rollup holds, in the same form. Fails if a key occurs twice. where: DuckDB's file, or any database."""
    import sqlalchemy as sa

    from tmon_store.open import open_store
    from tmon_store.schema import rollups
    from tmon_store.tables import flow, sql

    level = next(r for r in rollups(KINDS[kind]) if r.name == f"{kind}_{suffix}")
    table = sql(level.merged, level.name)
    keys = [n for n in level.merged.key if n not in ("flow_key", "start")]
    values = [n for n in level.merged.names if n not in level.merged.key]
    store = open_store(where, read_only=True)
    try:
        rows = store.query(sa.select(flow.c.probe, flow.c.run, flow.c.flow, table.c.start, *(table.c[n] for n in (*keys, *values)))
                           .join_from(table, flow, table.c.flow_key == flow.c.flow_key))
        assert [(len(rows),)] == store.query(sa.select(sa.func.count()).select_from(table)), "a row without a flow"
    finally:
        store.close()
    width = 4 + len(keys)
    result = {(*row[:3], int(row[3].replace(tzinfo=UTC).timestamp()), *row[4:width]): dict(zip(values, row[width:], strict=True))
              for row in rows}
    assert len(result) == len(rows), "a key occurs twice"
    return result


def ask(database: Path, sql: str) -> list[tuple]:
    """Rows of a query."""
    import duckdb

    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute(sql).fetchall()
