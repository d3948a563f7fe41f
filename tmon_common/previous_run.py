"""The run of a program before this one, where it did not end in order: its statistics were still there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tmon_common.events import Event, event
from tmon_common.stats import Statistics

UNKNOWN = "at a time not known"


def previous_run_died(program: str, name: str, statistics: Statistics, time_ns: int) -> list[Event]:
    """What is to be told of it, if anything. program: tmon_probe or tmon_collector; name: which; statistics: of this run."""
    if statistics.replaced is None:
        return []
    return [event("previous_run_died", time_ns, name, program=program, began=_began(statistics.replaced))]


def _began(text: str) -> str:
    """By the text of a block: a JSON object with the beginning of its run, in ms since 1970; or anything at all."""
    try:
        run_ms = json.loads(text)["run"]
        return datetime.fromtimestamp(run_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return UNKNOWN
