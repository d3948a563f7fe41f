"""Stored procedures: the same as what the scripts do, and nothing else."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from tmon_store.backends.mysql import MySQL
from tmon_store.errors import StoreError
from tmon_store.mysql.procedures import built_in, procedure_text
from tmon_store.schema import Field, Storage, Table

TODAY = datetime.now(UTC).date()
DAY = Table("by_procedure", (Field("start", Storage.TIME), Field("n", Storage.INTEGER)), ("start",), "start")
MONTH = Table("by_procedure_1day", DAY.fields, DAY.key, "start", "month")
TWINS = {DAY: Table("by_python", DAY.fields, DAY.key, "start"),
         MONTH: Table("by_python_1day", DAY.fields, DAY.key, "start", "month")}


@pytest.fixture(scope="module")
def store(mariadb):
    template = MySQL(mariadb.root, "trafMon_template")
    for statement in built_in():
        template.run(statement)
    template.close()
    store = MySQL(mariadb.root, "trafMon_procedures")
    store.ensure([DAY, MONTH, *TWINS.values()])
    yield store
    store.close()


def partitions(store, table):
    return store.query("SELECT partition_name, partition_description FROM information_schema.partitions"
                       f" WHERE table_schema = DATABASE() AND table_name = '{table.name}' ORDER BY partition_ordinal_position")


@pytest.mark.parametrize("table", [DAY, MONTH])
def test_partitions_as_the_loader_makes_them(store, table):
    """Day after day, gaps, late ones, months' ends, each twice; then what is old goes, step by step."""
    twin = TWINS[table]
    days = [TODAY - timedelta(days=n) for n in (0, 1, 5, 3, 3, 4, 40, 400, 399, 31, 365)] + [date(1999, 5, 31), date(2024, 2, 29)]
    for day in days:
        store.run(f"CALL trafMon_template.Partition_add('trafMon_procedures', '{table.name}', '{day}')")
        store.prepare({twin: [day]})
        store.run(f"INSERT IGNORE INTO {table.name} VALUES ('{day} 12:00:00', 1)")
        store.run(f"INSERT IGNORE INTO {twin.name} VALUES ('{day} 12:00:00', 1)")
        assert partitions(store, twin) == partitions(store, table)
    for keep in (2000, 390, 390, 45, 4, 1):
        store.run(f"CALL trafMon_template.Partition_drop('trafMon_procedures', '{table.name}', {keep})")
        store.drop_before(twin, datetime.combine(TODAY - timedelta(days=keep), datetime.min.time()))
        assert partitions(store, twin) == partitions(store, table)
        rows = [store.query(f"SELECT start FROM {t.name} ORDER BY 1") for t in (table, twin)]
        assert rows[0] == rows[1]
        if table is DAY:
            assert sorted({d for d in days if d >= TODAY - timedelta(days=keep)}) == [t.date() for (t,) in rows[0]]


@pytest.mark.parametrize("argument", ["x'; DROP DATABASE trafMon_procedures; --", 'x"', "a.b", "", " ", "ä", None])
def test_names_are_checked(store, argument):
    """Before a statement is made of them."""
    for procedure, arguments in (("Drop_working_tables", [argument]), ("Partition_add", [argument, "t", TODAY]),
                                 ("Partition_add", ["trafMon_procedures", argument, TODAY]),
                                 ("Partition_drop", [argument, "t", 1]), ("Partition_drop", ["trafMon_procedures", argument, 1])):
        marks = ", ".join(["%s"] * len(arguments))
        with pytest.raises(StoreError, match="expected letters, digits and _"):
            store._connection.rows(f"CALL trafMon_template.{procedure}({marks})", arguments)


@pytest.mark.parametrize("keep", ["0", "-1", "NULL"])
def test_not_everything_is_dropped(store, keep):
    """At least today stays."""
    with pytest.raises(StoreError, match="expected 1 or more"):
        store.run(f"CALL trafMon_template.Partition_drop('trafMon_procedures', 'by_procedure', {keep})")


def test_only_working_tables_are_dropped(store):
    """By their names; views and others stay."""
    for name in ("working_a", "working_b", "workingc", "other_working_d"):
        store.run(f"CREATE TABLE {name} (a INT)")
    store.run("CREATE VIEW working_view AS SELECT 1")
    store.run("CALL trafMon_template.Drop_working_tables('trafMon_procedures')")
    left = {name for (name,) in store.query("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")}
    assert {"workingc", "other_working_d", "working_view"} <= left
    assert not {"working_a", "working_b"} & left


def test_a_procedure_made_of_statements(store):
    """Values by name, derived ones, constants with quotes and marks; in the database of the caller's choice; all or nothing."""
    tables = sa.MetaData()
    made = sa.Table("made", tables, sa.Column("a", sa.BigInteger()), sa.Column("b", sa.Text()), sa.Column("day", sa.DateTime()))
    store.run('CREATE TABLE "made" (a BIGINT PRIMARY KEY, b TEXT, day DATETIME)')
    text = "it's a \\ \"mark\" %s %(day)s %%"
    source = sa.select(sa.bindparam("n", type_=sa.BigInteger()), sa.literal(text), sa.bindparam("next_day", type_=sa.DateTime()))
    for statement in procedure_text("Try", {"day": "DATE", "n": "INT"}, [
            sa.delete(made).where(made.c.a.in_([7, 8])), sa.insert(made).from_select(["a", "b", "day"], source)],
            "it's a try", steps={"next_day": "p_day + INTERVAL 1 DAY"}):
        store.run(statement)
    store._connection.rows("CALL \"Try\"('trafMon_procedures', '2024-02-28', 7)")
    expected = [(7, text, datetime(2024, 2, 29))]  # noqa: DTZ001
    assert expected == store.query("SELECT a, b, day FROM made")
    store.run("INSERT INTO made VALUES (9, '', NULL)")
    with pytest.raises(StoreError, match="Duplicate entry"):
        store._connection.rows("CALL \"Try\"('trafMon_procedures', '2024-02-28', 9)")
    assert [(7,), (9,)] == store.query("SELECT a FROM made ORDER BY 1"), "what it had deleted is back"
