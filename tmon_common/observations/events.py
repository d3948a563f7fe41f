"""What happened to the programs themselves, and explains the figures of that time."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.kind import Kind

EVENT = Kind(
    name="event",
    number=3,
    meaning="Something happened to a program of trafMon that explains the figures of that time; see events.md.",
    columns=(
        Column("time", Type.TIME, "when it was noticed", unit="s", merge=Merge.KEY),
        Column("component", Type.STRING, "which program noticed: father, child, collector or netflow", merge=Merge.KEY),
        Column("host", Type.STRING, "machine it runs on: `host` of the configuration, else its host name", nullable=True),
        Column("severity", Type.STRING, "info, warning or error"),
        Column("code", Type.STRING, "what happened, as in the catalogue of events", merge=Merge.KEY),
        Column("subject", Type.STRING, "what it happened to: the name of an interface, a probe, ...", nullable=True),
        Column("text", Type.STRING, "the same for people"),
        Column("details", Type.STRING, "values of the event, a JSON object", nullable=True),
    ),
)
