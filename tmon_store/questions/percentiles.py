"""Percentiles by log buckets, found where the rows are: of each group, the bucket in which so many percent are passed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from tmon_common.log_buckets import middles_ns
from tmon_store.questions.pieces import number

PERCENTS = (50, 95, 99)


def percentile_buckets(counts: sa.FromClause, group: Sequence[str], percents: Sequence[int] = PERCENTS) -> sa.Subquery:
    """For each group: its columns, and bucket_50 ...: the number of the bucket that holds the one of that rank.

    counts      columns of the group, `bucket` and `count`, each bucket once in a group
    """
    c = counts.c
    key = [c[name] for name in group]
    passed = sa.func.sum(c["count"]).over(partition_by=key, order_by=c.bucket)
    whole = sa.func.sum(c["count"]).over(partition_by=key)
    ranked = sa.select(*key, c.bucket, passed.label("passed"), whole.label("whole")).where(c["count"] > number(0))
    r = ranked.subquery("ranked").c
    found = [sa.func.min(sa.case((r.passed * number(100) >= number(percent) * r.whole, r.bucket))).label(f"bucket_{percent}")
             for percent in percents]
    return sa.select(*(r[name] for name in group), *found).group_by(*(r[name] for name in group)).subquery("percentiles")


def same_group(one: sa.FromClause, other: sa.FromClause, group: Sequence[str]) -> sa.ColumnElement:
    """Both are about the same group, empty values among its columns included."""
    return sa.and_(*(one.c[name].is_not_distinct_from(other.c[name]) for name in group))


def percentile_ns(bucket: int | None, low: int | None, high: int | None) -> int | None:
    """Middle of the bucket, on the log scale, but never beyond the extremes; None without a bucket. ns."""
    if bucket is None or low is None or high is None:
        return None
    return min(max(round(middles_ns(np.array([bucket]))[0]), low), high)


def mean(total: int, population: int) -> int | None:
    """To the nearest ns; None of none."""
    return None if not population else (2 * total + population) // (2 * population)
