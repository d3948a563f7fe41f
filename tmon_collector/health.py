"""A collector's statistics: the shared block, whose it is, and which collectors run. The names are in health_names.

One process writes all of it, now and then (health_writer). The text of the block, a JSON object, says whose numbers these are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from collections.abc import Mapping
from typing import Any

import numpy as np

from tmon_collector.health_names import REASONS, parts_of
from tmon_collector.watch import silences
from tmon_common.analyses.catalogue import catalogue
from tmon_common.config.model import Collector, Configuration
from tmon_common.config.switch import shortened
from tmon_common.observations import ONE_WAY_OBSERVATION
from tmon_common.stats import MAX_COUNTERS, SEGMENTS, Reader, Statistics

__all__ = ["CollectorReader", "CollectorStatisticsBlock", "attach", "create", "identity", "running", "segment_name"]

_SEGMENT = re.compile(r"trafmon-collector-[0-9a-f]{16}")
_LISTS = ("probes", "kinds", "one_way_classes", "reasons")


class CollectorStatisticsBlock:
    """The block of this process. identity: as `identity` makes it."""

    def __init__(self, block: Statistics, identity: Mapping[str, Any]) -> None:
        self.block, self.identity = block, identity
        self._numbers = block.numbers
        self._parts: dict[tuple, slice] = {}
        at = 0
        for key, names in _parts(identity):
            self._parts[key] = slice(at, at + len(names))
            at += len(names)

    def part(self, *key: str | int) -> np.ndarray:
        """int64 (names of the part,), in place; keys: health_names.parts_of. Not to be kept: the block cannot be let go of then."""
        return self._numbers[self._parts[key]]

    def snapshot(self) -> dict[str, int]:
        return self.block.snapshot()

    def close(self) -> None:
        """Remove the block."""
        self._numbers = None
        self.block.close()


class CollectorReader:
    """The statistics of a running collector, to read. identity: as `identity` makes it; values are empty where it does not tell."""

    def __init__(self, block: Reader) -> None:
        self._block = block
        self.identity = _identity(block.text)

    def snapshot(self) -> dict[str, int]:
        """Every number by its name."""
        return self._block.snapshot()

    @property
    def segment(self) -> str:
        return self._block.segment

    @property
    def ended(self) -> bool:
        """It does not live any more."""
        return self._block.ended

    def close(self) -> None:
        self._block.close()


def segment_name(configuration: Configuration, collector: str) -> str:
    """Name of the statistics block of a collector; two files may declare collectors of one name on one host."""
    key = f"{configuration.path.resolve()}|{collector}"
    return f"trafmon-collector-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def create(configuration: Configuration, collector: Collector, run_ms: int = 0, port: int = 0) -> CollectorStatisticsBlock:
    """The block of this process. FileExistsError if a collector of this name and file runs already, or another user's is there.

    run_ms: its start, ms since 1970-01-01 UTC; port: where it listens
    """
    whose = identity(configuration, collector, run_ms, port)
    segment = segment_name(configuration, collector.name)
    names = [name for _, part in _parts(whose) for name in part]
    try:
        return CollectorStatisticsBlock(Statistics.create(segment, names, json.dumps(whose)), whose)
    except FileExistsError:
        msg = (f"collector {collector.name} of {configuration.path} runs already, or another user's has left its statistics: stop "
               f"it, or remove {SEGMENTS / segment}")
        raise FileExistsError(msg) from None


def attach(configuration: Configuration, collector: str) -> CollectorReader:
    """The block of a running collector, to read. FileNotFoundError if none runs, PermissionError if another user does."""
    return CollectorReader(Statistics.attach(segment_name(configuration, collector)))


def running() -> tuple[list[CollectorReader], int]:
    """Collectors that run on this host and may be read, by name; and how many may not. Close them after use."""
    readers, refused = [], 0
    for path in sorted(SEGMENTS.glob("trafmon-collector-*")):
        if not _SEGMENT.fullmatch(path.name):
            continue
        try:
            reader = CollectorReader(Statistics.attach(path.name))
        except FileNotFoundError:
            continue
        except PermissionError:
            refused += 1
            continue
        if reader.ended:  # killed, and not started again
            reader.close()
        else:
            readers.append(reader)
    return sorted(readers, key=lambda r: (r.identity["collector"], r.identity["configuration"])), refused


def identity(configuration: Configuration, collector: Collector, run_ms: int, port: int = 0) -> dict[str, Any]:
    """Whose numbers these are, so that they can be shown without the configuration. probes: those that send to this collector."""
    return {
        "collector": collector.name, "host": collector.host or socket.gethostname(),
        "configuration": str(configuration.path.resolve()), "version": shortened(configuration.digest), "run": run_ms,
        "pid": os.getpid(), "port": port,
        "probes": list(silences(configuration, collector.name)),
        "kinds": [k.name for _, k in sorted(catalogue().kinds_by_number().items()) if k != ONE_WAY_OBSERVATION],
        "one_way_classes": [c.name for c in configuration.classes if c.one_way is not None],
        "reasons": list(REASONS),
    }


def _parts(whose: Mapping[str, Any]) -> list[tuple[tuple, tuple[str, ...]]]:
    return parts_of(whose["probes"], whose["kinds"], whose["one_way_classes"])


def _identity(text: str) -> dict[str, Any]:
    """Of a block that may have been written by anybody."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = {}
    found = found if isinstance(found, dict) else {}
    return {
        **{name: str(found.get(name, "")) for name in ("collector", "host", "configuration", "version")},
        **{name: value if type(value := found.get(name, 0)) is int and abs(value) < 1 << 63 else 0
           for name in ("run", "pid", "port")},
        **{name: [str(n) for n in value[:MAX_COUNTERS]] if isinstance(value := found.get(name), list) else [] for name in _LISTS},
    }
