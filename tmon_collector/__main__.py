"""tmon_collector: receives the PDUs of probes and writes their observations to the spool.

Exit status: 0 stopped by SIGTERM or SIGINT, everything written; 1 the same, but results of one-way measurement could not be,
which the next start does; 2 cannot start.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

UNWRITTEN = 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        msg = f"{text} is no port; expected 0 to 65535"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _writable_descriptor(text: str) -> int:
    try:
        if fcntl.fcntl(int(text), fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
            return int(text)
    except (OSError, ValueError, OverflowError):
        pass  # as one that is open for reading
    msg = f"{text} is no descriptor open for writing"
    raise argparse.ArgumentTypeError(msg)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="tmon_collector", description="Receive the PDUs of probes, write CSV files to the spool.",
                     allow_abbrev=False)
    parser.add_argument("-l", dest="local", action="store_true", help="configuration in ./tmon.xml (next: ./tmon-new.xml)")
    parser.add_argument("-c", dest="current", type=Path, metavar="FILE", help="configuration (default /etc/trafMon/xml/tmon.xml)")
    parser.add_argument("-n", dest="next", type=Path, metavar="FILE", help="where the next configuration will be put")
    parser.add_argument("--port", type=_port, metavar="N", help="listen on this port instead, 0 for any that is free")
    parser.add_argument("--ready-fd", type=_writable_descriptor, metavar="N",
                        help="write the port to this descriptor once it is listened on")
    parser.add_argument("name", nargs="?", metavar="collectorName", help="which collector of the configuration this is")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    try:
        return _run(_arguments(argv))
    except KeyboardInterrupt:  # before the collector has taken over the signals
        return 130


def _run(arguments: argparse.Namespace) -> int:
    from tmon_common.config.locate import locate
    from tmon_common.config.problems import ConfigurationError
    from tmon_common.config.read import read
    from tmon_common.config.select import select_collector
    from tmon_common.restart import Launch

    launch = Launch()
    locations = locate(arguments.local, arguments.current, arguments.next)
    try:
        configuration = read(locations.current)
        parameters = select_collector(configuration, arguments.name)
        if arguments.port is not None:
            parameters = replace(parameters, port=arguments.port)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2

    from tmon_collector.collector import Collector
    from tmon_collector.ready import tell_ready
    from tmon_collector.receive import ListenError
    from tmon_collector.spool import SpoolError
    from tmon_common import diagnostics, service_manager
    from tmon_common.clock import SystemClock
    from tmon_common.control import Control

    try:
        diagnostics.set_up(configuration.diagnostics, "tmon_collector")
        clock = SystemClock()
        control = Control("tmon_collector", locations, configuration, lambda c: select_collector(c, arguments.name), clock, launch)
        service_manager.step("reading what the last run has left")
        collector = Collector(configuration, parameters, clock, control)
    except (ListenError, SpoolError, OSError, ValueError) as error:
        print(f"tmon_collector: {error}", file=sys.stderr)
        return 2
    collector.run(on_ready=lambda: tell_ready(collector.receiver.port, arguments.ready_fd))
    if not collector.restarting:
        return UNWRITTEN if collector.one_way.unwritten else 0
    same_port = None if arguments.port is None else str(collector.receiver.port)
    return control.restart(lambda: collector.stopped, {"--ready-fd": None, "--port": same_port})


if __name__ == "__main__":
    sys.exit(main())
