"""Loading: what arrives in the tables."""

from unittest import mock

import pytest

from tests.unit.store.spool_files import START, ask, expected_rollup, row_of, stored_rollup, write_file
from tmon_common.observations import KINDS
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.load import load_spool
from tmon_store.schema import is_counted

NASTY = ['a,b', 'a"b', "a'; DROP TABLE flow; --", "a\nb", "", " ", "ünï", "%s", "{x}", "a\\b", "NULL", "a;b"]


def counter(flow=1, second=0, **values):
    return row_of("ip_counters", flow=flow, start=(START + second) * 10**9, end=(START + second + 5) * 10**9, **values)


def loaded(spool, database):
    return load_spool(spool, database)


@pytest.fixture
def places(tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    return spool, tmp_path / "t.duckdb"


def check(database, kind, rows):
    for suffix in ("1min", "1h", "1day"):
        assert expected_rollup(kind, rows, suffix) == stored_rollup(database, kind, suffix)


def test_rollups_of_several_files_equal_a_slow_aggregation(places):
    """Single samples, several samples, later files for the same minutes: all levels hold the same samples."""
    spool, database = places
    first = [counter(1, 0, packets=3, octets=100), counter(1, 5, packets=5), counter(2, 0, packets=7)]
    second = [counter(2, 30, packets=11), counter(1, 3600, packets=13), counter(3, 90000, octets=17)]
    third = [counter(1, 10, packets=2), counter(2, 0, packets=1), counter(1, 3605, packets=4)]
    for stamp, rows in (("1", first), ("2", second), ("3", third)):
        write_file(spool, "ip_counters", rows, stamp)
        assert loaded(spool, database).files == 1
    check(database, "ip_counters", first + second + third)


@pytest.mark.parametrize("kind", [k.name for k in KINDS.values() if is_counted(k)])
def test_every_counted_kind_loads(places, kind):
    """Any kind, from its declaration alone."""
    spool, database = places
    names = [c.name for c in KINDS[kind].expanded if c.merge.value not in ("key", "attribute")]
    rows = [row_of(kind, flow=f, start=(START + s) * 10**9, **{n: (i * 7 + f * s) % 101 for i, n in enumerate(names)})
            for f in (1, 2) for s in (0, 7, 61, 4000)]
    write_file(spool, kind, rows[:5], "1")
    write_file(spool, kind, rows[5:], "2")
    loaded(spool, database)
    check(database, kind, rows)


def test_second_run_changes_nothing(places):
    """The manifest keeps a file from being loaded again; a file that has grown since is told."""
    spool, database = places
    rows = [counter(packets=3)]
    path = write_file(spool, "ip_counters", rows)
    assert loaded(spool, database).rows == 1
    assert loaded(spool, database).rows == 0
    write_file(spool, "ip_counters", [counter(packets=3), counter(packets=4)])
    report = loaded(spool, database)
    assert report.rows == 0
    assert path.name in report.warnings[0]
    check(database, "ip_counters", rows)
    assert ask(database, "SELECT name, rows, rejected, length(sha256) FROM loaded_file") == [(path.name, 1, 0, 64)]


def test_facts_may_arrive_before_their_definition(places):
    """The flow has its number at once, its description when it comes; facts before and after share the number."""
    spool, database = places
    write_file(spool, "ip_counters", [counter(4, packets=1)], "1")
    loaded(spool, database)
    assert ask(database, "SELECT flow, flow_class, src_addr FROM flow") == [(4, None, None)]
    definition = row_of("flow_definition", flow=4, flow_class="web", src_addr="2001:DB8:0::1", first_seen=1_700_000_000_123_456_789)
    write_file(spool, "flow_definition", [definition, definition], "2")
    write_file(spool, "ip_counters", [counter(4, packets=2)], "2")
    loaded(spool, database)
    write_file(spool, "flow_definition", [definition | {"flow_class": "other"}], "3")
    loaded(spool, database)
    assert ask(database, "SELECT flow_class, src_addr, epoch_ns(first_seen) FROM flow") == [
        ("web", "2001:db8::1", 1_700_000_000_123_456_789)]
    assert ask(database, "SELECT count(DISTINCT flow_key), sum(packets_sum) FROM ip_counters_1day") == [(1, 3)]


def test_flows_of_other_probes_and_runs_are_others(places):
    """(probe, run, flow) identifies; numbers are never shared."""
    spool, database = places
    rows = [counter(1, packets=1) | {"probe": p, "run": r} for p in ("a", "b") for r in (1, 2)]
    write_file(spool, "ip_counters", rows)
    loaded(spool, database)
    check(database, "ip_counters", rows)
    assert ask(database, "SELECT count(*), count(DISTINCT flow_key) FROM flow") == [(4, 4)]


@pytest.mark.parametrize("name", NASTY)
def test_names_are_only_names(places, name):
    """No name of a probe, class, interface or histogram can do more than name."""
    spool, database = places
    empty = name == ""
    definition = row_of("flow_definition", flow=1, flow_class=name or "x", interface=name, probe=name or "x")
    histogram = row_of("histogram_definition", histogram=name or "x", slice=1, lower=0, unit="octets")
    sizes = [row_of("ip_sizes", flow=1, histogram=name or "x", probe=name or "x", population=2, minimum=1, maximum=9)]
    write_file(spool, "flow_definition", [definition])
    write_file(spool, "histogram_definition", [histogram])
    write_file(spool, "ip_sizes", sizes)
    report = loaded(spool, database)
    assert (report.rejected, report.rows) == (0, 3)
    assert ask(database, "SELECT probe, flow_class, interface FROM flow") == [(name or "x", name or "x", None if empty else name)]
    assert ask(database, "SELECT histogram FROM histogram_definition") == [(name or "x",)]
    check(database, "ip_sizes", sizes)


def test_definitions_are_kept_once(places):
    """A definition that is sent again (collector restarted) does not make a second row."""
    spool, database = places
    rows = [row_of("histogram_definition", histogram="h", slice=i, lower=10 * i, upper=10 * i + 9, unit="octets") for i in (1, 2)]
    for stamp in ("1", "2"):
        write_file(spool, "histogram_definition", rows + rows, stamp)
        loaded(spool, database)
    assert ask(database, "SELECT histogram, slice, lower, upper FROM histogram_definition ORDER BY slice") == [
        ("h", 1, 10, 19), ("h", 2, 20, 29)]


def test_largest_values_add_up_exactly(places):
    """Squares of 2^53 and sums of 2^63 - 1 need more than 64 bits, in one file and over files."""
    spool, database = places
    big, wide = 1 << 53, (1 << 63) - 1
    rows = [counter(1, s, packets=big, octets=-big) for s in (0, 1, 2)]
    sizes = [row_of("ip_sizes", flow=1, start=(START + s) * 10**9, sum_of_squares=wide, sum=-wide - 1) for s in (0, 1, 2)]
    for i in range(3):
        write_file(spool, "ip_counters", rows[i:i + 1] if i < 1 else rows[1:] if i == 1 else [], str(i))
        write_file(spool, "ip_sizes", sizes[i:i + 1] if i < 1 else sizes[1:] if i == 1 else [], str(i))
        loaded(spool, database)
    check(database, "ip_counters", rows)
    check(database, "ip_sizes", sizes)


@pytest.mark.parametrize("value", [7, 1 << 20, 1 << 53])
def test_every_interval_has_several_samples(places, value):
    """Hours are then made from minutes and days from hours, in 64 or 128 bits."""
    spool, database = places
    seconds = [s + i for s in (0, 60, 3600, 7260, 90_000) for i in range(3)]
    rows = [counter(f, s, packets=value - s, octets=-value) for f in (1, 2) for s in seconds]
    write_file(spool, "ip_counters", rows)
    loaded(spool, database)
    check(database, "ip_counters", rows)
    assert ask(database, "SELECT count(*) FROM ip_counters_1min_single") == [(0,)]


def test_unknown_kinds_and_unfinished_files_stay(places):
    """What is not a complete file of a known kind is not touched."""
    spool, database = places
    (spool / "plugin_kind.c1.20231114T000000Z.csv").write_text("probe,run\na,1\n")
    (spool / "ip_counters.c1.20231114T000000Z.part").write_text("probe,run\n")
    (spool / "ip_counters.c1.20231114T000000Z.csv.part").write_text("probe,run\n")
    (spool / "ip_counters.c1.x.csv").mkdir()
    report = loaded(spool, database)
    assert report.files == 0
    assert len(report.warnings) == 1
    assert "plugin_kind" in report.warnings[0]
    assert len(list(spool.glob("*.c1.*"))) == 4


def test_empty_spool_makes_a_database_with_all_tables(places):
    """A capture without packets has zeros, not errors."""
    spool, database = places
    assert loaded(spool, database).files == 0
    assert ask(database, "SELECT count(*), sum(packets_sum) FROM ip_counters_1min") == [(0, None)]


def test_second_loader_is_refused(places):
    """On the same spool by its lock; the message names the process."""
    from tmon_store.spool import spool_lock

    spool, database = places
    write_file(spool, "ip_counters", [counter()])
    with spool_lock(spool), pytest.raises(StoreBusyError, match="another loader"):
        loaded(spool, database)
    assert loaded(spool, database).rows == 1


def test_links_in_the_spool_are_not_followed(places, tmp_path):
    """Neither as lock, nor as the file of refused rows being written: what they point to stays as it is."""
    from tmon_store.spool import Rejection, spool_lock, write_rejections

    spool, _ = places
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock = spool / ".loader.lock"
    lock.symlink_to(victim)
    with pytest.raises(StoreError, match=r"\.loader\.lock: is a symbolic link; remove it"), spool_lock(spool):
        pass
    lock.unlink()
    with spool_lock(spool):
        assert lock.stat().st_mode & 0o007 == 0
    (spool / "rejected").mkdir()
    (spool / "rejected" / "a.csv.part").symlink_to(victim)
    assert "cut" in write_rejections(spool, "a.csv", [Rejection(3, "cut")]).read_text()
    assert victim.read_text() == "precious"


def test_a_failed_batch_leaves_nothing(places, monkeypatch):
    """When the engine fails in the middle, neither rows nor manifest stay, and the next run loads all."""
    from tmon_store.backends.duckdb import DuckDB

    spool, database = places
    rows = [counter(packets=3)]
    write_file(spool, "ip_counters", rows)
    with monkeypatch.context() as patch:
        patch.setattr(DuckDB, "append", mock.Mock(side_effect=StoreError("disk full")))
        with pytest.raises(StoreError, match="disk full"):
            loaded(spool, database)
    assert ask(database, "SELECT (SELECT count(*) FROM flow), (SELECT count(*) FROM loaded_file)") == [(0, 0)]
    loaded(spool, database)
    check(database, "ip_counters", rows)


def test_new_columns_of_a_later_version_are_added(places):
    """A database made before a column was declared gets it; older rows are empty there."""
    import duckdb

    spool, database = places
    write_file(spool, "ip_counters", [counter(packets=3)], "1")
    loaded(spool, database)
    with duckdb.connect(database) as connection:
        connection.execute("DROP VIEW ip_counters_1min; ALTER TABLE ip_counters_1min_single DROP COLUMN fragments")
        connection.execute("ALTER TABLE flow DROP COLUMN dscp")
    write_file(spool, "ip_counters", [counter(packets=4, fragments=2), counter(5, fragments=9)], "2")
    loaded(spool, database)
    assert ask(database, "SELECT sum(packets_sum), sum(fragments_sum) FROM ip_counters_1min") == [(7, 11)]


def test_not_a_database(places):
    """A file that is none is named with the reason."""
    spool, database = places
    database.write_text("this is text " * 1000)
    write_file(spool, "ip_counters", [counter()])
    with pytest.raises(StoreError, match=r"t\.duckdb"):
        loaded(spool, database)


def test_what_a_full_disk_left_of_a_database(places):
    """A file without any octets is no database yet: the next run makes one."""
    spool, database = places
    database.touch()
    write_file(spool, "ip_counters", [counter(packets=4)])
    loaded(spool, database)
    assert ask(database, "SELECT sum(packets_sum) FROM ip_counters_1min") == [(4,)]
