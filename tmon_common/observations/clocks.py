"""What a collector knows of the clocks of its probes; without it one-way figures cannot be judged."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.kind import Kind

PROBE_CLOCK = Kind(
    name="probe_clock",
    number=4,
    meaning="How far the clock of a collector is ahead of the probe's, as heartbeats and their answers bound it: see protocol.md, "
            "section 3.",
    columns=(
        Column("time", Type.TIME, "end of the time looked at, by the collector's clock", unit="s", merge=Merge.KEY),
        Column("collector", Type.STRING, "name of the collector", merge=Merge.KEY),
        Column("offset_low", Type.DURATION, "at least so far; negative: the probe is ahead. Empty: no answer has reached the probe",
               unit="s", nullable=True, reference="RFC 5905 section 8, without assuming that both ways are alike"),
        Column("offset_high", Type.DURATION, "at most so far", unit="s", nullable=True, reference="RFC 5905 section 8"),
        Column("round_trip", Type.DURATION, "offset_high - offset_low: shortest way there and back", unit="s", nullable=True),
        Column("heartbeats", Type.INTEGER, "heartbeats that the bounds come from"),
        Column("steps", Type.INTEGER, "how often, since the row before, a heartbeat contradicted those before it: one of the "
                                      "clocks was set, or went too fast or slow"),
    ),
)
