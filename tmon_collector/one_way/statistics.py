"""Statistics of judged packets: distributions of delays, counters, and offsets of clocks, by flow and interval. An engine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tmon_collector.one_way.packets import Packets
from tmon_collector.one_way.sources import Published, Sources
from tmon_common.config.model import Histogram, OneWay


class Statistics:
    """Of one class.

    A flow has one row of each kind per interval (of distributions: per pair of hops), whatever number of probes and runs it was
    seen by. It is published under the definition that saw it earliest on the way in that interval (lowest hop on the way, then lowest index).

    sources     asked, when an interval is closed, for the definitions of the packets in it
    histograms  by name
    """

    def __init__(self, flow_class: str, one_way: OneWay, histograms: Mapping[str, Histogram], sources: Sources) -> None: ...

    def add(self, packets: Packets, round_end_ns: int) -> None:
        """Packets of a round, judged, all before round_end_ns (their reference); rounds come in their order."""

    def close(self, until_ns: int) -> list[Published]:
        """Intervals that end by then (of all, if more rows wait than MAX_ROWS): kinds one_way_delay_histogram, one_way_delay_bucket,
        one_way_counters, clock_offset (of the source COLLECTOR), in this order."""

    def forget(self, flows: np.ndarray) -> None:
        """Flows (int64) that are gone for long; others may get their numbers. To be called after the close of their intervals."""
