"""What a class's packets become: what the engine asks of the statistics, and what it hands to whoever writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tmon_collector.one_way.packets import Packets
from tmon_common.observations import Kind, Rows


class Published(NamedTuple):
    """Rows of one source."""

    probe: str
    run_ms: int
    rows: Rows


class Results(Protocol):
    """Of one class."""

    packet_kinds: tuple[Kind, ...]
    """Those of which a packet makes a row."""
    interval_kinds: tuple[Kind, ...]

    def of_packets(self, kind: Kind, packets: Packets) -> Iterator[Published]:
        """Rows of one of packet_kinds."""
        ...

    def take(self, packets: Packets) -> None:
        """Those of the next round."""
        ...

    def close(self, until_ns: int) -> dict[str, list[Published]]:
        """Rows of intervals that end by then, by name of the kind."""
        ...

    def forget(self, flows) -> None:
        """Their numbers will be others'."""
        ...


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
