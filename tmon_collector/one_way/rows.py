"""Rows of single packets: each packet and its way, and exceptions."""

from __future__ import annotations

import numpy as np

from tmon_collector.one_way.figures import FURTHEST_NS
from tmon_collector.one_way.packets import DROPPED, INJECTED, LOST, MISSED, NO_OCTETS, Packets
from tmon_collector.one_way.sources import Published, Sources, published, resolve
from tmon_common.config.model import OneWay
from tmon_common.observations import ABSENT, ONE_WAY_DROPPED, ONE_WAY_LOST, ONE_WAY_MISSED, ONE_WAY_PACKET, Kind
from tmon_common.observations.one_way import VERDICTS

_EXCEPTIONS = ((ONE_WAY_LOST, (LOST,)), (ONE_WAY_DROPPED, (DROPPED,)), (ONE_WAY_MISSED, (MISSED, INJECTED)))


def packet_rows(packets: Packets, one_way: OneWay, sources: Sources) -> list[Published]:
    """Kind one_way_packet, of the definition that the packet has."""
    named = resolve(packets.definition, sources)
    values = _rows(ONE_WAY_PACKET, packets, named.flow)
    paths, path = _paths(packets.points, one_way)
    values["verdict"], values["path"] = packets.verdict, path + len(VERDICTS)
    values["lost_after"] = np.where(packets.verdict == LOST, packets.lost_after.astype(np.int64), ABSENT)
    values["copies"], values["clash"] = packets.copies, packets.clash
    values["one_way_delay"] = _delay(packets)
    hops = packets.times.shape[1]
    at, last_at = (ONE_WAY_PACKET.word_of(f"{n}_01") for n in ("time_at", "last_at"))
    words = values.view(np.int64).reshape(len(values), ONE_WAY_PACKET.words)
    words[:, at:] = ABSENT
    words[:, at : at + hops] = packets.times
    if packets.last is not None:
        words[:, last_at : last_at + hops] = packets.last
    return published(ONE_WAY_PACKET, words, named.owners, named.owner, [*VERDICTS, *paths])


def exception_rows(packets: Packets, one_way: OneWay, sources: Sources) -> list[Published]:
    """Kinds one_way_lost, one_way_dropped, one_way_missed, of the definition that the packet has."""
    result = []
    for kind, verdicts in _EXCEPTIONS:
        chosen = Packets(*(None if c is None else c[np.isin(packets.verdict, verdicts)] for c in packets))
        if not len(chosen.flow):
            continue
        named = resolve(chosen.definition, sources)
        values = _rows(kind, chosen, named.flow)
        values["after_hop"], values["before_hop"] = _where(chosen, one_way)
        words = values.view(np.int64).reshape(len(values), kind.words)
        result += published(kind, words, named.owners, named.owner, [h.name for h in one_way.hops])
    return result


def _rows(kind: Kind, packets: Packets, flow: np.ndarray) -> np.ndarray:
    values = np.empty(len(flow), kind.dtype)
    values["flow"], values["time"], values["signature"] = flow, packets.reference_ns, packets.signature
    values["octets"] = np.where(packets.octets == NO_OCTETS, ABSENT, packets.octets.astype(np.int64))
    return values


def _delay(packets: Packets) -> np.ndarray:
    """int64: from the first hop of the way to the last one."""
    first, last = packets.times[:, 0], packets.times[:, -1]
    ends_first, ends_last = first, last
    if packets.last is not None:
        ends_first, ends_last = (np.where(packets.last[:, i] != ABSENT, packets.last[:, i], packets.times[:, i]) for i in (0, -1))
    both = (first != ABSENT) & (last != ABSENT)
    delay = np.where(packets.reverse != 0, ends_first - last, ends_last - first)
    return np.where(both, np.clip(delay, -FURTHEST_NS, FURTHEST_NS), ABSENT)


def _paths(points: np.ndarray, one_way: OneWay) -> tuple[list[str], np.ndarray]:
    """Texts of all ways, and which one each packet took. points: uint8 (n, hops)."""
    octets = np.zeros((len(points), 8), np.uint8)
    octets[:, : points.shape[1]] = points
    _, first, way = np.unique(octets.view(np.uint64).ravel(), return_index=True, return_inverse=True)
    names = [f"{p.probe}/{p.interface}" for p in one_way.points]
    return [">".join(names[n - 1] for n in points[i].tolist() if n) for i in first.tolist()], way


def _where(packets: Packets, one_way: OneWay) -> tuple[np.ndarray, np.ndarray]:
    """The last hop that saw a packet before what is missing (ABSENT: none did), and the first one that did not see it: positions.

    Lost packets are missing after the last hop that saw them. Hops without observation points do not matter.
    """
    hops = np.array([i for i, h in enumerate(one_way.hops) if h.points], np.int64)
    seen = packets.times[:, hops] != ABSENT
    back = packets.reverse != 0
    seen[back] = seen[back, ::-1]
    position = np.where(back[:, None], hops[::-1], hops)
    row = np.arange(len(seen))
    after_last = len(hops) - np.argmax(seen[:, ::-1], axis=1)  # on the way
    missing = np.where(after_last < len(hops), after_last, np.argmax(~seen, axis=1))
    before = np.where(missing > 0, position[row, np.maximum(missing - 1, 0)], ABSENT)
    return before, position[row, np.minimum(missing, len(hops) - 1)]
