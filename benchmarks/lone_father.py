"""A father in a process of its own, and a consumer of its ring that only lets records go: what the father costs, nothing else.

Run as a program it takes a pickled Work on standard input, says "ready" and, when the father has ended (at the end of the
recording, or by SIGTERM), what it did, in JSON.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tmon_common.clock import SystemClock
from tmon_common.config.model import Configuration, Filter, Interface, Probe
from tmon_probe import health
from tmon_probe.cpus import pin_child, pin_father
from tmon_probe.demand import NOTHING_SPECIAL, Demand
from tmon_probe.event_pipe import EventPipe
from tmon_probe.father.capture.open import open_sources
from tmon_probe.father.plan import plan_of
from tmon_probe.father.sieve import compile_sieve
from tmon_probe.fathers import Fathers, Ground
from tmon_probe.lanes import Lanes, plan_lanes
from tmon_probe.ring import Ring
from tmon_probe.warmup import STEPS

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "benchmarks.lone_father")
READY = "ready"
RELEASE_WAIT_S = 0.1


@dataclass(frozen=True)
class Work:
    """Where packets come from, and what is wanted of them: the filter of each class, and what all classes demand."""

    interface: Interface
    filters: tuple[Filter, ...] = (Filter(),)
    demand: Demand = NOTHING_SPECIAL
    father_cpu: int = 1


@dataclass(frozen=True)
class Done:
    """cpu_ns: user and system time of the father's process between its first look at the source and its end."""

    cpu_ns: int
    seen: int
    relevant: int
    dropped: int


def replay(work: Work, log: Path) -> Done:
    """Of a recording. RuntimeError, with its last words, if the process fails."""
    with log.open("wb") as messages:
        ended = subprocess.run(COMMAND, input=pickle.dumps(work), stdout=subprocess.PIPE, stderr=messages, cwd=ROOT, check=False)
    if ended.returncode:
        raise RuntimeError(f"a father failed: {' / '.join(log.read_text(errors='replace').strip().splitlines()[-3:])}")
    return done_of(ended.stdout.decode())


def done_of(text: str) -> Done:
    """What a father has said at its end."""
    return Done(**json.loads(text.splitlines()[-1]))


def run(work: Work) -> Done:
    """In this process, until the recording ends or SIGTERM comes."""
    asked: list[int] = []
    for _, load_kernels in STEPS[:3]:
        load_kernels()
    probe, clock = Probe("benchmark", (work.interface,), (), father_cpu=work.father_cpu), SystemClock()
    with ExitStack() as opened:
        sources = open_sources(work.interface)
        for source in sources:
            opened.callback(source.close)
        ground = Ground(plan_lanes(probe), [sources], compile_sieve(work.filters, {work.interface.name: 0}),
                        plan_of(work.filters, [(work.demand,)] * len(work.filters)))
        statistics = health.create(Configuration(Path(f"benchmark-{os.getpid()}"), (probe,)), probe.name)
        opened.callback(statistics.close)
        lanes = Lanes(ground.lanes.lanes, probe.ring_slots, probe.ring_octets)
        opened.callback(lanes.close)
        pipe = EventPipe()
        opened.callback(pipe.close)
        [ring] = lanes.rings
        ring.records["time_ns"] = 0  # every page of the ring is there: months later they all are
        ring.area[:] = 0
        fathers = Fathers(probe, ground, lanes, statistics, pipe, clock)
        consumer = multiprocessing.get_context("fork").Process(target=_release, args=(ring, work.father_cpu))
        consumer.start()
        pin_father(work.father_cpu)
        signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
        father = fathers.make(0, lambda: bool(asked))
        print(READY, flush=True)
        began_ns = time.process_time_ns()
        father.run()
        cpu_ns = time.process_time_ns() - began_ns
        consumer.join()
        numbers = statistics.snapshot()
        del father, fathers, ring, statistics.numbers
    return Done(cpu_ns, numbers["packets_seen"], numbers["packets_relevant"], numbers["kernel_drops"])


def _release(ring: Ring, father_cpu: int) -> None:
    pin_child((), (father_cpu,))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        ended = ring.ended
        span = ring.filled()
        if span.count:
            ring.release(span.count)
        elif ended:
            return
        else:
            ring.wait_for_data(RELEASE_WAIT_S)


if __name__ == "__main__":
    print(json.dumps(asdict(run(pickle.load(sys.stdin.buffer)))), flush=True)
