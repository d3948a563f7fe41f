"""tmon_probe: capture packets at the interfaces of a probe, analyse them, publish observations."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common import diagnostics
from tmon_common.clock import SystemClock
from tmon_common.config.locate import Locations, locate
from tmon_common.config.model import Configuration, Probe
from tmon_common.config.problems import ConfigurationError
from tmon_common.config.read import read
from tmon_common.config.select import select_probe
from tmon_common.control import Control
from tmon_common.restart import Launch

if TYPE_CHECKING:
    from tmon_probe.privileges.giving_up import Remaining

USAGE_ERROR, START_ANEW, INTERRUPTED = 2, 4, 130

log = logging.getLogger("tmon_probe")


def main(arguments: list[str] | None = None) -> int:
    try:
        return _run(_parser().parse_args(arguments))
    except KeyboardInterrupt:  # while starting
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    launch = Launch()
    locations = locate(options.local, options.configuration, options.next)
    try:
        configuration = read(locations.current)
        probe = select_probe(configuration, options.probe)
        diagnostics.set_up(configuration.diagnostics, "tmon_probe")
    except (ConfigurationError, OSError) as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR

    from tmon_probe.privileges.giving_up import PrivilegesGoneError, give_up

    try:
        remaining = give_up(probe)
    except PrivilegesGoneError as error:
        log.error("%s", error)
        return START_ANEW
    except OSError as error:
        print(f"tmon_probe: privileges cannot be given up: {error}; start it without any, or let the system allow capset and prctl",
              file=sys.stderr)
        return USAGE_ERROR
    try:
        return _capture(configuration, probe, locations, launch, options.probe, remaining)
    finally:
        remaining.close()


def _capture(configuration: Configuration, probe: Probe, locations: Locations, launch: Launch, name: str | None,
             remaining: Remaining) -> int:
    """name: as given on the command line."""
    from tmon_common.analyses.catalogue import PluginError
    from tmon_common.pdu.key_file import KeyFileError
    from tmon_probe.child.guard import AnalysisError
    from tmon_probe.father.capture.batch import CaptureError  # from here on numba is needed: half a second to load
    from tmon_probe.privileges.giving_up import PrivilegesError
    from tmon_probe.processes import ProbeProcesses
    from tmon_probe.ring_memory import RingMemoryError
    from tmon_probe.startable import check_start

    clock = SystemClock()
    control = Control("tmon_probe", locations, configuration, lambda c: check_start(c, name), clock, launch)
    try:
        processes = ProbeProcesses(configuration, probe, control, clock, remaining)
        status = processes.run()
        if not processes.restarting:
            return status
        return control.restart(lambda: processes.stop_asked, handed=remaining.handed_over())
    except (AnalysisError, CaptureError, KeyFileError, PluginError, PrivilegesError, RingMemoryError) as error:
        print(f"tmon_probe: {error}", file=sys.stderr)
    except FileExistsError:
        print(f"tmon_probe: probe {probe.name} of {configuration.path} runs already on this host", file=sys.stderr)
    return USAGE_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tmon_probe", description="Passive network probe of trafMon; runs in the foreground.")
    parser.add_argument("-l", dest="local", action="store_true", help="use ./tmon.xml and ./tmon-new.xml")
    parser.add_argument("-c", dest="configuration", type=Path, metavar="FILE", help="configuration (/etc/trafMon/xml/tmon.xml)")
    parser.add_argument("-n", dest="next", type=Path, metavar="FILE", help="configuration to follow (tmon-new.xml beside it)")
    parser.add_argument("probe", nargs="?", metavar="probeName", help="which probe of the file this is; not needed if it declares "
                                                                      "only one, or one whose host is this machine")
    return parser


if __name__ == "__main__":
    sys.exit(main())
