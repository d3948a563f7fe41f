"""The command benchmarks/publication: octets on the wire beside other encodings, a collector under load, what monitoring adds."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import circumstances, collecting, overhead, pipeline, wire
from benchmarks.measure import RunError
from benchmarks.reach import Reach, print_reaches
from benchmarks.recording import default_files
from benchmarks.spool_rows import rows_of
from tmon_common.observations import KINDS

COUNTERS = ("ip_counters", "udp_counters", "tcp_counters", "icmp_counters")
SIZES = (1400, 200)
MONITORED = (("everything that it measures", (), ""), ("flow counters", COUNTERS, ""),
             ("flow counters by the minute", COUNTERS, "60s"))


def main() -> int:
    options = _parser().parse_args()
    _say(f"results in {options.directory}")
    subprocess.run([sys.executable, "-m", "trafmon", "warmup", "--quiet"], cwd=pipeline.ROOT, check=True)
    options.directory.mkdir(parents=True, exist_ok=True)
    try:
        files = options.capture or default_files(pipeline.ROOT)
        _say(f"rows of {', '.join(f.name for f in files)}")
        costs = {size: wire_costs(files, options.directory / "analysed", size) for size in SIZES}
        for size in SIZES:
            print_wire(costs[size], size)
        loads = [collecting.measure(options.directory / "collected", options.pdus, rows) for rows in (50, 140)]
        print_loads(loads)
        added = {name: overhead.measure(options.directory / "demo", analyses, interval) for name, analyses, interval in MONITORED}
        for name, one in added.items():
            print(f"demo, {name}: {one.traffic:,} octets of IP on the link; {one.pdus:,} datagrams of both probes "
                  f"{one.pdu_octets:,}, answers {one.answer_octets:,}: {100 * one.ratio:.2f} %")
        print()
        counters = [c for c in costs[SIZES[0]] if c.kind in COUNTERS]
        ours = sum(c.octets for c in counters)
        print_reaches([
            Reach("octets of flow counters, part of IPFIX's", ours / sum(c.ipfix for c in counters), 0.6),
            Reach("the same with IPFIX's reduced sizes", ours / sum(c.ipfix_reduced for c in counters), 0.6),
            Reach("sealed PDUs of 50 rows per CPU second of the collector", loads[0].pdus / loads[0].collector.cpu_s, 10_000,
                  at_least=True),
            *(Reach(f"monitoring, % of the demo's traffic, {name}", 100 * one.ratio, 1) for name, one in added.items()),
        ])
        print(circumstances.machine())
    except (RunError, ValueError, OSError) as error:
        print(f"publication: {error}", file=sys.stderr)
        return 1
    return 0


def wire_costs(files: list[Path], out: Path, max_pdu: int) -> list[wire.WireCost]:
    """Of every kind of which `trafmon analyse` finds rows in these recordings."""
    if not out.exists():
        subprocess.run([sys.executable, "-m", "trafmon", "analyse", *files, "--out", out, "--quiet"], cwd=pipeline.ROOT, check=True,
                       stdout=subprocess.DEVNULL)
    written = {kind.name: sorted((out / "spool").glob(f"{kind.name}.*.csv")) for kind in KINDS.values()}
    return [wire.cost_of(rows_of(files, KINDS[name]), max_pdu) for name, files in written.items() if files]


def print_wire(costs: list[wire.WireCost], max_pdu: int) -> None:
    title = f"octets of UDP payload a row, PDUs of at most {max_pdu} octets; trafMon sealed, the others not"
    table = Table(title=title, title_justify="left", pad_edge=False, box=box.SIMPLE)
    table.add_column("kind")
    for heading in ("rows", "PDUs", "trafMon", "with acks", "IPFIX", "reduced", "JSON, gzip", "of IPFIX"):
        table.add_column(heading, justify="right")
    for c in costs:
        table.add_row(c.kind, f"{c.rows:,}", f"{c.pdus:,}", f"{c.octets / c.rows:.1f}",
                      f"{(c.octets + wire.ack_octets(c.pdus)) / c.rows:.1f}", f"{c.ipfix / c.rows:.1f}",
                      f"{c.ipfix_reduced / c.rows:.1f}", f"{c.json_gzip / c.rows:.1f}", f"{100 * c.octets / c.ipfix:.0f} %")
    Console(width=160, highlight=False).print(table)


def print_loads(loads: list[collecting.Load]) -> None:
    table = Table(title="one sender, one collector: sealed, written, acknowledged", title_justify="left", pad_edge=False,
                  box=box.SIMPLE)
    for heading in ("PDUs", "rows each", "octets each", "PDUs / CPU s, collector", "rows / CPU s", "us / PDU",
                    "PDUs / CPU s, sender", "PDUs / s"):
        table.add_column(heading, justify="right")
    for load in loads:
        table.add_row(f"{load.pdus:,}", str(load.rows), f"{load.octets / load.pdus:.0f}",
                      f"{load.pdus / load.collector.cpu_s:,.0f}", f"{load.pdus * load.rows / load.collector.cpu_s:,.0f}",
                      f"{1e6 * load.collector.cpu_s / load.pdus:.0f}",
                      f"{load.pdus / load.sender.cpu_s:,.0f}", f"{load.pdus / load.sender.wall_s:,.0f}")
    Console(width=160, highlight=False).print(table)


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks/publication", description=__doc__)
    parser.add_argument("--pdus", type=int, default=50_000, metavar="N", help="PDUs sent to the collector (50000)")
    parser.add_argument("--capture", type=Path, action="append", metavar="FILE",
                        help="recording to take the rows of instead; may be given often")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "trafmon-publication", metavar="DIR",
                        help="where results are put")
    return parser
