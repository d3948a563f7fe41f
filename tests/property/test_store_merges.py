"""Rows of a rollup, merged by a backend in any portions, are what all samples together say: equal ones, absent ones, extremes."""

from collections import defaultdict
from datetime import UTC, date, datetime
from itertools import count

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tmon_common.config.store_model import Store
from tmon_common.observations import Column, Kind, Merge, Type
from tmon_common.observations.counters import FLOW_INTERVAL
from tmon_store.facts import load_rows
from tmon_store.open import open_store
from tmon_store.read import loaded_columns
from tmon_store.schema import SAMPLE_LIMIT, flow_table, rollups
from tmon_store.tables import flow, sql

MADE = Kind("made", 0x9001, "Of all ways to merge.", (
    *FLOW_INTERVAL,
    Column("value", Type.INTEGER, "a sample", merge=Merge.SAMPLE),
    Column("maybe", Type.INTEGER, "a sample that may be absent", merge=Merge.SAMPLE, nullable=True),
    Column("total", Type.INTEGER, "a sum", merge=Merge.SUM),
    Column("least", Type.INTEGER, "a minimum", merge=Merge.MINIMUM, nullable=True),
    Column("most", Type.INTEGER, "a maximum", merge=Merge.MAXIMUM, nullable=True),
))
MIDNIGHT = 1_700_006_400  # 2023-11-15
LENGTHS = (60, 3600, 86400)
RUNS = count(1)
"""Every example has flows of its own, so that all can share a database."""


@pytest.fixture(scope="module", params=["duckdb", "mysql"])
def store(request, tmp_path_factory):
    where = (Store("duckdb", tmp_path_factory.mktemp("merges") / "t.duckdb") if request.param == "duckdb"
             else request.getfixturevalue("mariadb").store())
    store = open_store(where)
    store.ensure([flow_table()], rollups(MADE))
    store.prepare({level: [date(2023, 11, 14), date(2023, 11, 15)] for level in rollups(MADE)})
    yield store
    store.close()


VALUES = st.sampled_from([0, 0, 1, 7, SAMPLE_LIMIT, -SAMPLE_LIMIT])
MAYBE = st.one_of(st.none(), VALUES)
ROWS = st.tuples(st.integers(1, 2), st.sampled_from([-3600, -60, 0, 1, 59, 60, 3599, 3600]), VALUES, MAYBE, VALUES, MAYBE, MAYBE)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(loads=st.lists(st.lists(ROWS, min_size=1, max_size=8), min_size=1, max_size=5))
def test_any_portions_give_the_same_rows(store, loads):
    """However samples come in portions, a row has their number, sum, sum of squares and extremes, each once."""
    run = next(RUNS)
    for rows in loads:
        schema = {c.name: pl.String if c.name == "probe" else pl.Int64 for c in loaded_columns(MADE)}
        frame = pl.DataFrame([("p", run, f, (MIDNIGHT + s) * 10**9, *values) for f, s, *values in rows], schema, orient="row")
        store.begin()
        load_rows(store, MADE, frame)
        store.commit()
    everything = [row for rows in loads for row in rows]
    for level, length in zip(rollups(MADE), LENGTHS, strict=True):
        table = sql(level.merged, level.name)
        names = [f.name for f in level.merged.fields if f.merge]
        found = store.query(sa.select(flow.c.flow, table.c.start, *(table.c[n] for n in names)).join_from(
            table, flow, flow.c.flow_key == table.c.flow_key).where(flow.c.run == run))
        assert sorted(_expected(everything, length, names)) == sorted(
            ((f, int(start.replace(tzinfo=UTC).timestamp()), tuple(values)) for f, start, *values in found)), level.name


def _expected(rows: list[tuple], length: int, names: list[str]) -> list[tuple]:
    groups: dict[tuple, list[tuple]] = defaultdict(list)
    for number, second, *values in rows:
        groups[number, (MIDNIGHT + second) // length * length].append(values)
    result = []
    for key, members in groups.items():
        value, maybe, total, least, most = ([v for v in column if v is not None] for column in zip(*members, strict=True))
        statistics = {"population": len(members), "maybe_population": len(maybe), "total": sum(total),
                      "least": min(least, default=None), "most": max(most, default=None)}
        for name, samples in (("value", value), ("maybe", maybe)):
            statistics |= {f"{name}_sum": sum(samples), f"{name}_sum_of_squares": sum(v * v for v in samples),
                           f"{name}_minimum": min(samples, default=None), f"{name}_maximum": max(samples, default=None)}
        result.append((*key, tuple(statistics[n] for n in names)))
    return result


def test_the_oracle_knows_the_day():
    """MIDNIGHT is one."""
    assert datetime(2023, 11, 15, tzinfo=UTC).timestamp() == MIDNIGHT
