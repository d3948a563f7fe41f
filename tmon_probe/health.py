"""The probe's statistics: the shared block, who writes which part of it, and whose it is. The names are in health_names.

The block is made of parts, each written by one process and on cache lines of its own:

- a lane for each father and each interface it reads: `interface_<n>_<name>`, or `interface_<n>_father_<m>_<name>` where several
  fathers share the interface;
- one for each father: `father_<n>_<name>`;
- one for the child, whose names stand alone, and of the child, too, one for each collector: `collector_<n>_<name>`.

A snapshot also has totals: of each interface over its fathers, and of all lanes and all rings under the bare name (`packets_seen`,
`kernel_drops`, `ring_filled`). The text of the block is a JSON object that says whose numbers these are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tmon_common.config.interfaces import MAX_FATHERS, MAX_INTERFACES
from tmon_common.config.model import Configuration, Probe
from tmon_common.config.switch import shortened
from tmon_common.moment import Moment
from tmon_common.stats import SEGMENTS, Reader, Statistics
from tmon_probe.father import counts
from tmon_probe.father.watch import HealthWatch, InterfaceTotals, RingTotals, Watched
from tmon_probe.health_names import CHILD, CHILD_HEALTH, FATHER, FATHER_OWN, LANE, LINK, RING, Totals, padded, parts_of

__all__ = ["CHILD", "FATHER", "Part", "ProbeReader", "ProbeStatistics", "attach", "create", "running", "segment_name"]

MAX_ANALYSIS_COUNTERS = 256
"""Of a foreign block, as many are looked at."""
_SEGMENT = re.compile(r"trafmon-[0-9a-f]{16}")


@dataclass(frozen=True)
class Part:
    """What one process writes. numbers: int64, in place; index: position of each name."""

    numbers: np.ndarray
    index: Mapping[str, int]

    @property
    def tally(self) -> np.ndarray:
        """Of a lane: int64 (counts.COUNT,), for the dissection."""
        return self.numbers[: counts.COUNT]

    def get(self, name: str) -> int:
        return int(self.numbers[self.index[name]])

    def set(self, **values: int) -> None:
        for name, value in values.items():
            self.numbers[self.index[name]] = value

    def add(self, **values: int) -> None:
        for name, value in values.items():
            self.numbers[self.index[name]] += value


class ProbeStatistics:
    """The block of this process and those it forks. fathers: for each father, the numbers of the interfaces that it reads.

    numbers, index      the first lane, the first father and the child under their bare names: all there is in a small probe
    """

    def __init__(self, block: Statistics, fathers: Sequence[Sequence[int]], analyses: Sequence[str] = (), links: int = 0) -> None:
        self._block, self.fathers = block, tuple(map(tuple, fathers))
        self._child = (*CHILD, *CHILD_HEALTH, *analyses)
        self.numbers = block.numbers
        self._parts: dict[tuple, slice] = {}
        at = 0
        for key, names in parts_of(self.fathers, analyses, links):
            self._parts[key] = slice(at, at + len(names))
            at += padded(len(names))
        self._totals = Totals(block.names)
        first = ((("lane", self.fathers[0][0], 0), LANE), (("father", 0), FATHER_OWN), (("child",), self._child))
        self.index = {name: self._parts[key].start + i for key, names in first for i, name in enumerate(names)}

    def lane(self, interface: int, father: int = 0) -> Part:
        return self._part(("lane", interface, father), LANE)

    def father(self, number: int = 0) -> Part:
        return self._part(("father", number), FATHER_OWN)

    def child(self) -> Part:
        return self._part(("child",), self._child)

    def link(self, collector: int) -> Part:
        return self._part(("link", collector), LINK)

    def snapshot(self) -> dict[str, int]:
        """Every number, and the totals."""
        return self._totals.of(self.numbers)

    @property
    def block(self) -> Statistics:
        return self._block

    def close(self, *, in_order: bool = True) -> None:
        """Remove the block, if this run ends in order."""
        self.numbers = None
        self._block.close(in_order=in_order)

    def _part(self, key: tuple, names: Sequence[str]) -> Part:
        return Part(self._block.numbers[self._parts[key]], {name: i for i, name in enumerate(names)})


class ProbeReader:
    """The statistics of a running probe, to read. identity: as `identity` makes it, with empty values where it does not tell."""

    def __init__(self, block: Reader) -> None:
        self._block = block
        self._totals = Totals(block.names)
        self.identity = _identity(block.text)

    def snapshot(self) -> dict[str, int]:
        """Every number, and the totals."""
        return self._totals.of(self._block.numbers)

    @property
    def segment(self) -> str:
        return self._block.segment

    @property
    def ended(self) -> bool:
        """None of its processes lives any more."""
        return self._block.ended

    def close(self) -> None:
        self._block.close()


def segment_name(configuration: Configuration, probe: str) -> str:
    """Name of the statistics block of a probe; two files may declare probes of one name on one host."""
    key = f"{configuration.path.resolve()}|{probe}"
    return f"trafmon-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def create(configuration: Configuration, probe: str, run_ms: int = 0,
           fathers: Sequence[Sequence[int]] | None = None, analyses: Sequence[str] = ()) -> ProbeStatistics:
    """The block of this process. FileExistsError if a probe of this name and file runs already.

    fathers: for each, the interfaces it reads (positions in the configuration); by default one father reads all.
    analyses: names of what the child's analyses count.
    """
    declared = next(p for p in configuration.probes if p.name == probe)
    fathers = fathers or (range(len(declared.interfaces)),)
    links = len(declared.publications)
    names = [name for _, part in parts_of(fathers, analyses, links) for name in (*part, *[""] * (padded(len(part)) - len(part)))]
    text = json.dumps(identity(configuration, declared, run_ms, fathers, analyses))
    return ProbeStatistics(Statistics.create(segment_name(configuration, probe), names, text), fathers, analyses, links)


def attach(configuration: Configuration, probe: str) -> ProbeReader:
    """The block of a running probe, to read. FileNotFoundError if none runs, PermissionError if another user does."""
    return ProbeReader(Statistics.attach(segment_name(configuration, probe)))


def running() -> tuple[list[ProbeReader], int]:
    """Probes that run on this host and may be read, by name; and how many may not. Close them after use."""
    readers, refused = [], 0
    for path in sorted(SEGMENTS.glob("trafmon-*")):
        if not _SEGMENT.fullmatch(path.name):
            continue
        try:
            reader = ProbeReader(Statistics.attach(path.name))
        except FileNotFoundError:
            continue
        except PermissionError:
            refused += 1
            continue
        if reader.ended:  # killed, and not started again
            reader.close()
        else:
            readers.append(reader)
    return sorted(readers, key=lambda r: (r.identity["probe"], r.identity["configuration"])), refused


def identity(configuration: Configuration, probe: Probe, run_ms: int, fathers: Sequence[Sequence[int]],
             analyses: Sequence[str] = ()) -> dict:
    """Whose numbers these are, so that they can be shown without the configuration."""
    return {
        "probe": probe.name, "host": host_of(probe), "configuration": str(configuration.path.resolve()),
        "version": shortened(configuration.digest), "run": run_ms, "pid": os.getpid(),
        "interfaces": [{"name": i.name, "device": i.device, "live": not i.files} for i in probe.interfaces],
        "fathers": [list(f) for f in fathers],
        "analyses": list(analyses),
        "collectors": [f"{p.collector} ({p.address} port {p.port})" for p in probe.publications],
        "links": [p.collector for p in probe.publications],
    }


def host_of(probe: Probe) -> str:
    """What the machine of this probe is called in events."""
    return probe.host or socket.gethostname()


def watch(probe: Probe, statistics: ProbeStatistics, now: Moment) -> HealthWatch:
    """The watch over everything in the block; `look_at` feeds it. A ring is watched if its father reads a device."""
    interfaces = [Watched(i.name, not i.files, i.no_traffic_ns) for i in probe.interfaces]
    rings = [(_ring_name(statistics, n), int(statistics.father(n).numbers[RING.index("ring_slots")]) or probe.ring_slots)
             for n in _live_fathers(probe, statistics)]
    return HealthWatch(interfaces, rings, now)


def look_at(probe: Probe, statistics: ProbeStatistics) -> tuple[list[InterfaceTotals], list[RingTotals]]:
    """What a `watch` of the same probe wants to see now."""
    numbers = statistics.snapshot()
    malformed = [n for n in LANE if n.startswith("packets_malformed_")]
    interfaces = [InterfaceTotals(
        numbers[f"interface_{i}_packets_seen"], numbers[f"interface_{i}_kernel_drops"], numbers[f"interface_{i}_packets_merged"],
        {n.removeprefix("packets_"): numbers[f"interface_{i}_{n}"] for n in malformed}) for i in range(len(probe.interfaces))]
    rings = [RingTotals(numbers[f"father_{n}_ring_filled"], numbers[f"father_{n}_ring_full_waits"])
             for n in _live_fathers(probe, statistics)]
    return interfaces, rings


def devices_gone(probe: Probe, statistics: ProbeStatistics) -> list[bool]:
    """Of each interface, whether some father misses its device."""
    gone = [False] * len(probe.interfaces)
    for father, read in enumerate(statistics.fathers):
        for i in read:
            part = statistics.lane(i, father)
            gone[i] |= bool(part.numbers[part.index["device_gone"]])
    return gone


def _live_fathers(probe: Probe, statistics: ProbeStatistics) -> list[int]:
    return [n for n, read in enumerate(statistics.fathers) if any(not probe.interfaces[i].files for i in read)]


def _ring_name(statistics: ProbeStatistics, father: int) -> str:
    return "ring" if len(statistics.fathers) == 1 else f"ring of father {father}"


def _identity(text: str) -> dict:
    """Of a block that may have been written by anybody."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = {}
    found = found if isinstance(found, dict) else {}
    interfaces = found.get("interfaces")
    return {
        **{name: str(found.get(name, "")) for name in ("probe", "host", "configuration", "version")},
        **{name: value if type(value := found.get(name, 0)) is int and abs(value) < 1 << 63 else 0 for name in ("run", "pid")},
        "interfaces": [{"name": str(i.get("name", "")), "device": str(i.get("device", "")), "live": bool(i.get("live", True))}
                       for i in (interfaces[:MAX_INTERFACES] if isinstance(interfaces, list) else []) if isinstance(i, dict)],
        "fathers": found["fathers"][:MAX_FATHERS] if isinstance(found.get("fathers"), list) else [],
        "analyses": [str(n) for n in found["analyses"][:MAX_ANALYSIS_COUNTERS]] if isinstance(found.get("analyses"), list) else [],
        **{name: [str(c) for c in found[name]] if isinstance(found.get(name), list) else [] for name in ("collectors", "links")},
    }
