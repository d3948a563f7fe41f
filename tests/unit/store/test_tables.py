"""Statements in SQLAlchemy's form against what the loader made."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from tests.unit.store.spool_files import START, row_of, write_file
from tmon_store.load import load_spool
from tmon_store.tables import flow, record, rollup


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC).replace(tzinfo=None)


@pytest.fixture
def database(tmp_path, where):
    spool = tmp_path / "spool"
    write_file(spool, "flow_definition", [row_of("flow_definition", flow=n, src_port=n) for n in (1, 2)])
    write_file(spool, "ip_counters", [row_of("ip_counters", flow=n, octets=10**n, start=(START + 60 * n) * 10**9) for n in (1, 2)])
    write_file(spool, "event", [row_of("event", code="no_traffic", time=START * 10**9 + 1)])
    load_spool(spool, where)
    return where


def test_a_join_with_values_a_list_and_a_limit(store):
    """Sums are whole numbers, times naive datetimes; values go as parameters."""
    counted = rollup("ip_counters", "1min")
    statement = (sa.select(flow.c.src_port, sa.func.sum(counted.c.octets_sum), sa.func.min(counted.c.start),
                           sa.func.avg(counted.c.octets_sum))
                 .join_from(counted, flow, flow.c.flow_key == counted.c.flow_key)
                 .where(flow.c.src_port.in_([1, 2, 3]), counted.c.start >= at(2023, 11, 14, 22, 16), flow.c.probe == "probe1")
                 .group_by(flow.c.src_port).order_by(flow.c.src_port).limit(5))
    assert [(2, 100, at(2023, 11, 14, 22, 16), 100.0)] == store.query(statement)


def test_records_and_their_times(store):
    """A table of records has its kind's name."""
    events = record("event")
    assert [("no_traffic", at(2023, 11, 14, 22, 14))] == store.query(sa.select(events.c.code, events.c.time))


def test_decimal_results(store):
    """An engine's decimals come as int, or as float if they have a fraction."""
    assert [(3, 2.5)] == store.query("SELECT CAST(3 AS DECIMAL(38, 0)), CAST(2.5 AS DECIMAL(10, 1))")


def test_there_is_no_such_kind():
    """KeyError names what was asked for."""
    with pytest.raises(KeyError):
        rollup("nothing", "1min")
    with pytest.raises(KeyError, match="ip_counters_1year"):
        rollup("ip_counters", "1year")
