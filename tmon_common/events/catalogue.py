"""All events that there are, by code."""

from __future__ import annotations

from collections.abc import Mapping

from tmon_common.events import (
    agent,
    analyses,
    capture,
    clocks,
    collector,
    configuration,
    netflow,
    one_way,
    probe,
    publication,
    runs,
    thresholds,
)
from tmon_common.events.declaration import Declaration

_PARTS = (probe, capture, analyses, publication, collector, clocks, one_way, thresholds, netflow, configuration, runs, agent)

CATALOGUE: Mapping[str, Declaration] = {d.code: d for part in _PARTS for d in part.DECLARATIONS}
"""In the order of docs/events.md."""
