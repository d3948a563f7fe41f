"""Measure captures: probe, collector and loader in one command, no server.

Leaves DIR/spool/*.csv, DIR/trafmon.duckdb and DIR/trafmon.xml, the configuration that was used.

Exit status: 0 measured; 1 something could not be delivered or loaded; 2 a capture, the configuration or an argument is not usable;
130 interrupted (what was read until then has been loaded).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from trafmon.pipeline import INTERRUPTED, NOT_DELIVERED, Pipeline, PipelineError

LOAD_FAILED = 1
UNUSABLE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("captures", nargs="+", type=Path, metavar="CAPTURE", help="pcap or pcapng file, gzip or not")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the results go (./trafmon-<name of the first capture>); "
                                                                "earlier results there are replaced")
    parser.add_argument("--config", type=Path, metavar="FILE", help="your own flow classes and analyses; the captures stand for "
                                                                    "the interfaces of its first probe")
    parser.add_argument("--probe", metavar="NAME", help="with --config: another probe than the first")
    parser.add_argument("--filter", metavar="BPF", type=bpf, default="",
                        help="measure only packets that pass this filter (the language of tcpdump), such as 'tcp port 80'")
    parser.add_argument("--tunnel", choices=("outer", "inner"), default="",
                        help="inner: of packets that GRE, IP in IP or IPv6 in IPv4 carries, measure the carried ones "
                             "(outer, or what the configuration says)")
    parser.add_argument("--interval", default="60s", type=interval, metavar="TIME",
                        help="length of the observation intervals, 1s to 1h (60s)")
    parser.add_argument("--quiet", action="store_true", help="print no result, only warnings and errors")


def interval(text: str) -> str:
    from tmon_common.config.classes import parse_interval

    try:
        parse_interval(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
    return text


def run(options: argparse.Namespace) -> int:
    from tmon_common.analyses.catalogue import PluginError
    from tmon_common.config.problems import ConfigurationError
    from tmon_probe.father.capture.batch import CaptureError

    out = options.out or Path(f"trafmon-{options.captures[0].name.split('.')[0] or 'capture'}")
    try:
        check_captures(options.captures)
        pipeline = Pipeline(options.captures, out, _configuration(options), options.config)
    except (CaptureError, ConfigurationError, PipelineError, PluginError) as error:
        print(f"trafmon analyse: {error}", file=sys.stderr)
        return UNUSABLE
    try:
        status = pipeline.run(show=None if options.quiet else bar())
    except PipelineError as error:
        print(f"trafmon analyse: {error}", file=sys.stderr)
        return UNUSABLE
    if status not in (0, NOT_DELIVERED, INTERRUPTED):
        return status
    return _load(pipeline, options.quiet) or status


def check_captures(captures: Sequence[Path]) -> None:
    """CaptureError for the first that is none."""
    from tmon_probe.father.capture.formats import check_capture, open_window

    for capture in captures:
        if not _once_only(capture):  # else the probe does it
            window = open_window(capture)
            try:
                check_capture(window)
            finally:
                window.close()


def _once_only(capture: Path) -> bool:
    try:
        return capture.is_fifo() or capture.is_char_device()
    except OSError:  # opening it says why
        return False


def _configuration(options: argparse.Namespace) -> Callable[[Path, Path, int], str]:
    """The user's own, or the one that measures everything. ConfigurationError if the user's is wrong."""
    from tmon_common.config.default import analyse_configuration_xml
    from tmon_common.config.read import read
    from tmon_common.config.replay import with_replay

    if options.config:
        declared = read(options.config)
        return lambda spool, database, port: with_replay(
            declared, options.captures, spool, database, port, probe=options.probe, bpf=options.filter, tunnel=options.tunnel)
    return lambda spool, database, port: analyse_configuration_xml(
        options.captures, spool, database, port, interval=options.interval, bpf=options.filter, tunnel=options.tunnel or "outer")


def _load(pipeline: Pipeline, quiet: bool) -> int:
    """Spool into database, then the summary."""
    from tmon_store.errors import StoreError
    from tmon_store.load import load_spool

    try:
        report = load_spool(pipeline.spool, pipeline.database, recorded=True)
        for warning in report.warnings:
            print(f"trafmon analyse: {warning}", file=sys.stderr)
        if not quiet:
            from trafmon.summary import summarise

            summarise(pipeline.database, {"CSV files": pipeline.spool, "database": pipeline.database,
                                          "configuration": pipeline.configuration})
    except (StoreError, OSError) as error:  # OSError: nowhere to print, a full disk
        print(f"trafmon analyse: {error}", file=sys.stderr)
        return LOAD_FAILED
    return 0


def bpf(text: str) -> str:
    from tmon_common.config.bpf import parse_bpf

    try:
        return parse_bpf(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def bar():
    """On a terminal a progress bar, in a pipe nothing."""
    if not sys.stderr.isatty():
        return None
    from trafmon.progress import ProgressBar

    return ProgressBar()
