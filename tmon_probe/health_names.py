"""What each number of a probe's statistics is called, and how they lie in the block: parts, each written by one process."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from tmon_probe.father import counts

TALLY = tuple({"octets": "octets_seen"}.get(n, n) if n in counts.NOT_PACKETS else f"packets_{n}" for n in counts.NAMES)
LANE = (*TALLY,
        "kernel_drops", "read_octets", "total_octets",
        "last_packet_ns",  # wall time at which a packet was last taken, ns since 1970-01-01 UTC
        "device_gone")  # 1: the device is not there at the moment
"""Counters of one interface by one father; the tally of the dissection stands first."""
RING = ("ring_full_waits", "ring_slots", "ring_filled", "ring_high_water")
FATHER_OWN = (*RING,
              "ring_octets", "ring_octets_filled",  # the area of packets that travel whole or in part
              "events_lost",  # for want of room in the pipe
              "pid", "cpu_ns",  # processor time used
              "turns")  # grows as long as it gets on, whether packets come or not
FATHER = (*TALLY, "kernel_drops", "ring_full_waits", "read_octets", "total_octets", "ring_slots", "ring_filled", "ring_high_water")
"""Totals of what fathers count."""
CHILD = ("flows", "flows_created", "flows_expired", "flows_evicted", "rows", "pdus_sent", "pdus_retried", "pdus_acknowledged",
         "pdus_waiting", "rows_given_up", "packet_time_ns")
CHILD_HEALTH = ("events_published", "events_garbled", "child_pid", "child_cpu_ns", "flows_max", "links_broken", "backlog_octets",
                "child_turns")  # as `turns` of a father

LINK = ("pdus_sent",  # every sending counts
        "pdus_retried", "pdus_acknowledged", "pdus_refused", "pdus_waiting", "rows_given_up", "octets_sent", "backlog_octets",
        "long_retry",  # 1: nothing is acknowledged, and the probe asks seldom (publication.md)
        "heartbeats")
"""Of the publication to one collector."""

PLACED = re.compile(r"(interface|father|collector)_\d+_\w+")
"""A name that says of which interface, father or collector it tells."""

_LINE = 8  # numbers in a cache line

_LARGEST = "last_packet_ns"  # of several, the largest is meant; others are added
_TOTALLED = frozenset((*LANE, *FATHER_OWN)) - {"pid", "cpu_ns", "turns"}
_PART = re.compile(r"(?:interface_(\d+)_)?(?:father_(\d+)_)?(\w+)")


def parts_of(fathers: Sequence[Sequence[int]], analyses: Sequence[str] = (), links: int = 0) \
        -> list[tuple[tuple, tuple[str, ...]]]:
    """(key, names as they stand in the block) of every part. fathers: for each, the numbers of the interfaces it reads. analyses:
    names of what the child's analyses count. links: number of collectors.

    Keys: ("lane", interface, father), ("father", number), ("child",), ("link", collector).
    """
    shared = {i for i in range(256) if sum(i in read for read in fathers) > 1}
    parts: list[tuple[tuple, tuple[str, ...]]] = []
    for number, read in enumerate(fathers):
        for i in read:
            prefix = f"interface_{i}_father_{number}_" if i in shared else f"interface_{i}_"
            parts.append((("lane", i, number), tuple(prefix + n for n in LANE)))
        parts.append((("father", number), tuple(f"father_{number}_{n}" for n in FATHER_OWN)))
    parts.append((("child",), (*CHILD, *CHILD_HEALTH, *analyses)))
    parts += [(("link", n), tuple(f"collector_{n}_{name}" for name in LINK)) for n in range(links)]
    return parts


def padded(count: int) -> int:
    return (count + _LINE - 1) // _LINE * _LINE


class Totals:
    """Which numbers of a block make up each total."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        places: dict[str, list[int]] = {}
        for at, name in enumerate(names):
            match = _PART.fullmatch(name)
            interface, father, rest = match.groups() if match else (None, None, "")
            if rest not in _TOTALLED or interface is father is None:
                continue
            places.setdefault(rest, []).append(at)
            if interface is not None and father is not None:
                places.setdefault(f"interface_{interface}_{rest}", []).append(at)
        self._places = {name: np.array(at) for name, at in places.items()}

    def of(self, numbers: np.ndarray) -> dict[str, int]:
        found = {name: value for name, value in zip(self._names, numbers.tolist(), strict=True) if name}
        for name, at in self._places.items():
            found[name] = int(numbers[at].max() if name.endswith(_LARGEST) else numbers[at].sum())
        return found
