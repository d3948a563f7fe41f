"""The command benchmarks/father: what a packet costs the father, replayed and live, beside the floor and other programs."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks import capture, circumstances, live, lone_father
from benchmarks.classes import classes
from benchmarks.lone_father import Work
from benchmarks.measure import RunError
from benchmarks.reach import Reach, print_reaches
from benchmarks.recording import RECORD_HEADER, Recording, default_files, read_mix
from benchmarks.table import Row, print_rows
from benchmarks.tools import TOOLS, install_missing, measure_tool
from tmon_common.config.model import Filter, Interface
from tmon_probe.demand import DNS, FTP_CONTROL, NTP, SNMP, Demand, Signature

SEED = 1
MEAN_OCTETS = 500
CLASSES = (1, 8, 64)
NEIGHBOURS = ("cat", "tcpdump -w", "softflowd, no export", "softflowd")
LIVE_PACKETS, GENTLE_PACKETS, GENTLE_PPS = 500_000, 200_000, 50_000
LIVE_CAPTURE_PACKETS = 30_000
"""Sent over and over."""
SERVICES = Demand(services=(DNS, SNMP, NTP, FTP_CONTROL), ftp_data="boundaries")
SIGNATURES = {"fast64": Signature(), "fast64, nat": Signature(nat=True), "md5": Signature(algorithm="md5")}
_ETHERNET_HEADER = 14


def main() -> int:
    options = _parser().parse_args()
    _say(f"compiling kernels where needed; captures and results in {options.directory}")
    install_missing([t for t in TOOLS if t.name in NEIGHBOURS])
    subprocess.run([sys.executable, "-m", "trafmon", "warmup", "--quiet"], cwd=lone_father.ROOT, check=True)
    options.directory.mkdir(parents=True, exist_ok=True)
    files = options.capture or default_files(lone_father.ROOT)
    try:
        recording = capture.of_mean_length(read_mix(files), MEAN_OCTETS, live.LONGEST_FRAME, SEED)
        reaches = _replay(recording, options) + _live(recording, options)
        print_reaches(reaches)
        print(circumstances.machine())
        print(f"recordings: {', '.join(f.name for f in files)}")
    except (RunError, RuntimeError, ValueError, OSError) as error:
        print(f"father: {error}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            for made in options.directory.glob("*.pcap"):
                made.unlink()
    return 0


def _replay(recording: Recording, options: argparse.Namespace) -> list[Reach]:
    path, empty = options.directory / "mean.pcap", options.directory / "empty.pcap"
    capture.write_empty(empty)
    packets, ip_packets = capture.write_repeated(path, recording, options.packets)
    rows, costs = [], {}
    for tool in (t for t in TOOLS if t.name in NEIGHBOURS):
        line = measure_tool(tool, path, empty, options.directory / "work", options.repeat)
        costs[tool.name] = 1e9 * line.net.cpu_s / packets if line.cost else None
        rows.append(Row(tool.name, costs[tool.name], note=line.note))
    for name, work in _variants(recording, path):
        _say(f"father, {name}")
        done = [lone_father.replay(work, options.directory / "messages") for _ in range(options.repeat)]
        if done[0].seen != packets:
            raise RuntimeError(f"the father saw {done[0].seen:,} of {packets:,} packets")
        costs[name] = min(d.cpu_ns for d in done) / packets
        rows.append(Row(f"father, {name}", costs[name], note=f"{done[0].relevant / packets:.0%} relevant"))
    size = path.stat().st_size
    print_rows(rows, f"replay: {packets:,} packets of {MEAN_OCTETS} octets on the average, {size / 1e6:,.0f} MB; best of "
                     f"{options.repeat}, start-up taken off", costs["cat"])
    octets = _ip_octets(recording)
    signed = {n: (costs[f"signatures {n}"] - costs["every packet"]) * packets / (ip_packets * octets) for n in SIGNATURES}
    print(f"signatures, ns per octet signed ({octets:.0f} octets of an IP packet on the average): "
          + "; ".join(f"{name} {ns:.2f}" for name, ns in signed.items()) + "\n")
    reaches = [Reach("replay, every packet in a class: times the floor (cat)", costs["every packet"] / costs["cat"], 3)]
    reaches += [Reach(f"64 classes, {kind}: times 1 class", costs[f"64 classes, {kind}"] / costs[f"1 class, {kind}"], 2)
                for kind in ("some packets", "no packet")]
    return reaches + [Reach(f"signatures {name}: ns per octet", signed[name], 0.4) for name in SIGNATURES if name != "md5"]


def _variants(recording: Recording, path: Path) -> list[tuple[str, Work]]:
    everything = Work(Interface("replay", capture="replay", files=(path,)))
    return [
        ("every packet", everything),
        *((f"{count} class{'es' * (count > 1)}, {kind}", replace(everything, filters=classes(recording, count, SEED, met=met)))
          for kind, met in (("no packet", False), ("some packets", True)) for count in CLASSES),
        ("64 classes, every packet in all", replace(everything, filters=(Filter(),) * 64)),
        ("payload of services", replace(everything, demand=SERVICES)),
        *((f"signatures {name}", replace(everything, demand=Demand(signature=one))) for name, one in SIGNATURES.items()),
        ('tunnel="inner"', replace(everything, interface=replace(everything.interface, tunnel="inner"))),
    ]


def _live(recording: Recording, options: argparse.Namespace) -> list[Reach]:
    if why := live.why_left_out():
        print(f"live: left out: {why}\n")
        return []
    path, log = options.directory / "live.pcap", options.directory / "messages"
    packets, _ = capture.write_repeated(path, recording, LIVE_CAPTURE_PACKETS)
    receivers = (live.father("afpacket"), live.father("libpcap"), live.tcpdump(), live.father("afpacket", 128),
                 live.tcpdump("-s", "128"))
    reaches = []
    with live.cable() as hosts:
        for what, wanted, pace in (("as fast as tcpreplay goes", options.live, ("--topspeed",)),
                                   (f"{GENTLE_PPS:,} packets a second", min(options.live, GENTLE_PACKETS),
                                    ("--pps", str(GENTLE_PPS)))):
            loops = -(-wanted // packets)
            rows, costs = [], []
            for receiver in receivers:
                _say(f"live, {what}: {receiver.name}")
                heard = [live.hear(hosts, receiver, path, log, *pace, "--loop", str(loops)) for _ in range(options.repeat)]
                one = min(heard, key=lambda h: h.cpu_ns / h.sent)
                costs.append(one.cpu_ns / one.sent)
                note = (f"sent {one.sent:,} in {one.seconds:.1f} s, seen {one.seen:,}, dropped {one.dropped:,}; "
                        f"idle {one.idle_ns_a_second / 1e6:.1f} ms a second")
                rows.append(Row(receiver.name, costs[-1], note=note))
            print_rows(rows, f"live, {what}; best of {options.repeat}, start-up and idle time taken off", costs[2], "tcpdump")
            reaches.append(Reach(f"live, {what}, afpacket: times tcpdump", costs[0] / costs[2], 0.5))
    return reaches


def _ip_octets(recording: Recording) -> float:
    """Of an IP packet on the average (as captured, tags and padding taken for part of it)."""
    octets = [*recording.starts[1:].tolist(), len(recording.octets)] - recording.starts - RECORD_HEADER - _ETHERNET_HEADER
    return float(octets[recording.ip].mean())


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks/father", description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000, metavar="N", help="packets replayed at least (1000000)")
    parser.add_argument("--live", type=int, default=LIVE_PACKETS, metavar="N", help=f"packets sent at least ({LIVE_PACKETS})")
    parser.add_argument("--capture", type=Path, action="append", metavar="FILE",
                        help="recording to repeat instead; may be given often")
    parser.add_argument("--repeat", type=int, default=3, metavar="K", help="runs of each, the one with least CPU time counts (3)")
    parser.add_argument("--keep", action="store_true", help="keep the captures that were made")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "trafmon-father", metavar="DIR",
                        help="where captures and results are put")
    return parser
