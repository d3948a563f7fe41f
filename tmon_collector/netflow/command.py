"""The receiver of flow records as a program: what it is given, what it prints, its exit status."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

from tmon_collector.netflow.bounds import LONGEST_MS
from tmon_collector.netflow.ports import POLICIES
from tmon_collector.netflow.sampling import MAX_RATE
from tmon_common.config.locate import locate
from tmon_common.config.model import Collector, Diagnostics
from tmon_common.config.problems import ConfigurationError
from tmon_common.config.quantities import parse_duration, parse_octets

PROGRAM = "trafmon_netflow"
DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
DEFAULT_PORT = 2055
MAX_LONGEST_NS = 20 * 86_400_000_000_000
"""Times within a flow are multiplied with one another in 64 bits."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(MISUSED, f"{self.prog}: {message}\n")


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; expected 0 to 65535")
    return int(text)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected letters, digits, - and _, at most 64")
    return text


def _rate(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,8}", text) or not 1 <= int(text) <= MAX_RATE:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 to {MAX_RATE}, packets for each that is looked at")
    return int(text)


def _duration(low_ns: int, high_ns: int):
    def parse(text: str) -> int:
        try:
            return parse_duration(text, low_ns, high_ns)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text}: {error}") from None
    return parse


def _octets(text: str) -> int:
    try:
        return parse_octets(text, 1 << 12, 1 << 30)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def _exporter(text: str) -> tuple[str, str]:
    address, _, name = text.partition("=")
    try:
        address = str(ip_address(address))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: expected ADDRESS or ADDRESS=NAME") from None
    if name and not _NAME.fullmatch(name):
        raise argparse.ArgumentTypeError(f"name {name!r}: expected letters, digits, - and _, at most 64")
    return address, name or address


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog=PROGRAM, allow_abbrev=False,
                     description="Flow records (NetFlow v5, v9, IPFIX) as observations in the spool of a collector.")
    common = _Parser(add_help=False, allow_abbrev=False)
    common.add_argument("-l", dest="local", action="store_true", help="the configuration is ./tmon.xml")
    common.add_argument("-c", dest="config", type=Path, metavar="FILE", help="configuration (default /etc/trafMon/xml/tmon.xml)")
    common.add_argument("--collector", metavar="NAME", help="the collector into whose spool is written, of several")
    common.add_argument("--spool", type=Path, metavar="DIR", help="spool, instead of a configured one: no configuration is read")
    common.add_argument("--name", type=_name, default="netflow", help="of this receiver in names of files; two need two (netflow)")
    common.add_argument("--exporter", type=_exporter, action="append", default=[], metavar="ADDRESS[=NAME]",
                        help="what to call an exporter; again for others; default: its address")
    common.add_argument("--ports", choices=POLICIES, default="service",
                        help="which ports make a flow: of services (the client's is left empty; default), both, none")
    common.add_argument("--longest", type=_duration(60_000_000_000, MAX_LONGEST_NS), default=LONGEST_MS * 1_000_000,
                        metavar="DURATION", help="flows that last longer are taken to have lasted so long (1day)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    receive = commands.add_parser("receive", parents=[common], help="from exporters, by UDP, until SIGTERM or Ctrl-C",
                                  allow_abbrev=False)
    receive.add_argument("--listen", default="", metavar="ADDRESS", help="address of this machine (all)")
    receive.add_argument("--port", type=_port, default=DEFAULT_PORT, metavar="N",
                         help=f"UDP port ({DEFAULT_PORT}); 0: any that is free")
    receive.add_argument("--ready-fd", type=int, metavar="N", help="write the port to this descriptor once it is listened on")
    receive.add_argument("--listed-only", action="store_true", help="hear those of --exporter only")
    receive.add_argument("--sampling", type=_rate, default=1, metavar="N", help="rate of exporters that do not tell theirs (1)")
    receive.add_argument("--linger", type=_duration(0, 3600_000_000_000), default=60_000_000_000, metavar="DURATION",
                         help="how long a minute is open after its end (1min)")
    receive.add_argument("--buffer", type=_octets, default=8 << 20, metavar="OCTETS",
                         help="asked of the kernel for what waits (8MiB)")
    read = commands.add_parser("read", parents=[common], help="from files as `nfdump -o csv` prints them", allow_abbrev=False)
    read.add_argument("--from", dest="source", type=_name, default="nfdump", metavar="NAME",
                      help="exporter of rows that name none (nfdump)")
    read.add_argument("files", nargs="+", type=Path, metavar="FILE", help="- for standard input")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done; 1 something could not be read or written; 2 wrong arguments or configuration, or cannot start."""
    arguments = _arguments(argv)
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # before or after its work
        return _fail("interrupted", INTERRUPTED)


def _run(arguments: argparse.Namespace) -> int:
    from tmon_common import diagnostics

    level = Diagnostics(level="info")
    if arguments.spool:
        parameters = Collector(arguments.name, "", 0, arguments.spool)
    else:
        from tmon_common.config.read import read
        from tmon_common.config.select import select_collector

        try:
            configuration = read(locate(arguments.local, arguments.config).current)
            parameters = replace(select_collector(configuration, arguments.collector), name=arguments.name)
        except ConfigurationError as error:
            return _fail(str(error), MISUSED)
        level = configuration.diagnostics
    if arguments.spool is None and any(c.name == arguments.name for c in configuration.collectors):
        return _fail(f"--name {arguments.name}: a collector has that name, and its files; choose another", MISUSED)
    from tmon_collector.receive import ListenError
    from tmon_collector.spool import SpoolError

    try:
        diagnostics.set_up(level, PROGRAM)
        if arguments.command == "receive":
            return _receive(arguments, parameters)
        return _read(arguments, parameters)
    except (ListenError, SpoolError, OSError) as error:
        return _fail(str(error), MISUSED)


def _receive(arguments: argparse.Namespace, parameters: Collector) -> int:
    from tmon_collector.netflow.server import Options, Server
    from tmon_collector.netflow.sessions import Exporters
    from tmon_collector.ready import tell_ready
    from tmon_common.clock import SystemClock

    parameters = replace(parameters, address=arguments.listen, port=arguments.port, receive_buffer_octets=arguments.buffer)
    exporters = Exporters(dict(arguments.exporter), listed_only=arguments.listed_only)
    options = Options(arguments.linger, arguments.ports, arguments.sampling, arguments.longest // 1_000_000)
    server = Server(parameters, exporters, options, SystemClock())
    server.run(lambda: tell_ready(server.receiver.port, arguments.ready_fd))
    return FAILED if server.statistics.given_up else DONE


def _read(arguments: argparse.Namespace, parameters: Collector) -> int:
    from tmon_collector.netflow.file_reader import FileReader
    from tmon_collector.netflow.sessions import Exporters
    from tmon_common.clock import SystemClock

    reader = FileReader(parameters, Exporters(dict(arguments.exporter)), arguments.source, arguments.ports,
                        arguments.longest // 1_000_000, SystemClock())
    status = DONE
    try:
        for path in arguments.files:
            problem = reader.read(path)
            if problem:
                status = _fail(problem, FAILED)
    except KeyboardInterrupt:
        status = _fail(f"interrupted; what is told below was read, and counts: do not read {path} again", INTERRUPTED)
    finally:
        reader.close()
    sys.stdout.write(f"{PROGRAM}: {reader.summary}\n")
    return max(status, FAILED if reader.statistics.given_up else DONE)


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"{PROGRAM}: {message}\n")
    return status


