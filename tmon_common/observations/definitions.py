"""Kinds that say what the numbers of other kinds stand for. Sent once, kept for ever."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.kind import Kind

FLOW_DEFINITION = Kind(
    name="flow_definition",
    number=1,
    meaning="A granular flow was seen for the first time: the values of the fields that identify it.",
    permanent=True,
    columns=(
        Column("flow", Type.INTEGER, "number of the flow within the probe's run", merge=Merge.KEY,
               reference="RFC 7012 flowId (148)"),
        Column("flow_class", Type.STRING, "flow class, as named in the configuration"),
        Column("interface", Type.STRING, "interface of the probe, the observation point", nullable=True,
               reference="RFC 7012 interfaceName (82)"),
        Column("src_addr", Type.ADDRESS, "source of the first packet seen", nullable=True,
               reference="RFC 7012 sourceIPv4Address (8), sourceIPv6Address (27)"),
        Column("dst_addr", Type.ADDRESS, "destination of the first packet seen", nullable=True,
               reference="RFC 7012 destinationIPv4Address (12), destinationIPv6Address (28)"),
        Column("protocol", Type.INTEGER, "transport protocol number", nullable=True,
               reference="RFC 7012 protocolIdentifier (4)"),
        Column("src_port", Type.INTEGER, "source port; empty where the protocol has none", nullable=True,
               reference="RFC 7012 sourceTransportPort (7)"),
        Column("dst_port", Type.INTEGER, "destination port; empty where the protocol has none", nullable=True,
               reference="RFC 7012 destinationTransportPort (11)"),
        Column("bidirectional", Type.INTEGER, "1: both directions are one flow, the reverse counted in *_rev; 0: one direction",
               reference="RFC 5103 section 3"),
        Column("vlan", Type.INTEGER, "VLAN identifier of the outermost tag, 0 untagged", nullable=True,
               reference="RFC 7012 vlanId (58)"),
        Column("dscp", Type.INTEGER, "differentiated services code point", nullable=True,
               reference="RFC 7012 ipDiffServCodePoint (195)"),
        Column("first_seen", Type.TIME, "time of the first packet", unit="s", reference="RFC 7012 flowStartNanoseconds (156)"),
    ),
)

HISTOGRAM_DEFINITION = Kind(
    name="histogram_definition",
    number=2,
    meaning="One slice of a configured histogram: which values are counted in it.",
    permanent=True,
    columns=(
        Column("histogram", Type.STRING, "histogram, as named in the configuration", merge=Merge.KEY),
        Column("slice", Type.INTEGER, "number of the slice, from 1: `slice_01` and so on where it is used", merge=Merge.KEY),
        Column("unit", Type.STRING, "unit of the bounds: octets, or ns for delays"),
        Column("lower", Type.INTEGER, "smallest value counted in the slice"),
        Column("upper", Type.INTEGER, "largest value counted in the slice; empty in the last one: no bound", nullable=True),
    ),
)
