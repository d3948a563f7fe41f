"""trafMon's own processes, measured apart: father, child, collector, loader; and `trafmon analyse`, everything at once."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from lxml import etree

from benchmarks.measure import Cost, RunError, run, wait
from tmon_common.config.default import analyse_configuration_xml, xml_text

ROOT = Path(__file__).resolve().parent.parent
Configuration = Callable[[Sequence[Path], Path, Path, int], str]
"""Captures, spool, database and port of the collector -> the text of a configuration."""
COUNTERS = ("ip_counters", "ip_sizes", "udp_counters", "tcp_counters", "icmp_counters")
STATEFUL = ("tcp_connection", "round_trip", "ftp")
_PROBE = """
import json, resource, sys, time
from tmon_probe.__main__ import main
began = time.perf_counter()
status = main(sys.argv[2:])
usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
with open(sys.argv[1], "w") as out:
    json.dump([u.ru_utime + u.ru_stime for u in usage], out)
sys.exit(status)
"""
"""tmon_probe as it is, but it writes down what it used: itself (the father), and its child, which it has waited for."""


@dataclass(frozen=True)
class Parts:
    """Costs of one run. wall_s of the father, child and collector is that of the probe: they work at the same time."""

    father: Cost
    child: Cost
    collector: Cost
    loader: Cost

    @property
    def pipeline(self) -> Cost:
        """Father, child and collector."""
        return Cost(self.father.cpu_s + self.child.cpu_s + self.collector.cpu_s, self.father.wall_s)


def best_parts(repeat: int, capture: Path, out: Path, configuration: Configuration = analyse_configuration_xml) -> Parts:
    """Of `repeat` runs the one whose pipeline used the least CPU time, with the least wall times of all."""
    runs = [measure_parts(capture, out, configuration) for _ in range(repeat)]
    least = min(runs, key=lambda parts: parts.pipeline.cpu_s)
    walls = {f.name: min(getattr(r, f.name).wall_s for r in runs) for f in fields(Parts)}
    return Parts(**{name: replace(getattr(least, name), wall_s=wall_s) for name, wall_s in walls.items()})


def measure_parts(capture: Path, out: Path, configuration: Configuration = analyse_configuration_xml) -> Parts:
    """By default the configuration of `trafmon analyse`, run by hand. RunError if a program fails.

    Leaves spool and database in `out`.
    """
    shutil.rmtree(out, ignore_errors=True)
    spool, database, written = out / "spool", out / "trafmon.duckdb", out / "trafmon.xml"
    spool.mkdir(parents=True)
    written.write_text(configuration([capture], spool, database, _free_port()), encoding="utf-8")
    log = out / "messages"
    run([sys.executable, "-m", "trafmon", "keygen", "-c", written], log)
    ready, ready_end = os.pipe()
    began = time.perf_counter()
    with (out / "collector").open("wb") as messages:
        collector = subprocess.Popen([sys.executable, "-m", "tmon_collector", "-c", written, "--ready-fd", str(ready_end)],
                                     pass_fds=(ready_end,), stdin=subprocess.DEVNULL, stderr=messages, cwd=ROOT)
    os.close(ready_end)
    try:
        if not os.read(ready, 16):
            raise RunError(f"tmon_collector did not start: {(out / 'collector').read_text(errors='replace')}")
        probe = run([sys.executable, "-c", _PROBE, out / "usage", "-c", written], log)
    finally:
        os.close(ready)
        collector.send_signal(signal.SIGTERM)
        collected = wait(collector, began, out / "collector")
    father_s, child_s = json.loads((out / "usage").read_text())
    loaded = run([sys.executable, ROOT / "scripts/trafmon_loader.py", "--spool", spool, "--database", database], log)
    return Parts(Cost(father_s, probe.wall_s), Cost(child_s, probe.wall_s), Cost(collected.cpu_s, probe.wall_s), loaded)


def measure_analyse(capture: Path, out: Path) -> Cost:
    """`trafmon analyse`, loader and its own waiting included."""
    shutil.rmtree(out, ignore_errors=True)
    log = out.with_suffix(".messages")
    return run([sys.executable, "-m", "trafmon", "analyse", capture, "--out", out, "--quiet"], log)


def counted_packets(out: Path) -> int:
    """Sum of the packets of both directions in the ip_counters files of a run."""
    return sum(int(row["packets"]) + int(row["packets_rev"]) for row in _rows(out, "ip_counters"))


def counted_rows(out: Path) -> dict[str, int]:
    """Rows in the files of a run, by kind."""
    kinds = sorted({path.name.split(".")[0] for path in (out / "spool").glob("*.csv")})
    return {kind: sum(1 for _ in _rows(out, kind)) for kind in kinds}


def only(analyses: Collection[str], *, records: bool = False) -> Configuration:
    """The configuration of `trafmon analyse` with nothing but these analyses. records: a row also for every single round trip."""

    def configuration(captures: Sequence[Path], spool: Path, database: Path, port: int) -> str:
        root = etree.fromstring(analyse_configuration_xml(captures, spool, database, port))
        for element in root.findall("flow_classes/flow_class/analysis"):
            if element.get("kind") not in analyses:
                element.getparent().remove(element)
            elif "records" in element.attrib:
                element.set("records", "yes" if records else "no")
        return xml_text(root)

    return configuration


def _rows(out: Path, kind: str) -> Iterator[dict[str, str]]:
    for path in (out / "spool").glob(f"{kind}.*.csv"):
        with path.open(newline="") as lines:
            yield from csv.DictReader(lines)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
