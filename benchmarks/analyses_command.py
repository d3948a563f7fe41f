"""The command benchmarks/analyses: the whole pipeline with analyses that keep states, beside programs that do so and meters."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from benchmarks import capture, circumstances, pipeline
from benchmarks.measure import RunError
from benchmarks.pipeline import Parts
from benchmarks.reach import Reach, print_reaches
from benchmarks.recording import default_files, read_mix
from benchmarks.table import Line, print_throughput
from benchmarks.tools import ANALYSERS, count, install_missing, measure_tool, print_commands

RECORDINGS = ("lab_ftp_loss", "lab_misc", "mixed_many_protocols", "tcp_mixed_skype", "dns_transactions")
"""Of the shared captures. Not those that are nothing but FTP dialogue: no link carries so much of it."""
TIMES = {"tcptrace -l -r": 2, "NFStream, statistics": 15, "tshark -z conv,tcp": 50}
"""As many packets per CPU second as these, at least, times the number. And as many as the fastest of the meters."""
PIPELINE = "trafMon pipeline"


def main() -> int:
    options = _parser().parse_args()
    _say(f"compiling kernels where needed; captures and results in {options.directory}")
    install_missing(ANALYSERS)
    subprocess.run([sys.executable, "-m", "trafmon", "warmup", "--quiet"], cwd=pipeline.ROOT, check=True)
    options.directory.mkdir(parents=True, exist_ok=True)
    files = options.capture or default_files(pipeline.ROOT, RECORDINGS)
    path, empty, work = (options.directory / name for name in ("analyses.pcap", "empty.pcap", "work"))
    try:
        recording = read_mix(files)
        capture.write_empty(empty)
        packets, _ = capture.write_repeated(path, recording, options.packets)
        lines = [measure_tool(tool, path, empty, work, options.repeat) for tool in ANALYSERS]
        lines += _ours(options, path, empty, work)
        print_throughput(lines, packets, f"{packets:,} packets, {path.stat().st_size / 1e6:,.0f} MB; best of {options.repeat}, "
                                         "start-up taken off")
        print(f"trafMon measures {options.analyses}; {count(path, 'tcp port 21')} packets are of FTP control connections")
        print(f"rows of the pipeline: {', '.join(f'{kind} {n:,}' for kind, n in pipeline.counted_rows(work).items())}\n")
        print_reaches(reaches(lines))
        print(circumstances.machine())
        print(f"recordings: {', '.join(f.name for f in files)}\n")
        print_commands(ANALYSERS)
    except (RunError, ValueError, OSError) as error:
        print(f"analyses: {error}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            for made in options.directory.glob("*.pcap"):
                made.unlink()
    return 0


def reaches(lines: Collection[Line]) -> list[Reach]:
    """Packets per CPU second of the pipeline, times those of each of the others that could be measured."""
    measured = {line.name: line.net.cpu_s for line in lines if line.cost}
    ours = measured[PIPELINE]
    found = [Reach(f"packets per CPU second, times {name}", measured[name] / ours, times, at_least=True)
             for name, times in TIMES.items() if name in measured]
    meters = {line.name: line.net.cpu_s for line in lines if line.cost and line.meter}
    if meters:
        fastest = min(meters, key=meters.__getitem__)
        found.append(Reach(f"packets per CPU second, times {fastest}, which only counts", meters[fastest] / ours, 1, at_least=True))
    return found


def _ours(options: argparse.Namespace, path: Path, empty: Path, work: Path) -> list[Line]:
    analyses = options.analyses.split()
    _say(f"trafMon: {' '.join(analyses)}")

    def measured(names: Collection[str]) -> tuple[Parts, Parts]:
        configuration = pipeline.only(names, records=options.records)
        start = pipeline.best_parts(options.repeat, empty, work, configuration)
        return pipeline.best_parts(options.repeat, path, work, configuration), start

    alone = {name: measured([name]) for name in analyses} if len(analyses) > 1 else {}
    parts, start = measured(analyses)
    lines = [Line(f"trafMon {name}", getattr(parts, name), getattr(start, name), note=note) for name, note in (
        ("father", "reading, dissection, sieve, ring"), ("child", "flows, analyses, publication"), ("collector", "CSV spool"),
        ("pipeline", "father + child + collector"))]
    lines[2:2] = [Line(f"child, {name}", one.child, its_start.child, note="nothing but that")
                  for name, (one, its_start) in alone.items()]
    return lines


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks/analyses", description=__doc__)
    parser.add_argument("--analyses", default=" ".join(pipeline.STATEFUL), metavar="NAMES",
                        help=f"what trafMon measures, separated by spaces ({' '.join(pipeline.STATEFUL)})")
    parser.add_argument("--records", action="store_true", help="a row also for every single round trip")
    parser.add_argument("--packets", type=int, default=1_000_000, metavar="N", help="packets of the capture at least (1000000)")
    parser.add_argument("--capture", type=Path, action="append", metavar="FILE",
                        help="recording to repeat instead; may be given often")
    parser.add_argument("--repeat", type=int, default=3, metavar="K", help="runs of each, the one with least CPU time counts (3)")
    parser.add_argument("--keep", action="store_true", help="keep the captures that were made")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "trafmon-analyses", metavar="DIR",
                        help="where captures and results are put")
    return parser
