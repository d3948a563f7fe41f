"""Distribution of the packet sizes of a flow over one interval."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.counters import FLOW_INTERVAL
from tmon_common.observations.kind import Kind

MAX_SLICES = 16
"""Slices a histogram may have."""

IP_SIZES = Kind(
    name="ip_sizes",
    number=20,
    meaning="Histogram and moments of the IP packet sizes of a flow in an interval.",
    columns=(
        *FLOW_INTERVAL,
        Column("histogram", Type.STRING, "histogram whose slices are used, see histogram_definition", merge=Merge.KEY),
        Column("population", Type.INTEGER, "packets", unit="packets", merge=Merge.SUM, reverse=True),
        Column("sum", Type.INTEGER, "sum of the sizes", unit="octets", merge=Merge.SUM, reverse=True),
        Column("sum_of_squares", Type.INTEGER, "sum of the squared sizes", unit="octets^2", merge=Merge.SUM, reverse=True,
               reference="RFC 7012 octetDeltaSumOfSquares (198)"),
        Column("minimum", Type.INTEGER, "smallest size; empty without packets", unit="octets", merge=Merge.MINIMUM, reverse=True,
               nullable=True, reference="RFC 7012 minimumIpTotalLength (25)"),
        Column("maximum", Type.INTEGER, "largest size; empty without packets", unit="octets", merge=Merge.MAXIMUM, reverse=True,
               nullable=True, reference="RFC 7012 maximumIpTotalLength (26)"),
        Column("slice", Type.INTEGER, "packets whose size lies in the slice", unit="packets", merge=Merge.SUM, reverse=True,
               repeat=MAX_SLICES),
    ),
)
