"""Follow packets through captures taken at two or more places: delays, losses, reordering of every flow.

Captures are given in the order of the way, from one end to the other; flows may go either way. Every packet of TCP, UDP, ICMP and
ICMPv6 is recognised again by a digest of what does not change on the way. No configuration is needed. Leaves DIR/spool/*.csv,
DIR/trafmon.duckdb and DIR/trafmon.xml, the configuration that was used.

Exit status: 0 measured; 1 something could not be delivered, loaded or written; 2 a capture or an argument is not usable;
130 interrupted (what was read until then has been put together and loaded).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from trafmon.analyse import LOAD_FAILED, UNUSABLE, bar, bpf, check_captures, interval
from trafmon.comparison import Comparison
from trafmon.pipeline import INTERRUPTED, NOT_DELIVERED, Pipeline, PipelineError

NAME = "trafmon one-way"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("captures", nargs="+", type=Path, metavar="CAPTURE",
                        help="pcap or pcapng files, gzip or not, of the same traffic: one for each place, in the order of the way")
    parser.add_argument("--hop", action="append", default=[], type=_name, metavar="NAME", dest="hops",
                        help="name of the place of a capture, given once for each in their order (the files' names); captures "
                             "with the same name are alternatives: a packet passes one of them")
    parser.add_argument("--packets", type=Path, metavar="FILE",
                        help="write a CSV file with a row for every packet: its flow, times, delay, and what became of it")
    parser.add_argument("--nat", action="store_true",
                        help="addresses and ports are translated on the way: packets are recognised without them")
    parser.add_argument("--per", choices=("packet", "datagram"), default="packet",
                        help="what is followed: every packet, fragments too; or whole datagrams, put together again, for ways on "
                             "which they are fragmented (packet)")
    parser.add_argument("--max-transit", default="2s", type=_transit, metavar="TIME",
                        help="a packet that takes longer counts as lost; the offset of the clocks is part of what it takes (2s)")
    parser.add_argument("--align", action="store_true",
                        help="correct clocks that are far apart, as by a mistaken time zone: captures are read once before, and "
                             "the packets that they have in common tell by how much, in round numbers")
    parser.add_argument("--octets", type=_octets, metavar="N",
                        help="look at the first N octets behind the IP header of a packet only, where a capture has no more of it "
                             "(all)")
    parser.add_argument("--direction", choices=("both", "forward"), default="both",
                        help="forward: all flows go from the first place to the last, whatever the clocks say (both)")
    parser.add_argument("--filter", metavar="BPF", type=bpf, default="",
                        help="follow only packets that pass this filter (the language of tcpdump), such as 'host 192.0.2.7'")
    parser.add_argument("--tunnel", choices=("outer", "inner"), default="outer",
                        help="inner: of packets that GRE, IP in IP or IPv6 in IPv4 carries, follow the carried ones (outer)")
    parser.add_argument("--interval", default="60s", type=interval, metavar="TIME",
                        help="length of the intervals of counters and distributions, 1s to 1h (60s)")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="flows in the table, those with most packets (10)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the results go (./trafmon-one-way-<name of the first "
                                                                "capture>); earlier results there are replaced")
    parser.add_argument("--quiet", action="store_true", help="print no result, only warnings and errors")


def _name(text: str) -> str:
    from tmon_common.config.quantities import parse_name

    try:
        return parse_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _transit(text: str) -> str:
    from tmon_common.config.quantities import parse_duration

    try:
        parse_duration(text, 1_000_000, 300 * 10**9)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
    return text


def _octets(text: str) -> int:
    from tmon_common.config.one_way import MAX_HASHED_OCTETS

    if not text.isascii() or not text.isdecimal() or int(text) > MAX_HASHED_OCTETS:
        raise argparse.ArgumentTypeError(f"{text}: expected a number, 0 to {MAX_HASHED_OCTETS}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    from tmon_common.analyses.catalogue import PluginError
    from tmon_common.config.default import is_descriptor
    from tmon_common.config.one_way_default import OneWayWishes, one_way_configuration_xml
    from tmon_common.config.problems import ConfigurationError
    from tmon_probe.father.capture.batch import CaptureError

    if wrong := _wrong(options):
        return _unusable(wrong)
    first = options.captures[0]
    name = "capture" if is_descriptor(first) else first.name.split(".")[0] or "capture"
    out = options.out or Path(f"trafmon-one-way-{name}")
    try:
        check_captures(options.captures)
        comparison = Comparison(options)
        ahead_ns = comparison.align() if options.align else ()
        wishes = OneWayWishes(tuple(options.captures), tuple(options.hops), options.nat, options.per, options.max_transit,
                              options.direction, interval=options.interval, bpf=options.filter, tunnel=options.tunnel,
                              packets=options.packets is not None, octets=options.octets, ahead_ns=ahead_ns)
        pipeline = Pipeline(options.captures, out, lambda *places: one_way_configuration_xml(wishes, *places), name=NAME)
        status = pipeline.run(show=None if options.quiet else bar())
    except (CaptureError, ConfigurationError, PipelineError, PluginError) as error:
        return _unusable(str(error))
    if status not in (0, NOT_DELIVERED, INTERRUPTED):
        return status
    if status == INTERRUPTED:
        print(f"{NAME}: interrupted; only what was read until then is in the results", file=sys.stderr)
    return _tell(pipeline, options, wishes.ways, comparison, complete=not status) or status


def _wrong(options: argparse.Namespace) -> str:
    """What is impossible in the arguments, and what to do; "" if nothing is."""
    from tmon_common.observations.one_way import MAX_HOPS

    count, hops = len(options.captures), list(dict.fromkeys(options.hops))
    if count < 2:
        return "one capture alone; expected captures of at least two places"
    if options.hops and len(options.hops) != count:
        return f"--hop is given {len(options.hops)} time(s) for {count} captures; expected one for each, or none"
    if options.hops and len(hops) < 2:
        return f"all captures are of the hop {hops[0]}; expected at least two different ones"
    if (places := len(hops) or count) > MAX_HOPS:
        return f"{places} hops; expected at most {MAX_HOPS}"
    once = [c for c in options.captures if not os.path.isfile(c)]  # noqa: PTH113 what may not be looked at is told by who reads it
    if len(once) > len(set(map(os.path.realpath, once))):
        return f"{once[0]} can be read once only; expected another capture for each place"
    if options.align and once:
        return f"{once[0]} can be read once only, and --align reads captures twice; expected files"
    return _unwritable(options.packets, options.captures) if options.packets else ""


def _unwritable(file: Path, captures: Sequence[Path]) -> str:
    """Why the file cannot be written; told before anything is measured. What is in it stays until then."""
    if str(file) == "-":
        return "--packets -: expected a file; /dev/stdout with --quiet, to give them to another program"
    if os.path.exists(file) and any(file.samefile(c) for c in captures if os.path.isfile(c)):  # noqa: PTH110, PTH113 as above
        return f"{file}: is one of the captures, and would be written over; choose another place with --packets"
    try:
        with file.open("ab"):
            return ""
    except OSError as error:
        return f"{file}: cannot be written: {error.strerror}; choose another place with --packets"


def _unusable(why: str) -> int:
    print(f"{NAME}: {why}", file=sys.stderr)
    return UNUSABLE


def _tell(pipeline: Pipeline, options: argparse.Namespace, hops: list[str], comparison: Comparison, *,
          complete: bool) -> int:
    """Spool into database, then the file of the packets, then the tables. complete: there is nothing that did not get so far."""
    from tmon_store.errors import StoreError
    from tmon_store.load import load_spool
    from tmon_store.one_way_file import write_packets
    from trafmon.summary_one_way import hints, summarise_one_way

    try:
        for warning in load_spool(pipeline.spool, pipeline.database, recorded=True).warnings:
            print(f"{NAME}: {warning}", file=sys.stderr)
        if options.packets:
            write_packets(pipeline.database, options.packets, len(hops))
        for hint in hints(pipeline.database, comparison.advice) if complete else ():
            print(f"{NAME}: {hint}", file=sys.stderr)
        if not options.quiet:
            files = {"packets": options.packets} if options.packets else {}
            summarise_one_way(pipeline.database, hops, files | {
                "CSV files": pipeline.spool, "database": pipeline.database, "configuration": pipeline.configuration},
                limit=max(options.top, 1))
    except (StoreError, OSError) as error:  # OSError: nowhere to print, a full disk
        print(f"{NAME}: {error}", file=sys.stderr)
        return LOAD_FAILED
    return 0
