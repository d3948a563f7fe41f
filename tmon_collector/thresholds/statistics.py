"""What thresholds count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ThresholdStatistics:
    """Counts since the start of the collector.

    rows                taken from observers
    rows_late           of intervals that had been compared already, or too many intervals away from the others; not used
    rows_undefined      given up: the definition of their flow did not come in time, or too many waited for one
    flows_forgotten     flows forgotten for want of room (max_flows)
    series_refused      rows of series beyond max_series, or of percentiles beyond their room
    intervals_compared  by all thresholds
    intervals_unknown   not compared: the probe was silent, or did not observe all of it
    crossings, returns  told
    file_errors         writes that failed: what they were for is lost at the next restart
    """

    rows: int = 0
    rows_late: int = 0
    rows_undefined: int = 0
    flows_forgotten: int = 0
    series_refused: int = 0
    intervals_compared: int = 0
    intervals_unknown: int = 0
    crossings: int = 0
    returns: int = 0
    file_errors: int = 0
