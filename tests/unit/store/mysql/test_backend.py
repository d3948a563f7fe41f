"""The backend on a real server: what it makes, what it keeps, what it refuses."""

import re
from datetime import UTC, date, datetime

import polars as pl
import pytest
import sqlalchemy as sa

from tests.unit.store.spool_files import START, expected_rollup, row_of, stored_rollup, write_file
from tmon_common.observations import KINDS
from tmon_store.backends.mysql import MySQL
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.facts import days_of, load_rows
from tmon_store.load import load_spool
from tmon_store.mysql.template import loaders_tables
from tmon_store.open import open_store
from tmon_store.read import read_file
from tmon_store.rollup import aggregate
from tmon_store.schema import Field, Storage, Table, is_counted, rollups
from tmon_store.spool import complete_files
from tmon_store.tables import flow, sql

LEVELS = ("1min", "1h", "1day")


def counter(flow=1, second=0, **values):
    return row_of("ip_counters", flow=flow, start=(START + second) * 10**9, end=(START + second + 5) * 10**9, **values)


def put(store, spool):
    """All files of a spool, each in a transaction of its own."""
    for file in complete_files(spool):
        kind = KINDS[file.kind]
        frame = read_file(file, kind, (START + 10**8) * 10**9).frame
        store.prepare(days_of(kind, frame))
        store.begin()
        load_rows(store, kind, frame)
        store.commit()


@pytest.mark.parametrize("kind", [k.name for k in KINDS.values() if is_counted(k)])
def test_every_counted_kind(store, shared, tmp_path, kind):
    """One sample in a row, several, rows that turn from one to several, late minutes: all as a slow aggregation has them."""
    names = [c.name for c in KINDS[kind].expanded if c.merge.value not in ("key", "attribute")]
    rows = [row_of(kind, run=KINDS[kind].number, flow=f, start=(START + s) * 10**9,
                   **{n: (i * 7 + f * s) % 101 for i, n in enumerate(names)})
            for s in (0, 61, 7, 4000, 90000, 30, 9000) for f in (1, 2)]
    for n in range(0, len(rows), 3):
        write_file(tmp_path, kind, rows[n : n + 3], str(n))
    put(store, tmp_path)
    store.close()
    for level in LEVELS:
        assert expected_rollup(kind, rows, level) == {
            k: v for k, v in stored_rollup(shared, kind, level).items() if k[1] == KINDS[kind].number}


def test_largest_values_and_absent_ones(store, shared, tmp_path):
    """Sums beyond 64 bits, squares of the largest samples, samples that were not there: to the last digit."""
    wide = [counter(77, s, octets=1 << 53, packets=(1 << 53) - s) for s in range(1100)]
    sizes = [row_of("ip_sizes", flow=78, start=(START + s) * 10**9, population=(1 << 63) - 1, sum=(1 << 63) - 1) for s in range(3)]
    write_file(tmp_path, "ip_counters", wide[:600], "1")
    write_file(tmp_path, "ip_counters", wide[600:], "2")
    write_file(tmp_path, "ip_sizes", sizes[:2], "1")
    write_file(tmp_path, "ip_sizes", sizes[2:], "2")
    put(store, tmp_path)
    store.close()
    for level in LEVELS:
        for kind, rows, number in (("ip_counters", wide, 77), ("ip_sizes", sizes, 78)):
            found = {k: v for k, v in stored_rollup(shared, kind, level).items() if k[2] == number and k[1] > 10**6}
            assert expected_rollup(kind, rows, level) == found


def test_days_have_partitions_and_the_last_one_stays_empty(store, tmp_path):
    """Whatever the order of days; months for rows of days."""
    days = (3, 0, 1, 40, 2)
    for n in days:
        write_file(tmp_path, "udp_counters", [row_of("udp_counters", run=5, flow=1, start=(START + n * 86400) * 10**9)], str(n))
    put(store, tmp_path)
    for level, expected in (("1min", {f"p2023{d}" for d in (1114, 1115, 1116, 1117, 1224)}), ("1day", {"p202311", "p202312"})):
        filled = {name for (name,) in store.query(
            "SELECT partition_name FROM information_schema.partitions"
            f" WHERE table_schema = DATABASE() AND table_name = 'udp_counters_{level}_rows'")
            if store.query(f"SELECT count(*) FROM udp_counters_{level}_rows PARTITION ({name})") != [(0,)]}
        assert expected <= filled
        assert "pFuture" not in filled
        assert all(name.startswith("p2") for name in filled)


def test_rows_of_a_day_that_was_not_prepared_are_refused(store):
    """They would lie in a partition that has to stay empty."""
    level = rollups(KINDS["ip_counters"])[0]
    samples = pl.DataFrame({"flow_key": [1], "start": [1_893_456_000 * 10**9], **{c.name: [0] for c in level.samples}})
    with pytest.raises(StoreError, match=r"ip_counters_1min_rows was not prepared for rows of 2030-01-01"):
        store.merge(level, *aggregate(samples, level))


@pytest.mark.parametrize("where", ["duckdb", "mysql"], indirect=True)
@pytest.mark.parametrize("apart", [False, True])
def test_a_column_that_some_files_do_not_have(where, tmp_path, apart):
    """Of probes of another version. Sums are of what was there, whether both files come in one load or one after the other."""
    level = rollups(KINDS["ip_counters"])[0]
    for number, value in ((1, 5), (2, 0)):
        for stamp in ("1", "2"):
            path = write_file(tmp_path, "ip_counters", [counter(number, s, octets=value) for s in (0, 1)], stamp, f"c{number}")
            if stamp == "1":
                lines = [line.split(",") for line in path.read_text().splitlines()]
                at = lines[0].index("octets")
                path.write_text("".join(",".join(line[:at] + line[at + 1 :]) + "\n" for line in lines))
            if apart:
                load_spool(tmp_path, where)
        load_spool(tmp_path, where)
    store = open_store(where, read_only=True)
    table = sql(level.merged, level.name)
    names = ("population", "octets_sum", "octets_sum_of_squares", "octets_minimum", "octets_maximum")
    found = store.query(sa.select(*(table.c[n] for n in names)).order_by(table.c.octets_sum))
    store.close()
    assert [(4, 0, 0, 0, 0), (4, 10, 50, 5, 5)] == found


def test_old_days_go_as_a_whole(store, tmp_path):
    """Before a day: rows of it stay. Rows for a purged day can come again."""
    level = rollups(KINDS["icmp_counters"])[0]
    rows = [row_of("icmp_counters", run=6, flow=1, start=(START + n * 86400) * 10**9) for n in range(4)]
    write_file(tmp_path, "icmp_counters", rows, "1")
    put(store, tmp_path)
    store.drop_before(level, datetime(2023, 11, 16))  # noqa: DTZ001
    starts = "SELECT start FROM icmp_counters_1min ORDER BY start"
    assert [16, 17] == [t.day for (t,) in store.query(starts)]
    assert 0 == store.drop_before(level, datetime(2023, 11, 16))  # noqa: DTZ001
    for path in tmp_path.iterdir():
        path.unlink()
    write_file(tmp_path, "icmp_counters", rows[:1], "2")
    put(store, tmp_path)
    assert [14, 16, 17] == [t.day for (t,) in store.query(starts)]
    store.drop_before(level, datetime(2024, 1, 1))  # noqa: DTZ001
    assert [] == store.query(starts)


def test_several_databases_side_by_side(mariadb, tmp_path):
    """Each with its own rows, both open for writing at once."""
    places = [mariadb.store("trafMon_east"), mariadb.store("trafMon_west")]
    stores = [open_store(p) for p in places]
    for n, (store, name) in enumerate(zip(stores, "ew", strict=True), 1):
        store.ensure(*loaders_tables())
        (tmp_path / name).mkdir()
        write_file(tmp_path / name, "ip_counters", [counter(n, octets=n)])
        put(store, tmp_path / name)
        store.close()
    for n, place in enumerate(places, 1):
        assert [n] == [flow for _, _, flow, *_ in stored_rollup(place, "ip_counters", "1h")]


def test_one_loader_at_a_time(shared, store, monkeypatch):
    """The second one is told; who only reads is not kept out; a loader that is gone is not in the way."""
    monkeypatch.setattr("tmon_store.backends.mysql.BUSY_WAIT_S", 0)
    with pytest.raises(StoreBusyError, match=r"trafMon_shared at .*another loader"):
        open_store(shared)
    reader = open_store(shared, read_only=True)
    with pytest.raises(StoreError, match="READ ONLY"):
        reader.execute(sa.delete(flow))
    reader.close()
    store.close()
    open_store(shared).close()


@pytest.mark.parametrize("name", ['x"; DROP DATABASE mysql; --', "a b", "", "a`b", "ä", "a" * 65, "1a", "a\n", "a.b", "%"])
def test_names_cannot_carry_statements(mariadb, name):
    """Refused before anything is sent."""
    with pytest.raises(StoreError, match="not a name of a database"):
        MySQL(mariadb.root, name)


def test_a_kind_of_nasty_names(mariadb):
    """Names that are words of SQL are quoted; a name with a quote is the declarations' business, and never gets there."""
    store = open_store(mariadb.store())
    table = Table("select", tuple(Field(n, Storage.INTEGER) for n in ("from", "order", "rows", "key", "group", "int")), ("from",))
    store.ensure([table])
    store.append(table, pl.DataFrame({"from": [1, 2], "order": [3, None]}))
    store.add_missing(table, pl.DataFrame({"from": [2, 3], "rows": [7, 8]}))
    assert [(1, 3, None), (2, None, None), (3, None, 8)] == store.query('SELECT "from", "order", "rows" FROM "select" ORDER BY 1')
    store.ensure([Table("select", (*table.fields, Field("where", Storage.TIME_NS)), ("from",))])
    assert [(None, None)] * 3 == store.query('SELECT "where", "where_ns" FROM "select"')
    store.close()


def test_tables_are_made_after_those_of_the_template(mariadb):
    """With what an administrator changed in it, and columns that it does not have yet; rows of ports come along."""
    store = open_store(mariadb.store("trafMon_template"))
    table = Table("likeness", (Field("a", Storage.INTEGER), Field("b", Storage.TEXT)), ("a",))
    store.ensure([table])
    mariadb.sql("ALTER TABLE likeness ADD KEY mine (a), COMMENT 'of the house'", "trafMon_template")
    store.close()
    copy = open_store(mariadb.store())
    copy.ensure([Table("likeness", (*table.fields, Field("c", Storage.WIDE)), ("a",))])
    told = copy.query("SHOW CREATE TABLE likeness")[0][1]
    copy.close()
    mariadb.sql("DROP TABLE likeness", "trafMon_template")
    for part in ('KEY "mine"', "of the house", '"c" decimal', "nopad_bin"):
        assert part in told, told


def test_flows_are_numbered_once(store, shared):
    """New ones after those that are there; what was undone is forgotten; absent ones do not hide the others."""
    who = pl.DataFrame({"probe": ["ä'\\\t", "b", "b"], "run": [9, 9, 9], "flow": [1, 1, 2]})
    store.begin()
    first = store.flow_keys(who).to_list()
    store.rollback()
    assert [] == store.query("SELECT flow FROM flow WHERE run = 9")
    store.begin()
    keys = store.flow_keys(who.head(2)).to_list()
    store.commit()
    store.close()
    again = open_store(shared)
    assert [keys[1], keys[1] + 1, keys[0]] == again.flow_keys(who[[1, 2, 0]]).to_list()
    assert len(set(first)) == 3
    again.close()


def test_results_are_pythons_own(store):
    """Whole numbers int, fractions float, times naive UTC, text str."""
    assert [(6, 2.5, 1 / 3, datetime(2024, 5, 1, 2, 3, 4, 5), "é", None, 1 << 70)] == store.query(  # noqa: DTZ001
        "SELECT sum(x), avg(x) + 0.5, cast(1 AS double) / 3, CAST('2024-05-01 02:03:04.000005' AS DATETIME(6)), 'é', NULL,"
        " CAST('1180591620717411303424' AS DECIMAL(38,0)) FROM (SELECT 1 AS x UNION SELECT 2 UNION SELECT 3) t")
    assert abs(store.query("SELECT 2 / 3")[0][0] - 2 / 3) < 1e-14
    now, = store.query("SELECT now()")[0]
    assert abs((datetime.now(UTC).replace(tzinfo=None) - now).total_seconds()) < 3600


def test_times_keep_their_nanoseconds(store, tmp_path):
    """The time in microseconds, beside it the rest."""
    write_file(tmp_path, "event", [row_of("event", run=8, code="x", time=START * 10**9 + 123_456_789)])
    put(store, tmp_path)
    assert [(datetime.fromtimestamp(START, UTC).replace(tzinfo=None, microsecond=123_456), 789)] == store.query(
        "SELECT time, time_ns FROM event WHERE run = 8")


def test_tables_are_changed_outside_of_transactions_only(store):
    """The server would commit what is under way."""
    store.begin()
    for change in (lambda: store.ensure([]), lambda: store.prepare({}), lambda: store.drop_before(loaders_tables()[0][0], None)):
        with pytest.raises(AssertionError, match="outside of transactions"):
            change()
    store.rollback()


def test_days_beyond_what_a_table_can_hold(store):
    """Refused as a whole, with what to do."""
    level = rollups(KINDS["tcp_counters"])[0]
    days = [date.fromordinal(date(2001, 1, 1).toordinal() + 2 * n) for n in range(1100)]
    with pytest.raises(StoreError, match=r"trafMon_shared at .*tcp_counters_1min_rows would have .* partitions.*<retention>"):
        store.prepare({level: days})


def test_questions_see_only_the_partitions_of_their_time(store, tmp_path):
    """A question about a day, through the view, reads that day's partition."""
    for n in range(3):
        write_file(tmp_path, "ip_counters", [counter(55, (20 + n) * 86400)], str(n))
    put(store, tmp_path)
    plan = store.query("EXPLAIN PARTITIONS SELECT sum(octets_sum), max(octets_maximum) FROM ip_counters_1min"
                       " WHERE start >= '2023-12-05' AND start < '2023-12-06'")
    assert [("ip_counters_1min_rows", "p20231205")] == [(row[2], row[3]) for row in plan]


def test_loads_into_the_same_minutes_again_and_again(shared, tmp_path):
    """By the loader itself: files of several collectors for the same minutes, in any order."""
    rows = [[counter(300 + n % 3, 7 * n + 60 * c, octets=n * c, run=c) for n in range(40)] for c in range(3)]
    for c, some in enumerate(rows):
        for half in (0, 1):
            write_file(tmp_path, "ip_counters", some[half::2], str(half), f"c{c}")
            assert re.match("1 files, 20 rows", str(load_spool(tmp_path, shared)))
    everything = [row for some in rows for row in some]
    for level in LEVELS:
        found = {k: v for k, v in stored_rollup(shared, "ip_counters", level).items() if 300 <= k[2] < 303}
        assert expected_rollup("ip_counters", everything, level) == found


def test_a_text_of_any_length_does_not_stop_the_loader(store, tmp_path):
    """Longer than what a server sends or takes at once: it is kept, and its length can be asked for."""
    write_file(tmp_path, "event", [row_of("event", run=9, text="é" * (18 << 20))])
    put(store, tmp_path)
    assert [(18 << 20,)] == store.query("SELECT char_length(text) FROM event WHERE run = 9")


def test_few_rows_do_not_cost_more_in_a_large_table(mariadb):
    """Numbers of flows, descriptions and rows with keys are looked up: the server does not read all that it has."""
    where = mariadb.store()
    store = open_store(where)
    store.ensure(*loaders_tables())
    many = pl.DataFrame({"probe": "p", "run": 1, "flow": range(30_000)},
                        schema={"probe": pl.String, "run": pl.Int64, "flow": pl.Int64})
    store.begin()
    store.flow_keys(many)
    store.commit()
    store.close()

    store = open_store(where)
    before = rows_read_in_a_row(store)
    store.begin()
    keys = store.flow_keys(many.tail(10))
    assert keys.to_list() == list(range(29_991, 30_001))
    store.describe_flows(pl.DataFrame({"flow_key": keys, "flow_class": "all"}))
    store.commit()
    assert rows_read_in_a_row(store) - before < 1_000
    assert store.query(sa.select(sa.func.count()).where(flow.c.flow_class == "all")) == [(10,)]
    assert rows_read_in_a_row(store) - before >= 30_000  # what reading all of them is
    store.close()


def rows_read_in_a_row(store) -> int:
    """How many rows the server has read for this connection by going through tables, or an index, from one to the next."""
    names = ("Handler_read_rnd_next", "Handler_read_next")
    return sum(int(value) for name, value in store._connection.rows("SHOW SESSION STATUS LIKE 'Handler_read%'") if name in names)
