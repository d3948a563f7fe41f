"""The database `trafMon_template`: every table, without rows; the ports and their services; the stored procedures.

A new database takes its tables from there, so what an administrator changes in it (compression, a further index, a port of the
house) holds for all databases to come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tmon_common.analyses.catalogue import catalogue
from tmon_common.config.store_model import Server
from tmon_store import protocol_port
from tmon_store.backends.mysql import TEMPLATE, MySQL
from tmon_store.mysql.procedures import built_in
from tmon_store.schema import Rollup, Table, flow_table, is_counted, manifest_table, record_table, rollups


@dataclass(frozen=True)
class Made:
    """What the template holds now."""

    tables: int
    ports: int
    procedures: int


def loaders_tables() -> tuple[list[Table], list[Rollup]]:
    """Those that the loader fills, of all kinds that are known."""
    kinds = [k for k in catalogue().kinds.values() if not k.transient]
    plain = [record_table(k) for k in kinds if not is_counted(k) and k.name != "flow_definition"]
    return [flow_table(), manifest_table(), *plain], [r for k in kinds if is_counted(k) for r in rollups(k)]


def update_template(server: Server, more: Iterable[Table] = (), procedures: Iterable[str] = ()) -> Made:
    """Create the template, or give it what it lacks; procedures are made anew. StoreError if the account may not.

    more        tables of others than the loader
    procedures  statements that make further ones, see `procedures.procedure_text`
    """
    store = MySQL(server, TEMPLATE)
    try:
        tables, levels = loaders_tables()
        store.ensure([*tables, *more], levels)
        protocol_port.fill(store)
        for statement in [*built_in(), *procedures]:
            store.run(statement)
        return Made(*(store.query(f"SELECT count(*) FROM {what}")[0][0] for what in (  # noqa: S608
            "information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'", "protocol_port",
            "information_schema.routines WHERE routine_schema = DATABASE()")))
    finally:
        store.close()
