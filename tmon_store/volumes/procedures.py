"""The stored procedures of a server that make volumes: the statements of the script, for people at a client.

`CALL trafMon_template.Aggr_activityvolumetable_first_level('trafMon', '2026-11-25', '')` sums up a day, of one flow class or of
all; the procedure for NetFlow takes no class. Both use what `Update_ftp_data_in_ipcttable` found; call it first.
"""

from __future__ import annotations

from tmon_store.mysql.procedures import procedure_text
from tmon_store.volumes import first_level, ftp
from tmon_store.volumes.expressions import Scope
from tmon_store.volumes.schema import FTP_DATA_FLOW, NETFLOW, PROBE, VOLUMES

_STEPS = {"day": "CAST(p_day AS DATETIME)", "next_day": "CAST(p_day AS DATETIME) + INTERVAL 1 DAY"}


def procedures() -> list[str]:
    """Statements that make the three."""
    scope = Scope.of()
    room = [("CALL", "Partition_add", f"'{table.name}'", "p_day") for table in VOLUMES.values()]
    day = {"day": "DATE"}
    return [
        *procedure_text("Update_ftp_data_in_ipcttable", day,
                        [("CALL", "Partition_add", f"'{FTP_DATA_FLOW.name}'", "p_day"), *ftp.statements(scope)],
                        "Find the flows that carried data of FTP on a day", steps=_STEPS, alone=True),
        *procedure_text("Aggr_activityvolumetable_first_level", day | {"flow_class": "VARCHAR(190)"},
                        [*room, *first_level.statements(PROBE, scope)],
                        "Volumes of a day as probes counted them, of a flow class or (empty) of all", steps=_STEPS, alone=True),
        *procedure_text("Aggr_activityvolumetable_netflow_first_level", day, [*room, *first_level.statements(NETFLOW, scope)],
                        "Volumes of a day as exporters of NetFlow told them", steps=_STEPS | {"flow_class": "''"}, alone=True),
    ]
