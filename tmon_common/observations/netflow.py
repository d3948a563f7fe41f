"""Traffic as other exporters tell it: NetFlow v5, v9, IPFIX."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.counters import FLOW_INTERVAL
from tmon_common.observations.kind import Kind

NETFLOW_CLASS = "netflow"
"""Flow class of the definitions that such rows refer to."""

NETFLOW = Kind(
    name="netflow",
    number=42,
    meaning="Traffic that flow records of an exporter report, spread evenly over the minutes that each of them covers. probe is "
            "the exporter, run the start of the receiver; the flow is defined as others are, in the class netflow.",
    columns=(
        *FLOW_INTERVAL,
        Column("octets", Type.INTEGER, "octets of the IP packets", unit="octets", merge=Merge.SUM,
               reference="RFC 7012 octetDeltaCount (1)"),
        Column("packets", Type.INTEGER, "IP packets", unit="packets", merge=Merge.SUM,
               reference="RFC 7012 packetDeltaCount (2)"),
        Column("records", Type.INTEGER, "flow records, each counted in the minute where it begins", unit="records",
               merge=Merge.SUM),
    ),
)
