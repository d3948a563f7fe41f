"""Rows of a rollup as MySQL keeps them: statistics only where samples differ."""

from __future__ import annotations

import polars as pl

from tmon_store.schema import Rollup


def compact(rollup: Rollup, single: pl.DataFrame, merged: pl.DataFrame) -> pl.DataFrame:
    """Both in one frame, with the columns of the table of rows (some may be absent).

    Where all samples of an interval are equal (many counters are always zero), the column of the sample has that one, and its
    statistics are empty, as they are for a single sample. A sample that may be absent keeps its statistics: how many there were
    is not the population of the row.
    """
    changes: list[pl.Expr] = []
    for name in (c.name for c in rollup.samples if not c.nullable):
        low, total = (pl.col(f"{name}_{s}").cast(pl.Int128) for s in ("minimum", "sum"))
        # Files of older probes may lack the column: then there are fewer samples of it than the population says.
        equal = (pl.col(f"{name}_minimum") == pl.col(f"{name}_maximum")) & (total == low * pl.col("population"))
        changes.append(pl.when(equal).then(f"{name}_minimum").alias(name))
        for statistic in ("sum", "sum_of_squares", "minimum", "maximum"):
            column = f"{name}_{statistic}"
            changes.append(pl.when(~equal).then(column).alias(column))
    return pl.concat([single, merged.with_columns(changes)], how="diagonal_relaxed")
