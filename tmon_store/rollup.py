"""Samples to the rows of a rollup: sorted once, then every interval is a run of neighbouring rows.

Exact: where 64 bits might not hold a sum, 128 bits do.
"""

from __future__ import annotations

import polars as pl

from tmon_store.schema import Rollup

_INT64_MAX = (1 << 63) - 1


def sort_samples(frame: pl.DataFrame, rollup: Rollup) -> pl.DataFrame:
    """Rows by key and time, as `aggregate` wants them for any granularity."""
    return frame.sort([n for n in rollup.merged.key if n != "start"] + ["start"], maintain_order=True)


def aggregate(frame: pl.DataFrame, rollup: Rollup) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `rollup.single` and of `rollup.merged` that the samples make, keys unique over both.

    frame       sorted samples of the kind with `flow_key`; start in ns (int64). Result: start as Datetime("us"), UTC.
    Without a single table, all rows are of the merged one.
    """
    length = rollup.length_ns
    frame = frame.with_columns(start=pl.col("start") // length * length)
    key = list(rollup.merged.key)
    frame = frame.with_columns(_new=pl.any_horizontal(pl.col(n).ne_missing(pl.col(n).shift()) for n in key))
    frame = frame.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(statement=True).otherwise("_new").alias("_new"))
    alone = pl.col("_new") & pl.col("_new").shift(-1, fill_value=True)
    frame = frame.with_columns(_alone=alone)
    if rollup.single is None:
        one = frame.clear()
        many = frame
    elif frame["_alone"].all():
        one, many = frame, frame.clear()
    else:
        one, many = frame.filter("_alone"), frame.filter(~pl.col("_alone"))
    groups = many.with_columns(_group=pl.col("_new").cum_sum().set_sorted()).group_by("_group", maintain_order=True)
    merged = groups.agg(*(pl.col(n).first() for n in key), *_statistics(many, rollup))
    single = one.select(rollup.single.names) if rollup.single else one.select(key)
    return _with_time(single), _with_time(merged.select(rollup.merged.names))


def is_one_interval(frame: pl.DataFrame, rollup: Rollup) -> bool:
    """Whether all samples (start in ns) lie in one interval of the rollup, and so of every coarser one."""
    return frame["start"].min() // rollup.length_ns == frame["start"].max() // rollup.length_ns


def moved_to(rollup: Rollup, single: pl.DataFrame, merged: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that `aggregate` gave for a finer rollup, all of one interval, as rows of this one."""
    start = pl.col("start").dt.truncate(f"{rollup.length_ns // 1_000_000_000}s")
    return single.with_columns(start), merged.with_columns(start)


def coarser(merged: pl.DataFrame, rollup: Rollup) -> pl.DataFrame:
    """Rows of the merged table of a rollup from those that `aggregate` gave for a finer one, where that had no single rows."""
    key = list(rollup.merged.key)
    frame = moved_to(rollup, merged, merged)[1]
    groups = frame.with_columns(_group=pl.struct(key).rle_id().set_sorted()).group_by("_group", maintain_order=True)
    statistics = [_merge(frame, f.name, f.merge) for f in rollup.merged.fields if f.merge]
    return groups.agg(*(pl.col(n).first() for n in key), *statistics).select(rollup.merged.names)


def _merge(frame: pl.DataFrame, name: str, merge: str) -> pl.Expr:
    value = pl.col(name)
    if merge == "sum":
        return value.sum() if frame.schema[name] == pl.Decimal else _sum(value, _largest(frame, name), frame.height).alias(name)
    return value.min() if merge == "minimum" else value.max()


def _with_time(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns((pl.col("start") // 1000).cast(pl.Datetime("us")))


def _statistics(frame: pl.DataFrame, rollup: Rollup) -> list[pl.Expr]:
    """Expressions of the fields of the merged table, within a group."""
    expressions = [pl.len().cast(pl.Int64).alias("population")] if rollup.samples else []
    derived = {"population"} if rollup.samples else set()
    for column in rollup.samples:
        name, value = column.name, pl.col(column.name)
        derived |= {f"{name}_{s}" for s in ("population", "sum", "sum_of_squares", "minimum", "maximum")}
        if column.nullable:
            expressions.append(value.count().cast(pl.Int64).alias(f"{name}_population"))
        most = _largest(frame, name)
        expressions += [_sum(value, most, frame.height).alias(f"{name}_sum"),
                        _sum_of_squares(value, most, frame.height).alias(f"{name}_sum_of_squares"),
                        value.min().alias(f"{name}_minimum"), value.max().alias(f"{name}_maximum")]
    for field in rollup.merged.fields:
        if field.merge and field.name not in derived:
            expressions.append(_merge(frame, field.name, field.merge))
    return expressions


def _largest(frame: pl.DataFrame, name: str) -> int:
    column = frame[name]
    return max(abs(column.min() or 0), abs(column.max() or 0))


def _sum(value: pl.Expr, most: int, rows: int) -> pl.Expr:
    return value.sum() if most * rows <= _INT64_MAX else value.cast(pl.Int128).sum().cast(pl.Decimal(38, 0))


def _sum_of_squares(value: pl.Expr, most: int, rows: int) -> pl.Expr:
    if most * most * rows <= _INT64_MAX:
        return (value * value).sum()
    wide = value.cast(pl.Int128)
    return (wide * wide).sum().cast(pl.Decimal(38, 0))
