"""What must be found of packets, by where their parts were recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.oracles.one_way_packets import Followed
from tests.synthetic_one_way.network import Flow, Network
from tests.synthetic_one_way.packets import NUMBERS


@dataclass
class Seen:
    """A packet, or datagram.

    flow    as it is sent; later: a fragment that is not the first, and so of a flow without ports
    parts   hop -> (time, offset, octets, more) of all that was recorded of it
    """

    flow: Flow
    back: bool
    octets: int
    later: bool = False
    parts: dict[int, list[tuple[int, int, int, bool]]] = field(default_factory=lambda: defaultdict(list))


def followed(network: Network, seen: Iterable[Seen]) -> tuple[list[Followed], int, int]:
    """Packets, copies beyond the first at any hop, packets of which there are some. What no hop saw nobody can know of."""
    packets, copies, duplicated = [], 0, 0
    seen = list(seen)
    passed_first = {(s.flow, s.later) for s in seen if s.parts[len(network.hops) - 1 if s.back else 0]}
    for one in seen:
        spans = [_span(one.parts[hop], network.per) for hop in range(len(network.hops))]
        if not any(spans):
            continue
        packets.append(_followed(one, spans, (one.flow, one.later) in passed_first))
        if network.per == "packet":
            more = sum(max(len(parts) - 1, 0) for parts in one.parts.values())
            copies, duplicated = copies + more, duplicated + bool(more)
    return packets, copies, duplicated


def _span(parts: list[tuple[int, int, int, bool]], per: str) -> tuple[int, int] | None:
    """When it came and when all of it was there; None if that never was."""
    if not parts:
        return None
    if per == "packet":
        return (min(parts)[0],) * 2
    first = {}
    for time_ns, offset, octets, more in sorted(parts):
        first.setdefault(offset, (time_ns, octets, more))
    end, open_ended = 0, True
    for offset, (_, octets, more) in sorted(first.items()):
        if offset != end:
            return None
        end, open_ended = end + octets, more
    times = [time_ns for time_ns, _, _ in first.values()]
    return None if open_ended else (min(times), max(times))


def _followed(one: Seen, spans: list[tuple[int, int] | None], passed_first: bool) -> Followed:
    hops = len(spans)
    way = list(range(hops - 1, -1, -1)) if one.back else list(range(hops))
    last = max(position for position, hop in enumerate(way) if spans[hop])
    verdict, after = "complete", 0
    if last < hops - 1:
        verdict, after = "lost", way[last] + 1
    elif not all(spans):
        verdict = "missed" if passed_first else "injected"
    flow, ends = one.flow, (spans[way[0]], spans[way[-1]])
    ports = (str(flow.src_port), str(flow.dst_port)) if flow.protocol in ("tcp", "udp") and not one.later else ("", "")
    delay_ns = ends[1][1] - ends[0][0] if all(ends) else None
    return Followed((flow.src, flow.dst, str(NUMBERS[flow.protocol]), *ports), one.octets,
                    tuple(span[0] if span else None for span in spans), verdict, after, delay_ns)
