"""Round trips one by one, as rows of the kind round_trip."""

import numpy as np

from tmon_common.analyses.built_in import METRICS
from tmon_common.observations import ABSENT, ROUND_TRIP, Rows
from tmon_probe.child.round_trips.sample import ICMP_ECHO, OUTCOMES, UNANSWERED

_STRINGS = [*METRICS, *OUTCOMES]


def round_trip_rows(samples: np.ndarray, owners: np.ndarray) -> Rows:
    """SAMPLE (k,) as published, but those which by their OWNER (k,) count to no flow."""
    if len(owners) and owners["flow"].min() < 0:
        samples, owners = samples[owners["flow"] >= 0], owners[owners["flow"] >= 0]
    values = np.empty(len(samples), ROUND_TRIP.dtype)
    values["flow"] = owners["number"]
    values["time"] = samples["time_ns"]
    values["metric"] = samples["metric"]
    for side in ("requester", "responder"):
        values[f"{side}_addr"][:, 0] = samples[f"{side}_hi"].view(np.int64)
        values[f"{side}_addr"][:, 1] = samples[f"{side}_lo"].view(np.int64)
        values[f"{side}_port"] = np.where(samples["metric"] == ICMP_ECHO, ABSENT, samples[f"{side}_port"].astype(np.int64))
    values["identifier"] = samples["identifier"]
    unanswered = samples["outcome"] == UNANSWERED
    values["round_trip"] = np.where(unanswered, ABSENT, samples["round_trip_ns"])
    values["outcome"] = len(METRICS) + samples["outcome"].astype(np.int64)
    values["code"] = np.where(unanswered, ABSENT, samples["code"].astype(np.int64))
    return Rows(ROUND_TRIP, values, _STRINGS)
