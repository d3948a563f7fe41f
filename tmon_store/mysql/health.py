"""Whether a server has what trafMon needs, as an administrator sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tmon_store.backends.mysql import TEMPLATE
from tmon_store.backends.mysql_connection import Connection
from tmon_store.mysql.accounts import LOADER, REPORTS
from tmon_store.mysql.partitions import FUTURE, MAX_PARTITIONS

if TYPE_CHECKING:
    from tmon_common.config.store_model import Server

LEAST_PACKET = 1 << 20
PROCEDURES = ("Partition_add", "Partition_drop", "Drop_working_tables", "Update_ftp_data_in_ipcttable",
              "Aggr_activityvolumetable_first_level", "Aggr_activityvolumetable_netflow_first_level")


@dataclass(frozen=True)
class Finding:
    """good: nothing to do."""

    good: bool
    text: str


def findings(admin: Server) -> list[Finding]:
    """What was looked at, in order. StoreError if the server does not let us in."""
    connection = Connection(admin)
    try:
        return [*_server(connection), *_template(connection), *_accounts(connection), *_databases(connection)]
    finally:
        connection.close()


def _server(connection: Connection) -> list[Finding]:
    version, local, files, packet = connection.rows("SELECT version(), @@local_infile, @@open_files_limit, @@max_allowed_packet")[0]
    return [Finding(True, f"server {version}, {files} open files at most"),
            Finding(packet >= LEAST_PACKET, f"max_allowed_packet is {packet} octets"
                    + ("" if packet >= LEAST_PACKET else f", statements may not fit: set it to {LEAST_PACKET} or more")),
            Finding(bool(local), "local_infile is ON" if local else "local_infile is OFF, rows cannot be loaded: set it ON")]


def _template(connection: Connection) -> list[Finding]:
    tables = connection.rows("SELECT count(*) FROM information_schema.tables WHERE table_schema = %s", [TEMPLATE])[0][0]
    present = {name for (name,) in connection.rows(
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = %s", [TEMPLATE])}
    lacking = [p for p in PROCEDURES if p not in present]
    text = f"{TEMPLATE}: {tables} tables and views, {len(present)} procedures"
    if lacking or not tables:
        return [Finding(False, f"{text}, lacks {', '.join(lacking) or 'tables'}: scripts/trafmon_mysql.py setup")]
    return [Finding(True, text)]


def _accounts(connection: Connection) -> list[Finding]:
    found = []
    for account in (LOADER, REPORTS):
        hosts = [host for (host,) in connection.rows("SELECT host FROM mysql.user WHERE user = %s ORDER BY host", [account.name])]
        found.append(Finding(True, f"account {account.name}@{', '.join(hosts)}") if hosts
                     else Finding(False, f"no account {account.name}: scripts/trafmon_mysql.py setup"))
    return found


def _databases(connection: Connection) -> list[Finding]:
    """Each database of trafMon: its size, the most partitions of a table, and whether nothing is where nothing may be."""
    found = []
    names = [n for (n,) in connection.rows("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'trafMon%'"
                                           " AND schema_name <> %s ORDER BY 1", [TEMPLATE])]
    for name in names:
        octets, = connection.rows("SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables"
                                  " WHERE table_schema = %s", [name])[0]
        partitions = dict(connection.rows(
            "SELECT table_name, count(*) FROM information_schema.partitions WHERE table_schema = %s AND partition_name IS NOT NULL"
            " GROUP BY 1", [name]))
        most = max(partitions.values(), default=0)
        text = f"{name}: {float(octets) / 1e6:.1f} MB, at most {most} partitions (of {MAX_PARTITIONS}) a table"
        found.append(Finding(most <= MAX_PARTITIONS // 10 * 9, text))
        with_future = connection.rows("SELECT table_name FROM information_schema.partitions WHERE table_schema = %s"
                                      " AND partition_name = %s ORDER BY 1", [name, FUTURE])
        for (table,) in with_future:
            quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (name, table))  # others may have named them
            if connection.rows(f"SELECT 1 FROM {quoted} PARTITION ({FUTURE}) LIMIT 1"):  # noqa: S608 names that the server told
                found.append(Finding(False, f"{name}.{table}: rows in {FUTURE}, which has to be empty: CALL "
                                     f"{TEMPLATE}.Partition_add('{name}', '{table}', <their day>)"))
    return found
