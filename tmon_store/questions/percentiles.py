"""Percentiles by log buckets, found where the rows are: of each group, the bucket in which so many percent are passed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from tmon_common.log_buckets import middles_ns
from tmon_store.questions.pieces import number

PERCENTS = (50, 95, 99)


def percentile_buckets(counts: sa.FromClause, group: Sequence[str], percents: Sequence[int] = PERCENTS) -> sa.Subquery:
    """For each group: its columns, bucket_50 ...: the number of the bucket that holds the one of that rank; and `whole`, how many
    there are.

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
    found.append(sa.func.max(r.whole).label("whole"))
    return sa.select(*(r[name] for name in group), *found).group_by(*(r[name] for name in group)).subquery("percentiles")


def with_percentiles(sums: sa.FromClause, marks: sa.FromClause, group: Sequence[str],
                     percents: Sequence[int] = PERCENTS) -> sa.Subquery:
    """Columns of `sums`, which has one row for each group, and bucket_50 ... of `marks`, empty where it knows no such group.

    Rows of both one below the other, then put together by group: to join them takes MariaDB the square of their number, since
    columns of a group may be empty.
    """
    own = [c.name for c in sums.c if c.name not in group]
    found = [f"bucket_{percent}" for percent in percents]
    both = sa.union_all(
        sa.select(*(sums.c[n] for n in (*group, *own)), *(sa.null().label(n) for n in found), number(1).label("known")),
        sa.select(*(marks.c[n] for n in group), *(sa.null().label(n) for n in own), *(marks.c[n] for n in found), number(0)),
    ).subquery("both")
    b = both.c
    key = [b[n] for n in group]
    return sa.select(*key, *(sa.func.max(b[n]).label(n) for n in (*own, *found))).group_by(*key).having(
        sa.func.max(b.known) == number(1)).subquery("each")


def percentile_ns(bucket: int | None, low: int | None, high: int | None) -> int | None:
    """Middle of the bucket, on the log scale, but never beyond the extremes; None without a bucket. ns."""
    if bucket is None or low is None or high is None:
        return None
    return min(max(round(middles_ns(np.array([bucket]))[0]), low), high)


def mean(total: int, population: int) -> int | None:
    """To the nearest ns; None of none."""
    return None if not population else (2 * total + population) // (2 * population)
