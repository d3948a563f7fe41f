"""The command benchmarks/throughput: captures made, everything measured one after the other, tables printed."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import capture, circumstances, pipeline
from benchmarks.measure import RunError, best
from benchmarks.recording import Recording, default_files, read_mix
from benchmarks.table import Line, print_flows, print_throughput
from benchmarks.tools import TOOLS, count, install_missing, measure_tool, print_commands

SEED = 1
FLOWS = (1_000, 10_000, 100_000)
CONVERSATIONS = 100
COUNTING = pipeline.only(pipeline.COUNTERS)
"""The other meters count, too."""
IP_FILTER = "ip or ip6 or (vlan and (ip or ip6 or (vlan and (ip or ip6))))"


def main() -> int:
    options = _parser().parse_args()
    _say(f"compiling kernels where needed; captures and results in {options.directory}")
    install_missing(TOOLS)
    subprocess.run([sys.executable, "-m", "trafmon", "warmup", "--quiet"], cwd=pipeline.ROOT, check=True)
    options.directory.mkdir(parents=True, exist_ok=True)
    files = options.capture or default_files(pipeline.ROOT)
    try:
        recording = read_mix(files)
        empty = options.directory / "empty.pcap"
        capture.write_empty(empty)
        _throughput(recording, files, empty, options)
        if options.flows != [0]:
            _by_flows(recording, files, empty, options)
    except (RunError, ValueError, OSError) as error:
        print(f"throughput: {error}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            for made in options.directory.glob("*.pcap"):
                made.unlink()
    return 0


def _throughput(recording: Recording, files: list[Path], empty: Path, options: argparse.Namespace) -> None:
    path = _cached(options.directory, "repeated", files, options.packets)
    packets, ip_packets = capture.write_repeated(path, recording, options.packets)
    work = options.directory / "work"
    tools = [measure_tool(tool, path, empty, work, options.repeat) for tool in TOOLS]
    _say("trafMon")
    start = pipeline.best_parts(options.repeat, empty, work, COUNTING)
    parts = pipeline.best_parts(options.repeat, path, work, COUNTING)
    counted = pipeline.counted_packets(work)
    whole_start = best(options.repeat, lambda: pipeline.measure_analyse(empty, work))
    whole = best(options.repeat, lambda: pipeline.measure_analyse(path, work))
    ours = [Line(f"trafMon {name}", getattr(parts, part), getattr(start, part), note=note) for name, part, note in (
        ("father", "father", "reading, dissection, sieve, ring"), ("child", "child", "flows, all counter analyses, publication"),
        ("collector", "collector", "CSV spool"), ("pipeline", "pipeline", "father + child + collector"),
        ("loader", "loader", "spool into DuckDB"))]
    ours.append(Line("trafmon analyse", whole, whole_start, note="all standard analyses, as it is used"))
    size = path.stat().st_size
    print_throughput(tools + ours, packets, f"{packets:,} packets, {size / 1e6:,.0f} MB, {int(recording.flow.max()) + 1:,} "
                                            f"conversations with ports a repetition; best of {options.repeat}, start-up taken off")
    print("ratio: packets per CPU second, of those of the fastest other flow meter\n")
    print(f"ip_counters count {counted:,} packets; the capture has {ip_packets:,} IP packets by its making, "
          f"{count(path, IP_FILTER)} by tcpdump\n")
    _print_circumstances(files)


def _by_flows(recording: Recording, files: list[Path], empty: Path, options: argparse.Namespace) -> None:
    few = capture.conversations(recording, CONVERSATIONS)
    work = options.directory / "work"
    start = pipeline.best_parts(options.repeat, empty, work, COUNTING)
    rows = []
    for flows in options.flows or FLOWS:
        _say(f"about {flows:,} flows")
        path = _cached(options.directory, f"flows{flows}", files, options.packets)
        packets, made = capture.write_flows(path, few, options.packets, flows, SEED)
        parts = pipeline.best_parts(options.repeat, path, work, COUNTING)
        names = ("father", "child", "collector", "loader")
        rows.append((made, packets, {n: getattr(parts, n).without(getattr(start, n)).cpu_s for n in names}))
        path.unlink()
    print()
    print_flows(rows)


def _print_circumstances(files: list[Path]) -> None:
    print(circumstances.machine())
    print(f"recordings: {', '.join(f.name for f in files)}\n")
    print_commands(TOOLS)


def _cached(directory: Path, what: str, files: list[Path], packets: int) -> Path:
    known = hashlib.sha256("\n".join(map(str, files)).encode()).hexdigest()[:8]
    return directory / f"{what}-{packets}-{known}.pcap"


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks/throughput", description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000, metavar="N", help="packets of the capture at least (1000000)")
    parser.add_argument("--capture", type=Path, action="append", metavar="FILE",
                        help="recording to repeat instead; may be given often")
    parser.add_argument("--flows", type=int, action="append", metavar="N",
                        help="also per-packet cost at about N flows; may be given often (1000, 10000, 100000); 0: not at all")
    parser.add_argument("--repeat", type=int, default=3, metavar="K", help="runs of each, the one with least CPU time counts (3)")
    parser.add_argument("--keep", action="store_true", help="keep the captures that were made")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "trafmon-throughput", metavar="DIR",
                        help="where captures and results are put")
    return parser
