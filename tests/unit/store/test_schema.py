"""Tables from declarations, also from declarations of forms that no kind has yet."""

import pytest

from tests.unit.store.spool_files import START, ask, make_known
from tmon_common.observations import KINDS, Column, Kind, Merge, Type
from tmon_common.observations.counters import FLOW_INTERVAL
from tmon_store.load import load_spool
from tmon_store.schema import is_counted, record_table, rollups

DELAYS = Kind("delays", 0x7001, "Delays of a flow.", (
    *FLOW_INTERVAL,
    Column("hop", Type.STRING, "between which points", merge=Merge.KEY),
    Column("delay", Type.DURATION, "a delay, may be absent or negative", unit="s", merge=Merge.SAMPLE, nullable=True),
    Column("packets", Type.INTEGER, "packets", merge=Merge.SAMPLE),
    Column("least", Type.DURATION, "smallest delay", unit="s", merge=Merge.MINIMUM, nullable=True),
))
CONNECTION = Kind("connection", 0x7002, "A connection.", (
    Column("flow", Type.INTEGER, "flow", merge=Merge.KEY),
    Column("opened", Type.TIME, "opened", unit="s"),
    Column("peer", Type.ADDRESS, "peer", nullable=True),
    Column("closed", Type.TIME, "closed", unit="s", nullable=True),
))


def test_what_is_counted():
    """Definitions and single records are not."""
    assert {k.name for k in KINDS.values() if is_counted(k)} == {
        "ip_counters", "icmp_counters", "udp_counters", "tcp_counters", "ip_sizes", "round_trip_histogram", "round_trip_bucket",
        "ftp_counters", "one_way_counters", "one_way_delay_histogram", "one_way_delay_bucket",
        "netflow"}
    assert is_counted(DELAYS)
    assert not is_counted(CONNECTION)


@pytest.mark.parametrize("kind", [k for k in KINDS.values() if is_counted(k)], ids=lambda k: k.name)
def test_rollups_of_a_kind(kind):
    """Three levels; names fit in MySQL's 64 characters; keys are columns of both tables."""
    levels = rollups(kind)
    assert [r.name for r in levels] == [f"{kind.name}_{s}" for s in ("1min", "1h", "1day")]
    for rollup in levels:
        for table in filter(None, (rollup.single, rollup.merged)):
            assert set(table.key) <= set(table.names)
            assert all(len(n) <= 64 for n in (table.name, *table.names))
            assert len(table.names) == len(set(table.names))


def test_colliding_names_are_refused():
    """A sample and a column of the name of its sum cannot be told apart."""
    kind = Kind("x", 0x7003, "x", (*FLOW_INTERVAL, Column("a", Type.INTEGER, "a", merge=Merge.SAMPLE),
                                   Column("a_sum", Type.INTEGER, "a", merge=Merge.SUM)))
    with pytest.raises(ValueError, match="x: a column has the name of a derived one"):
        rollups(kind)


def test_samples_that_may_be_absent(tmp_path, monkeypatch):
    """They have a population of their own; durations are ns; extra keys keep rows apart; minima ignore what is absent."""
    make_known(monkeypatch, DELAYS)
    rows = [("a", "0.000000005", 1, ""), ("a", "", 2, "0.000000007"), ("a", "-0.000000009", 3, ""), ("b", "", 4, "")]
    text = [",".join(DELAYS.header)]
    text += [f"p,1,1,{START + i}.000000000,{START + i + 1}.000000000,{hop},{delay},{packets},{least}"
             for i, (hop, delay, packets, least) in enumerate(rows)]
    (tmp_path / "delays.c.1.csv").write_text("\n".join([*text[:3], ""]))
    assert load_spool(tmp_path, tmp_path / "t.duckdb").rows == 2
    (tmp_path / "delays.c.2.csv").write_text("\n".join([text[0], *text[3:], ""]))
    assert load_spool(tmp_path, tmp_path / "t.duckdb").rows == 2
    names = ("hop, population, delay_population, delay_sum, delay_sum_of_squares, delay_minimum, delay_maximum, packets_sum, least")
    for level in ("1min", "1h", "1day"):
        assert ask(tmp_path / "t.duckdb", f"SELECT {names} FROM delays_{level} ORDER BY hop") == [
            ("a", 3, 2, -4, 106, -9, 5, 6, 7), ("b", 1, 0, 0, 0, None, None, 4, None)]


def test_single_records(tmp_path, monkeypatch):
    """One row each, even if equal, by flow_key."""
    make_known(monkeypatch, CONNECTION)
    assert record_table(CONNECTION).names == ("flow_key", "opened", "peer", "closed")
    row = f"p,1,7,{START}.000000001,2001:DB8::1,\n"
    (tmp_path / "connection.c.1.csv").write_text(",".join(CONNECTION.header) + "\n" + row + row)
    load_spool(tmp_path, tmp_path / "t.duckdb")
    assert ask(tmp_path / "t.duckdb", "SELECT flow, epoch_ns(opened), peer, closed FROM connection JOIN flow USING (flow_key)") == [
        (7, START * 10**9 + 1, "2001:db8::1", None)] * 2
