"""The child's chain in a process of its own, fed with records from memory: what a packet and a connection cost, nothing else.

Run as a program it takes a pickled Load on standard input and says what it found in JSON.
"""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.segments import Segments
from tmon_common.analyses.catalogue import catalogue
from tmon_common.config.model import (
    SECOND,
    Analysis,
    Configuration,
    Filter,
    FlowClass,
    GranularFlow,
    Histogram,
    Hop,
    Interface,
    OneWay,
    Point,
    Probe,
)
from tmon_common.config.one_way import KIND as ONE_WAY
from tmon_common.config.one_way import analysis_of
from tmon_probe.child.analysers.load import factories_of
from tmon_probe.child.chain import MAX_BATCH, Chain
from tmon_probe.child.loop import LATE_NS

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "benchmarks.lone_chain")
CONVERSATION = GranularFlow("conversation", frozenset(("interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port")))
HISTOGRAMS = (Histogram("octets", "octets", (64, 128, 256, 512, 1024, 1500)),
              Histogram("ns", "ns", tuple(n * 1_000_000 for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000))))
HERE = OneWay((Hop("here", (Point(1, "benchmark", "i"),)), Hop("there", (Point(2, "other", "i"),))))
INTERVAL_NS = 3600 * SECOND
"""No row ends before all is measured."""
ROUNDS = 4
"""Packets of each connection before it is measured: data are under way, samples come at the rate at which they will."""
SLICES = 20
SEED = 1


@dataclass(frozen=True)
class Load:
    """analyses: names; packets: those that come when all connections are open."""

    analyses: tuple[str, ...]
    connections: int
    packets: int


@dataclass(frozen=True)
class Found:
    """CPU ns of a packet while connections open, and then, of the cheapest of `SLICES` parts; ns of a published row; octets.

    ageing_ns       of a look for obsolete flows, which is done every ten seconds
    rows            that were published at the end
    resident_octets by which the process has grown, a connection; array_octets: of the arrays that the chain holds
    """

    opening_ns: float
    moving_ns: float
    ageing_ns: float
    publication_ns: float
    rows: int
    resident_octets: float
    array_octets: float


def measure(load: Load, log: Path) -> Found:
    """RuntimeError, with its last words, if the process fails."""
    with log.open("wb") as messages:
        ended = subprocess.run(COMMAND, input=pickle.dumps(load), stdout=subprocess.PIPE, stderr=messages, cwd=ROOT, check=False)
    if ended.returncode:
        raise RuntimeError(f"a chain failed: {' / '.join(log.read_text(errors='replace').strip().splitlines()[-1:])}")
    return Found(**json.loads(ended.stdout.decode().splitlines()[-1]))


def run(load: Load) -> Found:
    """In this process."""
    rows: list[int] = []
    _compile(load)
    segments = Segments(load.connections, MAX_BATCH, SEED)
    for _ in segments.moving(1):  # its pages are there
        pass
    before = _resident_octets()
    chain = _chain(load, rows)
    opening_ns = _feed(chain, segments, segments.opening()) / (3 * load.connections)
    resident, arrays = _resident_octets() - before, array_octets(chain)
    _feed(chain, segments, segments.moving(ROUNDS * load.connections))
    part = max(load.packets // SLICES // MAX_BATCH, 1) * MAX_BATCH
    moving_ns = min(_feed(chain, segments, segments.moving(part)) for _ in range(SLICES)) / part
    rows.clear()
    ageing_ns = _spent_ns(lambda: chain.registry.obsolete(segments.now_ns))
    ended_ns = _spent_ns(chain.finish)
    return Found(opening_ns, moving_ns, ageing_ns, ended_ns / max(sum(rows), 1), sum(rows), resident / load.connections,
                 arrays / load.connections)


def _compile(load: Load) -> None:
    """All kernels, or have them loaded."""
    chain, few = _chain(load, []), Segments(4, 16, SEED)
    chain.warm_up()
    for batches in (few.opening(), few.moving(16)):
        _feed(chain, few, batches)
    chain.finish()


def _feed(chain: Chain, segments: Segments, batches: Iterable[np.ndarray]) -> int:
    """ns of CPU time in the chain, without that for making the packets."""
    spent_ns = 0
    for records in batches:
        began_ns = time.process_time_ns()
        chain.process(records)
        chain.flush(segments.now_ns - LATE_NS)
        spent_ns += time.process_time_ns() - began_ns
    return spent_ns


def _spent_ns(work: Callable[[], object]) -> int:
    began_ns = time.process_time_ns()
    work()
    return time.process_time_ns() - began_ns


def _chain(load: Load, rows: list[int]) -> Chain:
    declared = catalogue().analyses
    units = [(name, declared[name].histogram_unit or None) for name in load.analyses]
    analyses = tuple(Analysis(name, INTERVAL_NS, unit) for name, unit in units if name != ONE_WAY)
    flow_class = FlowClass("all", Filter(), (CONVERSATION,), analyses)
    if ONE_WAY in load.analyses:
        way = replace(CONVERSATION, fields=CONVERSATION.fields - {"interface"}, bidirectional=False)
        flow_class = FlowClass("all", Filter(), (way,), (*analyses, analysis_of(HERE)), HERE)
    probe = Probe("benchmark", (Interface("i"),), (), classes=("all",), max_flows=1 << 21)
    configuration = Configuration(Path("none"), (probe,), classes=(flow_class,), histograms=HISTOGRAMS)
    return Chain(configuration, probe, factories_of((flow_class,)), lambda new: rows.append(len(new)))


def array_octets(root: object) -> int:
    """Of all NumPy arrays that can be reached from `root` through attributes and containers, each counted once."""
    seen: set[int] = set()
    total, waiting = 0, [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (str, bytes, int, float, type, np.generic)) or callable(one):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            if isinstance(one.base, np.ndarray):
                waiting.append(one.base)
            else:
                total += one.nbytes
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, (list, tuple, set, frozenset)):
            waiting += one
        else:
            waiting += getattr(one, "__dict__", {}).values()
            waiting += [getattr(one, name) for name in getattr(type(one), "__slots__", ()) if hasattr(one, name)]
    return total


def _resident_octets() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    print(json.dumps(asdict(run(pickle.load(sys.stdin.buffer)))), flush=True)
