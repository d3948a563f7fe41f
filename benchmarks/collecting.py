"""A real collector under load: sealed PDUs, received, written and acknowledged; what that costs it, and the sender."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import Cost, RunError, wait
from tmon_common.clock import SystemClock
from tmon_common.config.model import Publication as Parameters
from tmon_common.observations import IP_COUNTERS, Rows
from tmon_common.pdu.header import new_run
from tmon_common.pdu.key_file import write_keys
from tmon_common.pdu.keys import new_key
from tmon_probe.publish import Publication

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 300.0
_CONFIGURATION = """<trafmon>
  <flow_classes><flow_class name="all"><flow name="all" fields="" direction="unidirectional"/></flow_class></flow_classes>
  <collectors><collector name="collector" address="127.0.0.1"><spool directory="spool" rotate="1h"/></collector></collectors>
  <probes><probe name="probe"><interface name="lan" device="lo"/><publish collector="collector"/></probe></probes>
</trafmon>
"""


@dataclass(frozen=True)
class Load:
    """pdus of `rows` rows each went through. collector: its cost without start-up; sender: ours, sealing included."""

    pdus: int
    rows: int
    octets: int
    collector: Cost
    sender: Cost


def measure(directory: Path, pdus: int, rows: int) -> Load:
    """RunError if something is lost or the collector fails."""
    directory.mkdir(parents=True, exist_ok=True)
    start, _, _ = _run(directory, 0, rows)
    whole, sender, octets = _run(directory, pdus, rows)
    return Load(pdus, rows, octets, Cost(max(whole.cpu_s - start.cpu_s, 1e-6), sender.wall_s), sender)


def _run(directory: Path, pdus: int, rows: int) -> tuple[Cost, Cost, int]:
    for old in (directory / "spool").glob("*.csv*"):
        old.unlink()
    (directory / "tmon.xml").write_text(_CONFIGURATION)
    keys = (new_key(""),)
    write_keys(directory / "keys.tmp", keys)
    (directory / "keys").mkdir(exist_ok=True)
    (directory / "keys.tmp").replace(directory / "keys" / "probe.key")
    ready, ready_end = os.pipe()
    began = time.perf_counter()
    log = directory / "messages"
    with log.open("wb") as messages:
        collector = subprocess.Popen([sys.executable, "-m", "tmon_collector", "-l", "--port", "0", "--ready-fd", str(ready_end)],
                                     pass_fds=(ready_end,), stderr=messages, cwd=directory,
                                     env=os.environ | {"PYTHONPATH": str(ROOT)})
    os.close(ready_end)
    told = os.read(ready, 16)
    os.close(ready)
    if not told:
        raise RunError(f"tmon_collector did not start: {log.read_text(errors='replace')}")
    sent, octets = _send(int(told), keys, pdus, rows)
    collector.send_signal(signal.SIGTERM)
    collected = wait(collector, began, log)
    written = sum(path.read_bytes().count(b"\n") - 1 for path in (directory / "spool").glob("ip_counters.*.csv"))
    if written != pdus * rows:
        raise RunError(f"{written:,} rows written of {pdus * rows:,}")
    return collected, sent, octets


def _send(port: int, keys, pdus: int, rows: int) -> tuple[Cost, int]:
    """Every PDU is filled by flush, so that it has just so many rows."""
    parameters = Parameters("collector", "127.0.0.1", port, max_pdu_octets=9000, min_gap_ns=0, window=256, heartbeat_ns=0,
                            queue_octets=1 << 30)
    publication = Publication([parameters], "probe", new_run(time.time_ns()), keys, SystemClock())
    portions = [_portion(seed, rows) for seed in range(64)]
    cpu, wall, given = time.process_time(), time.perf_counter(), 0
    publisher = publication.publishers[0]
    while given < pdus or not publication.idle:
        now_ns = time.monotonic_ns()
        while given < pdus and publisher.waiting < 512:
            publication.add(portions[given % 64], now_ns)
            publication.flush(now_ns)
            given += 1
        publication.poll()
        if publisher.waiting >= 512 or given == pdus:
            select.select(publication.filenos(), [], [], 0.01)
        if time.perf_counter() - wall > LIMIT_S:
            raise RunError("the collector takes nothing")
    cost = Cost(time.process_time() - cpu, max(time.perf_counter() - wall, 1e-6))
    octets = publisher.statistics.octets_sent
    publication.close()
    return cost, octets


def _portion(seed: int, rows: int) -> Rows:
    """Flow counters of a minute, as a busy link has them."""
    random = np.random.default_rng(seed)
    words = np.zeros((rows, IP_COUNTERS.words), np.int64)
    words[:, 0] = np.sort(random.choice(100_000, rows, replace=False))
    words[:, 1] = 1_700_000_040 * 10**9 + seed * 60 * 10**9
    words[:, 2] = words[:, 1] + 60 * 10**9
    words[:, 3] = random.geometric(0.02, rows)
    words[:, 4] = words[:, 3] * 3 // 4
    words[:, 5] = words[:, 3] * random.integers(60, 1400, rows)
    words[:, 6] = words[:, 4] * random.integers(60, 200, rows)
    return Rows.from_words(IP_COUNTERS, words)
