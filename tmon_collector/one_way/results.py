"""What a class's packets become: the kinds that its configuration asks for, in pieces that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tmon_collector.one_way.flows import Definitions
from tmon_collector.one_way.packets import DROPPED, INJECTED, LOST, MISSED, Packets
from tmon_collector.one_way.rounds import closed_ns
from tmon_collector.one_way.rows import exception_rows, packet_rows
from tmon_collector.one_way.sources import Published
from tmon_collector.one_way.statistics import Statistics
from tmon_common.config.model import FlowClass, Histogram
from tmon_common.observations import (
    CLOCK_OFFSET,
    ONE_WAY_COUNTERS,
    ONE_WAY_DELAY_BUCKET,
    ONE_WAY_DELAY_HISTOGRAM,
    ONE_WAY_DROPPED,
    ONE_WAY_LOST,
    ONE_WAY_MISSED,
    ONE_WAY_PACKET,
    Kind,
)

PIECE = 4096
"""Packets of which rows are made at a time."""
_EXCEPTIONS = {ONE_WAY_LOST: (LOST,), ONE_WAY_DROPPED: (DROPPED,), ONE_WAY_MISSED: (MISSED, INJECTED)}


class Results:
    """Of one class.

    packet_kinds    of which a packet makes a row; interval_kinds: of which a flow and interval do
    """

    def __init__(self, flow_class: FlowClass, histograms: Mapping[str, Histogram], definitions: Definitions) -> None:
        self._one_way, self._sources = flow_class.one_way, definitions
        self.packet_kinds = ((ONE_WAY_PACKET,) if self._one_way.output != "histograms" else ()) + (
            tuple(_EXCEPTIONS) if self._one_way.individual else ())
        distributions = (ONE_WAY_DELAY_HISTOGRAM, ONE_WAY_DELAY_BUCKET) if self._one_way.output != "packets" else ()
        self.interval_kinds = (*distributions, ONE_WAY_COUNTERS, CLOCK_OFFSET)
        self._statistics = Statistics(flow_class.name, self._one_way, histograms, definitions, definitions.ties)

    def of_packets(self, kind: Kind, packets: Packets) -> Iterator[Published]:
        """Rows of one of packet_kinds."""
        if kind in _EXCEPTIONS:
            packets = _chosen(packets, np.isin(packets.verdict, _EXCEPTIONS[kind]))
        for first in range(0, len(packets.flow), PIECE):
            piece = _chosen(packets, slice(first, first + PIECE))
            rows = exception_rows if kind in _EXCEPTIONS else packet_rows
            yield from (p for p in rows(piece, self._one_way, self._sources) if p.rows.kind == kind)

    def take(self, packets: Packets, end_ns: int) -> dict[str, list[Published]]:
        """The packets of the next round, which ends then. Rows of the intervals that can be closed, by name of the kind."""
        self._statistics.add(packets, end_ns)
        closed: dict[str, list[Published]] = {}
        for published in self._statistics.close(closed_ns(self._one_way, end_ns)):
            closed.setdefault(published.rows.kind.name, []).append(published)
        return closed

    def forget(self, flows: np.ndarray) -> None:
        """Their numbers will be others'."""
        self._statistics.forget(flows)


def _chosen(packets: Packets, which) -> Packets:
    return Packets(*(None if column is None else column[which] for column in packets))


@dataclass(frozen=True)
class Output:
    """Rows of a kind, all or none to be written, with a mark that says so. pieces: makes them, as often as it is called."""

    kind: Kind
    pieces: Callable[[], Iterator[Published]]


@dataclass(frozen=True)
class Round:
    """What a settled round gives: everything before end_ns (packet time) is in these outputs, or in those of rounds before.

    needed_from_ns  observations before it are not needed any more once these are written
    """

    flow_class: str
    epoch: int
    end_ns: int
    needed_from_ns: int
    outputs: tuple[Output, ...]
