"""Packets for tests: at random, and from a list."""

import numpy as np

from tests.oracles.one_way_statistics_twin import LOST, Packet
from tmon_collector.one_way.packets import NO_OCTETS, Packets
from tmon_common.config.model import Histogram, Hop, Latency, OneWay, Point
from tmon_common.observations import ABSENT

RUN_MS = 7


class Numbered:
    """Definition i is flow 100 + i of probe a or b."""

    def source(self, index: int) -> tuple[str, int, int]:
        return "ab"[index % 2], RUN_MS, 100 + index


def one_way(hops: int = 2, **options) -> OneWay:
    """Hop i is point i + 1 of probe p<i>."""
    return OneWay(tuple(Hop(f"hop{i}", (Point(i + 1, f"p{i}", "eth0"),)) for i in range(hops)), **options)


def packed(packets: list[Packet]) -> Packets:
    """All of one round, ordered."""
    hops = len(packets[0].times) if packets else 2

    def words(column: list) -> np.ndarray:
        return np.array([[ABSENT if v is None else v for v in row] for row in column], np.int64).reshape(-1, hops)

    def array(name: str, dtype: type) -> np.ndarray:
        return np.array([getattr(p, name) for p in packets], dtype)

    fragments = any(v is not None for p in packets for v in p.last)
    octets = np.array([NO_OCTETS if p.octets is None else p.octets for p in packets], np.int32)
    return Packets(array("flow", np.int32), array("definition", np.int32), np.arange(len(packets), dtype=np.uint32), octets,
                   words([p.times for p in packets]), words([p.last for p in packets]) if fragments else None,
                   np.array([p.points for p in packets], np.uint8).reshape(-1, hops), array("copies", np.int32),
                   array("clash", np.uint8),
                   array("reverse", np.uint8), array("reference", np.int64), array("verdict", np.uint8),
                   array("lost_after", np.uint8))


def packet(times: list, flow: int = 0, verdict: int = 0, **other) -> Packet:
    """Seen at those hops; going forward."""
    reference = next(t for t in times if t is not None)
    points = [0 if t is None else i + 1 for i, t in enumerate(times)]
    values = {"definition": 0, "octets": 100, "last": [None] * len(times), "points": points, "copies": 0,
              "clash": 0, "reverse": False, "reference": reference, "lost_after": 0, "round": 0}
    return Packet(flow, times=times, verdict=verdict, **(values | other))


def at_random(seed: int, hops: int, many: int, flows: int, span_ns: int, transit_ns: int, round_ns: int) -> list[Packet]:
    """Times within transit of each other, many alike; verdicts at random: the statistics take them as they are."""
    r = np.random.default_rng(seed)
    both = r.random() < 0.5
    typical_ns = int(r.integers(-transit_ns // 4, transit_ns // 4))
    found = []
    for _ in range(many):
        flow = int(r.integers(flows))
        sent_ns = transit_ns * 4 + int(r.integers(span_ns))
        times = [sent_ns, *(sent_ns + typical_ns + int(r.integers(0, max(transit_ns // int(r.choice([2, 5, 100])), 1)))
                            for _ in range(hops - 1))]
        seen = r.random(hops) < 0.85
        seen[int(r.integers(hops))] = True
        way = [int(t) if s else None for t, s in zip(times, seen, strict=True)]
        fragments = r.random() < 0.1
        last = [t + int(r.integers(0, 5)) if t is not None and fragments else None for t in way]
        reverse = both and flow % 2 == 1
        reference_ns = next(t for t in way if t is not None)
        if reverse:
            way, last = way[::-1], last[::-1]
        verdict = int(r.choice(5, p=[0.5, 0.25, 0.1, 0.1, 0.05]))
        octets = None if r.random() < 0.1 else int(r.integers(20, 1500))
        points = [0 if t is None else i + 1 for i, t in enumerate(way)]
        found.append(Packet(flow, flow + flows * int(r.integers(2)), octets, way, last, points, int(r.choice([0, 0, 0, 1, 3])),
                            int(r.random() < 0.1), reverse, reference_ns, verdict,
                            int(r.integers(1, hops + 1)) if verdict == LOST else 0, reference_ns // round_ns))
    found.sort(key=lambda p: (p.flow, p.reference))
    return found


def latencies(hops: int, histogram: str | None) -> tuple[Latency, ...]:
    return tuple(Latency(a, b, histogram) for a in range(hops) for b in range(a + 1, hops))


HISTOGRAM = Histogram("times", "ns", (-5, 0, 40, 1000))
